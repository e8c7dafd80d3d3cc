"""Turn what the SDK raises into what a lane understands: RetryLater, Rejected or Unauthorized.

The SDK's messages name no status where it gave up on one, and lose ``Retry-After``; both are read
from the answer that urllib3 was looking at when it raised.
"""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import re
import traceback
from collections.abc import Iterator
from typing import Any

from trackhub.errors import DeliveryError, Rejected, RetryLater, Unauthorized

_REFUSED = {"UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED", "PERMISSION_DENIED"}
_NEVER = {
    "ALREADY_EXISTS",
    "BAD_REQUEST",
    "INVALID_PARAMETER_VALUE",
    "INVALID_STATE",
    "NOT_FOUND",
    "NOT_IMPLEMENTED",
    "RESOURCE_ALREADY_EXISTS",
    "RESOURCE_DOES_NOT_EXIST",
}
_LATER = {
    "ABORTED",
    "CANCELLED",
    "DEADLINE_EXCEEDED",
    "REQUEST_LIMIT_EXCEEDED",
    "RESOURCE_CONFLICT",
    "RESOURCE_EXHAUSTED",
    "TEMPORARILY_UNAVAILABLE",
}
_LATER_STATUS = {408, 425, 429, 502, 503, 504}
_NEVER_STATUS = {400, 405, 409, 413, 414, 422, 501}
_SERVER_ERROR = 500
_NO_SUCH_PAGE = 404
_LONGEST = 600
_WRAPPED = re.compile(r"with url: (?P<path>/[^\s?]*)\S* \(Caused by \w+\([\"']?(?P<reason>.*?)[\"']?\)\)", re.DOTALL)
_POOL = re.compile(r"^(HTTPS?Connection(Pool)?\([^)]*\)|<[^>]*>)[:,]?\s*[\"']?")


@contextlib.contextmanager
def translated(shown: str, *, downloading: bool = False) -> Iterator[None]:
    """Raise what the SDK raises inside as an error that a lane understands.

    :param shown: the destination, for messages.
    :param downloading: the SDK hides why a download failed; it is worth another try.
    """
    try:
        yield
    except DeliveryError:
        raise
    except Exception as error:
        raised = classify(error, shown, downloading=downloading)
        if raised is None:
            raise
        raise raised from None  # the SDK's message may hold the URL's password


def classify(error: BaseException, shown: str, *, downloading: bool = False) -> DeliveryError | None:
    """Return what an exception means to a lane, or None where it is not the vendor's."""
    status, headers = _answer(error)
    code = code_of(error)
    text = f"{shown}: {readable(error)}"
    if status in (401, 403) or code in _REFUSED:
        return Unauthorized(
            f"{text}; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, "
            "for the delivery process too"
        )
    if status in _LATER_STATUS:
        return RetryLater(text, retry_after_s=retry_after(headers.get("Retry-After")))
    if is_no_such_page(error):
        return RetryLater(f"{text}; is this an MLflow server?")
    if status == _SERVER_ERROR:
        return DeliveryError(text)  # a fault of the server or poison for it: tried a bounded number of times
    if status in _NEVER_STATUS:
        return Rejected(text)
    if status is not None or code in _LATER or (downloading and code == "INTERNAL_ERROR") or _is_network(error):
        return RetryLater(text)
    if code in _NEVER:
        return Rejected(text)
    return DeliveryError(text) if code else None


def is_no_such_page(error: BaseException) -> bool:
    """Return whether a server knows no such address at all; what it does not hold is another error."""
    return _answer(error)[0] == _NO_SUCH_PAGE or code_of(error) == "ENDPOINT_NOT_FOUND"


def code_of(error: BaseException) -> str:
    """Return MLflow's word for an error, or nothing."""
    return str(getattr(error, "error_code", ""))


def retry_after(value: str | None, now: datetime.datetime | None = None) -> float | None:
    """Return the seconds that a ``Retry-After`` asks for: a number, or a date.

    >>> retry_after("7"), retry_after("soon")
    (7.0, None)
    """
    if value is None:
        return None
    try:
        return max(float(value), 0.0)
    except ValueError:
        pass
    try:
        then = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max((then - (now or datetime.datetime.now(datetime.UTC))).total_seconds(), 0.0)


def readable(error: BaseException) -> str:
    """Return an exception's message, short and without user-info of any URL.

    >>> readable(ValueError("to http://me:secret@host/api: refused"))
    'to http://host/api: refused'

    Of what urllib3 wraps again and again, the path and the reason are kept.
    """
    text = re.sub(r"(?<=//)[^/@\s]*@", "", str(error)).strip() or type(error).__name__
    wrapped = _WRAPPED.search(text)
    if wrapped is not None:
        text = f"{wrapped['path']}: {_POOL.sub('', wrapped['reason'])}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__ or seen.__context__


def _answer(error: BaseException) -> tuple[int | None, Any]:
    """Return the status and headers of the answer that led to an exception, if one did."""
    for link in _chain(error):
        response = getattr(link, "response", None)
        if response is not None:
            return int(response.status_code), response.headers
        if type(link).__name__ == "MaxRetryError":
            for frame, _ in traceback.walk_tb(link.__traceback__):
                held: Any = frame.f_locals.get("response")
                if isinstance(getattr(held, "status", None), int):
                    return held.status, held.headers
            said = re.search(r"too many (\d{3}) error responses", str(link))
            if said:
                return int(said[1]), {}
    return None, {}


def _is_network(error: BaseException) -> bool:
    return any(
        type(link).__module__.partition(".")[0] in {"requests", "urllib3"} or isinstance(link, ConnectionError)
        for link in _chain(error)
    )

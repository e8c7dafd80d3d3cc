"""Turn what the SDK raises into what a lane understands: RetryLater, Rejected or Unauthorized.

The SDK's own messages hold the API key now and then; of them, only what the server said is kept.
"""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from trackhub.errors import DeliveryError, Rejected, RetryLater, SettingsError, Unauthorized

NO_KEY, NO_WORKSPACE, FULL = 90212, 90219, 7000020
SET_KEY = "set COMET_API_KEY, or api_key in ~/.comet.config, for the delivery process too"
_PAYMENT, _NO_SUCH_PAGE, _TOO_MANY, _SERVER_ERROR = 402, 404, 429, 500
_BAD_REQUEST = 400
_NEVER_STATUS = {400, 404, 405, 409, 410, 413, 414, 415, 422, 501}
_LONG_WAIT_S = 600.0
_LONGEST = 500
_KEY_ERRORS = {"InvalidAPIKey": NO_KEY, "InvalidWorkspace": NO_WORKSPACE, "MaxExperimentNumberReachedException": FULL}
_NEVER_ERRORS = {
    "ProjectNameIsTooLong",
    "ProjectNameEmpty",
    "ProjectConsideredLLM",
    "SDKVersionIsTooOldException",
    "ServiceAccountWorkspaceRestricted",
    "ViewOnlyAccessException",
}


@contextlib.contextmanager
def translated(shown: str, secrets: Mapping[str, str] | None = None) -> Iterator[None]:
    """Raise what the SDK raises inside as an error that a lane understands.

    :param shown: the destination, for messages.
    :param secrets: what must not be told, and what stands for it.
    """
    try:
        yield
    except (DeliveryError, SettingsError):
        raise
    except Exception as error:
        raised = classify(error, shown, secrets or {})
        if raised is None:
            raise
        raise raised from None  # the SDK's message may hold the key


def classify(error: BaseException, shown: str, secrets: Mapping[str, str]) -> DeliveryError | None:
    """Return what an exception means to a lane, or None where it is not the vendor's."""
    response = _response(error)
    code = getattr(error, "sdk_error_code", None) or _KEY_ERRORS.get(type(error).__name__)
    text = f"{shown}: {_told(error, response, secrets)}"
    if code == NO_KEY:
        return Unauthorized(f"{shown}: Comet does not know this API key; {SET_KEY}")
    if code == NO_WORKSPACE:
        return Unauthorized(f"{shown}: this API key has no such workspace; correct the URL, or take another key")
    if code == FULL:
        return RetryLater(f"{text}; delete some, or ask Comet for more", retry_after_s=_LONG_WAIT_S)
    if type(error).__name__ in _NEVER_ERRORS:
        return Rejected(text)
    if response is not None:
        return _by_status(response, text)
    if _is_network(error):
        return RetryLater(text)
    return DeliveryError(text) if _is_of_the_sdk(error) else None


def took_nothing(error: BaseException) -> bool:
    """Return whether a server that answered so has certainly taken nothing of the request."""
    response = _response(error)
    return response is not None and _BAD_REQUEST <= response.status_code < _SERVER_ERROR


def retry_after(headers: Mapping[str, str], now: datetime.datetime | None = None) -> float | None:
    """Return the seconds that an answer asks to wait: Comet's own header, or the usual one.

    >>> retry_after({"Retry-After-Custom": "7"}), retry_after({"Retry-After": "soon"})
    (7.0, None)
    """
    value = headers.get("Retry-After-Custom") or headers.get("Retry-After")
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


def _by_status(response: Any, text: str) -> DeliveryError:
    status = response.status_code
    if status in (401, 403):
        return Unauthorized(f"{text}; {SET_KEY}")
    if status == _PAYMENT:
        return RetryLater(f"{text}; the plan of this workspace allows no more", retry_after_s=_LONG_WAIT_S)
    if status == _SERVER_ERROR:
        return DeliveryError(text)  # a fault of the server or poison for it: tried a bounded number of times
    if status in _NEVER_STATUS:
        return Rejected(f"{text}; is this a Comet server?" if status == _NO_SUCH_PAGE else text)
    wait = retry_after(response.headers)
    return RetryLater(text, retry_after_s=60.0 if status == _TOO_MANY and wait is None else wait)


def _told(error: BaseException, response: Any, secrets: Mapping[str, str]) -> str:
    """Return what happened, short and without what is secret."""
    if response is None:
        text = re.sub(r"(?<=//)[^/@\s]*@", "", str(error)).strip() or type(error).__name__
    else:
        said = getattr(error, "safe_msg", None) or response.text
        path = urlsplit(str(response.url)).path
        text = f"{response.request.method} {path}: {response.status_code} {said or response.reason or ''}".strip()
    for secret, instead in secrets.items():
        text = text.replace(secret, instead) if secret else text
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__ or seen.__context__


def _response(error: BaseException) -> Any:
    # Not by truth: a response that says no is false.
    held = getattr(error, "response", None)
    return held if hasattr(held, "status_code") else None


def _is_network(error: BaseException) -> bool:
    return any(
        type(link).__module__.partition(".")[0] in {"requests", "urllib3"} or isinstance(link, ConnectionError)
        for link in _chain(error)
    )


def _is_of_the_sdk(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] == "comet_ml"

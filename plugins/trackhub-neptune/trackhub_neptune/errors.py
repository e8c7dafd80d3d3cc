"""Turn what a server answers, or does not, into what a lane understands: RetryLater, Rejected or Unauthorized."""

from __future__ import annotations

import datetime
import email.utils
import re
from collections.abc import Mapping

from trackhub.errors import DeliveryError, Rejected, RetryLater, Unauthorized

_LATER = {408, 409, 423, 425, 429, 502, 503, 504}
_NEVER = {400, 402, 405, 406, 410, 413, 414, 415, 422, 501}
_REFUSED = {401, 403}
_SERVER_ERROR, _NOT_THERE = 500, 404
_LONGEST = 400
_SECRETS = re.compile(r"(?<=//)[^/@\s]*@|(?<=Bearer )\S+|eyJ[A-Za-z0-9_=-]{8,}[A-Za-z0-9_.=-]*|(?<=\?)\S+")


def for_status(status: int, said: str, headers: Mapping[str, str], shown: str) -> DeliveryError:
    """Return the error of an answer that is no success.

    :param said: what the server said, or which route it was.
    """
    text = f"{shown}: HTTP {status}: {readable(said)}"
    if status in _REFUSED:
        advice = "set NEPTUNE_API_TOKEN (or what token_env names) to one of this server, for the delivery process too"
        return Unauthorized(f"{text}; {advice}")
    if status in _LATER:
        return RetryLater(text, retry_after_s=retry_after(headers.get("Retry-After")))
    if status == _NOT_THERE:
        return RetryLater(f"{text}; is this the Neptune that the destination's api says?")
    if status in _NEVER:
        return Rejected(text)
    if status == _SERVER_ERROR:
        return DeliveryError(text)  # a fault of the server or poison for it: tried a bounded number of times
    return RetryLater(text)


def away(error: BaseException, shown: str) -> RetryLater:
    """Return the error of a server that does not answer."""
    return RetryLater(f"{shown}: no answer: {type(error).__name__}: {readable(str(error))}")


def retry_after(value: str | None, now: datetime.datetime | None = None) -> float | None:
    """Return the seconds that a ``Retry-After`` asks for: a number, or a date.

    >>> retry_after("7"), retry_after("soon"), retry_after(None)
    (7.0, None, None)
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


def readable(text: str) -> str:
    """Return a message on one line, short, and without tokens, user-info and the queries of URLs.

    >>> readable("GET http://me:secret@host/a?signature=x of Bearer abc failed")
    'GET http://host/a? of Bearer failed'
    """
    plain = " ".join(_SECRETS.sub("", text).split())
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"

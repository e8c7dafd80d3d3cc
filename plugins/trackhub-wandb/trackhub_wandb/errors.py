"""Turn what the SDK says into what a lane understands: RetryLater, Rejected or Unauthorized; from its texts alone.

The SDK asks from a program of its own, ``wandb-core``, and hands on no status but in words.
"""

from __future__ import annotations

import re

from trackhub.errors import DeliveryError, Rejected, RetryLater, Unauthorized

_LONGEST = 500
_NO_KEY = ("No API key configured", "No authentication configured", "API key must", "relogin")
_DENIED = re.compile(
    r"\b(401|403)\b|unauthori[sz]ed|permission denied|permission_denied|not logged in|invalid api key", re.IGNORECASE
)
_NEVER = re.compile(
    r"\b(400|404|409|410|413|414|422)\b|UsageError|invalid|previously created and deleted", re.IGNORECASE
)
_LATER = re.compile(
    r"\b(408|425|429|5\d\d)\b|timed? ?out|timeout|connection|connect|EOF|reset|refused|giving up|retry|unavailable"
    r"|in use|service process|no such host|broken pipe|temporar|mailbox",
    re.IGNORECASE,
)


def classify(kind: str, text: str, shown: str) -> DeliveryError:
    """Return what an error of the SDK means to a lane.

    :param kind: the name of its class.
    :param shown: the destination, for the message.

    >>> type(classify("CommError", "HTTP 401: user is not logged in", "wandb://team")).__name__
    'Unauthorized'
    """
    said = readable(text) or kind
    message = f"{shown}: {said.rstrip('.')}"
    denied = any(word in text for word in _NO_KEY) or _DENIED.search(text)
    if not denied and _LATER.search(text):
        return RetryLater(message)  # also where the SDK could not verify a key, as nobody answered
    if denied or kind == "AuthenticationError":
        return Unauthorized(
            f"{message}; set WANDB_API_KEY, or run `wandb login`, for the account that delivery runs under"
        )
    if _NEVER.search(text):
        return Rejected(message)
    return DeliveryError(f"{message} ({kind})")


def readable(text: str) -> str:
    """Return a message, short, on one line, and without anything that looks like a key.

    >>> readable("to http://me:secret@host/graphql:  refused")
    'to http://host/graphql: refused'
    """
    text = re.sub(r"(?<=//)[^/@\s]*@", "", text)
    text = re.sub(r"\b(?:local-|wandb_v\d+_)?[0-9A-Za-z_]{40,}\b", "…", text)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"

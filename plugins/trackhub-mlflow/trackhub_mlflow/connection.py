"""Ask a store who it is, by a deadline; from the SDK's own HTTP, or a database that knows no deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from trackhub.errors import RetryLater

_T = TypeVar("_T")


def probe(request: Callable[..., Any], creds: Any, path: str, deadline: float, shown: str, **body: Any) -> str:
    """Return a server's answer: to a POST if there is a body, else to a GET.

    :param request: the SDK's ``http_request``, so that credentials and certificates are its own.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise RetryLater(f"{shown}: no answer in time")
    # Halved, as it is the limit of connecting and of each read.
    limits = {"max_retries": 0, "timeout": left / 2, "raise_on_status": False}
    answer = request(creds, path, "POST" if body else "GET", **limits, **body)
    answer.raise_for_status()
    return str(answer.text)


def within(deadline: float, ask: Callable[[], _T], shown: str) -> _T:
    """Return what a question answers by a deadline, asked in a thread of its own."""
    answers: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(ask())
        except BaseException as error:  # noqa: BLE001  raised again where it was asked
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(max(deadline - time.monotonic(), 0.0))
    if errors:
        raise errors[0]
    if not answers:
        raise RetryLater(f"{shown}: no answer in time")
    return answers[0]

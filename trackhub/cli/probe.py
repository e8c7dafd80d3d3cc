"""Ask destinations who they are, all at once and each within a time limit; a vendor may hang for ever.

Each is asked in a thread of its own that nobody waits for: one that does not answer is left behind.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trackhub.backend import BackendCalls
from trackhub.errors import RetryLater, SettingsError, TrackhubError, Unauthorized

_left_behind: list[threading.Thread] = []


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold what a destination answered, or why it did not."""

    destination: str
    ok: bool
    detail: str


def unfinished() -> bool:
    """Return whether a vendor still has not answered."""
    return any(thread.is_alive() for thread in _left_behind)


def probe(
    destinations: Sequence[tuple[str, str]], open_backend: Callable[[str], BackendCalls], limit_s: float
) -> list[Answer]:
    """Return each destination's answer, in at most the time given for all of them together.

    :param destinations: how each is shown, and its URL or name.
    """
    deadline = time.monotonic() + limit_s
    answers: dict[int, Answer] = {}

    def ask(place: int, shown: str, destination: str) -> None:
        answers[place] = _ask(shown, lambda: open_backend(destination), deadline)

    threads = [
        threading.Thread(target=ask, args=(place, *pair), name=f"trackhub probe {place}", daemon=True)
        for place, pair in enumerate(destinations)
    ]
    # What a vendor's client prints is not the answer.
    with contextlib.redirect_stdout(sys.stderr):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
    _left_behind.extend(threads)
    silent = f"no answer within {limit_s:g} s: it hangs, or it is far away"
    return [
        answers.get(place) or Answer(shown, ok=False, detail=silent) for place, (shown, _) in enumerate(destinations)
    ]


def _ask(shown: str, open_backend: Callable[[], BackendCalls], deadline: float) -> Answer:
    try:
        calls = open_backend()
        if not calls.can("check_connection"):
            return Answer(shown, ok=True, detail="its plugin cannot ask; a delivery will tell")
        found = calls.check_connection(deadline)
        calls.close()
        parts = (found.version and f"version {found.version}", found.account and f"as {found.account}", found.detail)
        return Answer(shown, ok=True, detail=", ".join(part for part in ("reachable", *parts) if part))
    except Unauthorized as error:
        return Answer(shown, ok=False, detail=f"its credentials are missing or refused: {error}")
    except RetryLater as error:
        return Answer(shown, ok=False, detail=f"not reachable: {error}")
    except SettingsError as error:
        return Answer(shown, ok=False, detail=str(error).removeprefix(f"{shown}: "))
    except TrackhubError as error:
        return Answer(shown, ok=False, detail=str(error))
    except BaseException as error:  # noqa: BLE001 - a vendor's client may do anything, exit included
        return Answer(shown, ok=False, detail=f"{type(error).__name__}: {error}")

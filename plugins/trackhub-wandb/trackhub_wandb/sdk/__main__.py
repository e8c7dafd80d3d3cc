"""Answer questions from standard input, one line of JSON each, through the SDK; end when nobody is left to ask."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from typing import Any

_IDLE_S = 30.0
_REST = "rest"
_DEEPEST = 4
_GONE = (
    "the service process",
    "TimeoutError",
    "ConnectionResetError",
    "BrokenPipeError",
    "MailboxClosedError",
    "HandleAbandonedError",
)
"""What tells that ``wandb-core`` is gone or stuck."""


def main() -> None:
    """Answer until the other end is gone, or has not asked for a while."""
    folder = sys.argv[1]
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # whatever the SDK prints must not be taken for an answer
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(lines, folder), daemon=True).start()
    subprocess.Popen = _Together  # type: ignore[misc,assignment]
    from trackhub_wandb.sdk.desk import Desk  # noqa: PLC0415  the SDK comes with it

    desk = Desk(folder)
    idle: float | None = None
    while True:
        try:
            given: dict[str, Any] = json.loads(lines.get(timeout=idle))
        except queue.Empty:
            _end(folder)
        what = given.pop("what")
        idle = _IDLE_S if what == _REST else None
        answers.write(json.dumps(_answer(desk, what, given)) + "\n")
        answers.flush()


class _Together(subprocess.Popen[bytes]):
    """Keep what the SDK starts in this process's group, so that all of it ends at once.

    ``wandb-core`` would go on for a second in a session of its own, and send what the next delivery sends as well.
    """

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **{**more, "start_new_session": False})


def _answer(desk: Any, what: str, given: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"answer": getattr(desk, f"do_{what}")(**given)}
    except BaseException as error:  # noqa: BLE001  whatever it is, it is told, and means something there
        chain = _chain(error)
        kinds = [type(link).__name__ for link in chain]
        text = "; ".join(dict.fromkeys(filter(None, map(_said, chain)))) or ", ".join(kinds)
        gone = any(word in kinds or word in text for word in _GONE)
        return {"error": text, "kind": kinds[0], "spoilt": desk.spoilt or gone}


def _chain(error: BaseException) -> list[BaseException]:
    """Return an exception and those behind it."""
    chain: list[BaseException] = []
    seen: BaseException | None = error
    while seen is not None and len(chain) < _DEEPEST:
        chain.append(seen)
        seen = getattr(seen, "exc", None) or seen.__cause__ or seen.__context__
    return chain


def _said(error: BaseException) -> str:
    """Return what an exception says, with the status that the server answered."""
    status = getattr(getattr(error, "response", None), "http_status", None)
    return f"HTTP {status}: {error}" if status else str(error)


def _listen(lines: queue.Queue[str], folder: str) -> None:
    """Pass questions on; when the other end is gone, so is this process, at once, and the SDK's own with it."""
    for line in sys.stdin:
        lines.put(line)
    _end(folder)


def _end(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()

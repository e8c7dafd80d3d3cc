"""Be the delivery process: take notices of runs on stdin, deliver, and outlive the training.

Started as ``python -m trackhub.deliver PARENT_PID``. It ends when everything is delivered after
its parent is gone, when it has tried for long enough, or when there is nothing to deliver at all.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time

import msgspec

from trackhub.backend import Destination
from trackhub.delivery.dispatch import Dispatch
from trackhub.delivery.ending import end_attempt
from trackhub.delivery.garbage import sdk_left_out
from trackhub.delivery.process import RunNotice
from trackhub.hub import capture_environment_of, new_delivery_header, new_dispatch
from trackhub.journal.store import RunFolder

log = logging.getLogger("trackhub")

POLL_S = 0.1
LAST_WORDS_S = 1.0
CAPTURE_S = 30.0
CLOSE_S = 5.0
GENTLER = 5
"""The training's own processes go first where the processors are all busy."""


class DeliveryMain:
    """Follow one training process and deliver its runs."""

    def __init__(self, parent: int, dispatch: Dispatch) -> None:
        self._parent = parent
        self._dispatch = dispatch
        self._notices: list[RunNotice] = []
        self._captures: list[threading.Thread] = []
        self._pipe_ended = threading.Event()
        self._news = threading.Event()

    def run(self) -> None:
        """Work until there is nothing left to do."""
        threading.Thread(target=self._listen, name="trackhub notices", daemon=True).start()
        while not self._parent_gone():
            if self._news.is_set() and self._dispatch.empty and not self._capturing():
                return  # an offline run's environment is captured: there is nothing to wait for
            self._pipe_ended.wait(POLL_S)
        # What it said last may still be in the pipe, which a forked child may hold open.
        self._pipe_ended.wait(LAST_WORDS_S)
        gone = time.monotonic()
        self._wait_for_captures()
        for notice in list(self._notices):
            folder = RunFolder(notice.place)
            with contextlib.suppress(Exception):  # one run's store may be gone; the others are not
                end_attempt(folder, notice.attempt, new_delivery_header(folder))
        self._dispatch.wake()
        linger = max((notice.linger_s for notice in self._notices), default=0.0)
        while not self._dispatch.done and time.monotonic() - gone < linger:
            time.sleep(POLL_S)

    def _listen(self) -> None:
        """Take notices until the pipe ends; an empty line asks to deliver now."""
        for line in sys.stdin.buffer:
            if not line.strip():
                self._dispatch.wake()
                continue
            try:
                self._take(msgspec.json.decode(line, type=RunNotice))
            except msgspec.MsgspecError as error:
                log.warning("a notice cannot be read: %s", error)
        self._pipe_ended.set()

    def _take(self, notice: RunNotice) -> None:
        folder = RunFolder(notice.place)
        if notice.facts is not None:
            capture = threading.Thread(target=self._capture, args=(folder, notice), daemon=True)
            self._captures.append(capture)
            capture.start()
        self._notices.append(notice)
        for name, url in notice.destinations:
            self._dispatch.add(folder, Destination.parse(url, name))
        self._news.set()

    def _capture(self, folder: RunFolder, notice: RunNotice) -> None:
        try:
            capture_environment_of(folder, notice)
        except Exception:  # what is not captured must not cost a delivery
            log.exception("the environment of %s could not be captured", notice.place)

    def _capturing(self) -> bool:
        return any(capture.is_alive() for capture in self._captures)

    def _wait_for_captures(self) -> None:
        deadline = time.monotonic() + CAPTURE_S
        for capture in self._captures:
            capture.join(max(0.0, deadline - time.monotonic()))

    def _parent_gone(self) -> bool:
        # A forked child of the training may hold the pipe open; a changed parent tells all the same.
        return self._pipe_ended.is_set() or (hasattr(os, "getppid") and os.getppid() != self._parent)


def main() -> None:
    """Deliver for the process that is named on the command line."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(process)d %(threadName)s: %(message)s")
    with contextlib.suppress(OSError, AttributeError):
        os.nice(GENTLER)
    with sdk_left_out() as opened:
        dispatch = new_dispatch(opened)
        DeliveryMain(int(sys.argv[1]), dispatch).run()
        dispatch.close(CLOSE_S)
    logging.shutdown()
    # A vendor's call may hang in its thread for ever: nothing of it is to keep this process.
    os._exit(0)


if __name__ == "__main__":
    main()

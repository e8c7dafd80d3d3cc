"""Start the process in which the SDK lives, ask it, and end it when it is silent; from the hooks, to that process.

The SDK replaces ``sys.excepthook`` and ``sys.exit``, sets variables, waits at exit, and takes no run again whose start
failed: all of that stays in there, and ends with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from pathlib import Path
from typing import Any, BinaryIO, cast

from trackhub.errors import DeliveryError, RetryLater
from trackhub_wandb.errors import classify, readable

_KEPT = (
    "WANDB_API_KEY",
    "WANDB_BASE_URL",
    "WANDB_APP_URL",
    "WANDB_CONFIG_DIR",
    "WANDB_CREDENTIALS_FILE",
    "WANDB_HTTP_PROXY",
    "WANDB_HTTPS_PROXY",
    "WANDB_IDENTITY_TOKEN_FILE",
    "WANDB_INSECURE_DISABLE_SSL",
    "WANDB_X_EXTRA_HTTP_HEADERS",
)
_FOLDERS = ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_ARTIFACT_DIR")
_IMPORT_S = 60.0
_MOST_IDLE = 3


class Courier:
    """Be the one end of a conversation with the SDK's process.

    :param server: the base URL, or None for the SDK's own choice.
    :param key: the API key, where it is given by the URL.
    """

    def __init__(self, server: str | None, key: str | None, timeout_s: float) -> None:
        self._folder = tempfile.mkdtemp(prefix="trackhub-wandb-")
        self._errors = Path(self._folder, "stderr").open("w+b")  # noqa: SIM115  it is closed with the process
        self._left = b""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "trackhub_wandb.sdk", self._folder],
            cwd=self._folder,
            env=_environment(self._folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,  # Ctrl-C is for the training; and all of it can be ended at once
        )
        self._questions = cast("BinaryIO", self._process.stdin)
        os.set_blocking(self._questions.fileno(), False)
        self._answers = cast("BinaryIO", self._process.stdout)
        # Also where nobody ends it: at the exit, or when it is forgotten.
        self._end = weakref.finalize(self, _end, os.getpid(), self._process, self._errors, self._folder)
        try:
            self.ask("begin", {"server": server, "key": key, "timeout_s": timeout_s}, _IMPORT_S)
        except BaseException:
            self.end()
            raise

    @property
    def alive(self) -> bool:
        """Return whether it can be asked."""
        # Its answers end with it. It is not waited for here: its number may then be another's, whom we would kill.
        return self._process.returncode is None and not _ready(self._answers, selectors.EVENT_READ, 0.0)

    def ask(self, what: str, given: dict[str, Any], timeout_s: float) -> Any:
        """Return the answer to a question.

        :raises Failed: the SDK raised; its process may be of no more use.
        :raises RetryLater: there was no answer in time, or the process is gone.
        """
        deadline = time.monotonic() + timeout_s
        try:
            self._write(json.dumps({"what": what, **given}).encode() + b"\n", deadline)
            answer = json.loads(self._line(deadline))
        except (EOFError, OSError, ValueError) as error:
            said = self._said()
            self.end()
            raise RetryLater(f"the SDK's process ended unexpectedly{said}") from error
        except RetryLater:
            self.end()
            raise
        if "error" in answer:
            if answer.get("spoilt"):
                self.end()
            raise Failed(answer["kind"], answer["error"])
        return answer["answer"]

    def end(self) -> None:
        """End the process, and the SDK's own program with it."""
        self._end()

    def _write(self, line: bytes, deadline: float) -> None:
        left = memoryview(line)
        while left:
            if not _ready(self._questions, selectors.EVENT_WRITE, deadline - time.monotonic()):
                raise RetryLater("the SDK's process takes no question")
            left = left[os.write(self._questions.fileno(), left) :]

    def _line(self, deadline: float) -> bytes:
        parts = [self._left]
        while b"\n" not in parts[-1]:
            if not _ready(self._answers, selectors.EVENT_READ, deadline - time.monotonic()):
                raise RetryLater("no answer in time")
            some = os.read(self._answers.fileno(), 1 << 20)
            if not some:
                raise EOFError("it said nothing")
            parts.append(some)
        line, _, self._left = b"".join(parts).partition(b"\n")
        return line

    def _said(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").strip().splitlines()
            if lines:
                return f": {readable(lines[-1])}"
        return ""


class Failed(Exception):  # noqa: N818  it is what the SDK raised, and becomes a DeliveryError
    """Hold what the SDK raised."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind

    def meant(self, shown: str) -> DeliveryError:
        """Return what that means to a lane."""
        return classify(self.kind, str(self), shown)


class Pool:
    """Keep couriers that nobody uses for a while: a process that has imported the SDK is worth a second."""

    def __init__(self) -> None:
        self._idle: list[tuple[tuple[Any, ...], Courier]] = []
        self._lock = threading.Lock()

    def take(self, server: str | None, key: str | None, timeout_s: float) -> Courier:
        """Return a courier that nobody else has."""
        kind = self._kind(server, key, timeout_s)
        with self._lock:
            waiting = [one for one in self._idle if one[0] == kind]
            for one in waiting:
                self._idle.remove(one)
                if one[1].alive:
                    return one[1]
                one[1].end()
        return Courier(server, key, timeout_s)

    def give_back(self, courier: Courier, server: str | None, key: str | None, timeout_s: float) -> None:
        """Keep a courier for the next who asks; it ends by itself if nobody does."""
        with self._lock:
            self._idle.append((self._kind(server, key, timeout_s), courier))
            while len(self._idle) > _MOST_IDLE:
                self._idle.pop(0)[1].end()

    @staticmethod
    def _kind(*given: Any) -> tuple[Any, ...]:
        # A forked child must not speak to its parent's couriers; and a key may have changed.
        return (os.getpid(), *given, *(os.environ.get(name) for name in (*_KEPT, "HOME", "NETRC")))


def _ready(pipe: BinaryIO, event: int, seconds: float) -> bool:
    """Return whether a pipe can be read, or written, within so many seconds."""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, event)
        return bool(selector.select(max(seconds, 0.0)))


def _environment(folder: str) -> dict[str, str]:
    """Return the environment of the SDK's process: nothing that chooses a run, a mode or a place for it."""
    plain = {name: text for name, text in os.environ.items() if not name.startswith("WANDB_") or name in _KEPT}
    plain |= dict.fromkeys(_FOLDERS, folder)
    return {**plain, "WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false", "WANDB_QUIET": "true"}


def _end(owner: int, process: subprocess.Popen[bytes], errors: BinaryIO, folder: str) -> None:
    if os.getpid() != owner or process.returncode is not None:
        return  # a forked child has no business with it; and a number that was waited for may be another's
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stdout, errors):
        with contextlib.suppress(OSError):
            if pipe is not None:
                pipe.close()
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)


POOL = Pool()

"""Put faults around any backend: between a lane and its hooks, where a network and a process can break."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Protocol, cast

import msgspec

from trackhub.backend import BackendCalls
from trackhub.errors import Rejected, RetryLater
from trackhub.journal.store import RunFolder
from trackhub.model.entities import Batch
from trackhub.testing.target import Target

WRITE_HOOKS = ("start_run", "log_params", "log_metrics", "set_tags", "log_artifact", "log_environment", "finish_run")


class Fault(Protocol):
    """Stand between a lane and a hook; :func:`inject` puts it there."""

    def __call__(self, hook: str, arguments: tuple[Any, ...], call: Callable[..., Any]) -> Any:
        """Make the call, or do otherwise."""


def inject(calls: BackendCalls, *faults: Fault) -> BackendCalls:
    """Return a backend's calls with faults around them, the first one outermost."""
    return cast("BackendCalls", _Injected(calls, faults)) if faults else calls


class _Injected:
    def __init__(self, calls: BackendCalls, faults: tuple[Fault, ...]) -> None:
        self._calls = calls
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._calls, name)
        if name not in WRITE_HOOKS:
            return found

        def call(*arguments: Any) -> Any:
            made: Callable[..., Any] = found
            for fault in reversed(self._faults):
                made = functools.partial(_through, fault, name, made)
            return made(*arguments)

        return call


def _through(fault: Fault, hook: str, call: Callable[..., Any], *arguments: Any) -> Any:
    return fault(hook, arguments, call)


def away() -> Exception:
    """Return what a backend raises when its vendor is away."""
    return RetryLater("a planted fault: the vendor is away")


@dataclass(slots=True)
class RaiseBefore:
    """Raise before the vendor gets it: a request that was lost.

    :param hook: which hook; every writing one, where it is None.
    :param times: how often, for each hook.
    """

    hook: str | None = None
    error: Callable[[], BaseException] = away
    times: int = 1
    _seen: dict[str, int] = field(default_factory=dict)

    def __call__(self, hook: str, arguments: tuple[Any, ...], call: Callable[..., Any]) -> Any:
        """Raise a number of times, then let pass."""
        if self.hook in {None, hook} and self._seen.get(hook, 0) < self.times:
            self._seen[hook] = self._seen.get(hook, 0) + 1
            raise self.error()
        return call(*arguments)


@dataclass(slots=True)
class RaiseAfter:
    """Raise after the vendor took it: an answer that was lost; see :class:`RaiseBefore`."""

    hook: str | None = None
    error: Callable[[], BaseException] = away
    times: int = 1
    _seen: dict[str, int] = field(default_factory=dict)

    def __call__(self, hook: str, arguments: tuple[Any, ...], call: Callable[..., Any]) -> Any:
        """Make the call, and raise a number of times."""
        result = call(*arguments)
        if self.hook in {None, hook} and self._seen.get(hook, 0) < self.times:
            self._seen[hook] = self._seen.get(hook, 0) + 1
            raise self.error()
        return result


@dataclass(slots=True)
class Hang:
    """Wait before the vendor gets it, until released or for a time."""

    hook: str
    seconds: float
    released: threading.Event = field(default_factory=threading.Event)

    def __call__(self, hook: str, arguments: tuple[Any, ...], call: Callable[..., Any]) -> Any:
        """Wait, then make the call."""
        if hook == self.hook:
            self.released.wait(self.seconds)
        return call(*arguments)


@dataclass(slots=True)
class Refuse:
    """Refuse every call that holds a certain entry, as a vendor does that will never take it."""

    hook: str
    name: str

    def __call__(self, hook: str, arguments: tuple[Any, ...], call: Callable[..., Any]) -> Any:
        """Raise Rejected where the entry is among those given."""
        if hook == self.hook and any(one.name == self.name for one in arguments[1]):
            raise Rejected(f"a planted fault: {self.name!r} is not taken")
        return call(*arguments)


@dataclass(slots=True)
class Redeliver:
    """Give everything twice, the second time as what it is: something that was given before."""

    def __call__(self, hook: str, arguments: tuple[Any, ...], call: Callable[..., Any]) -> Any:
        """Make the call again with the same content."""
        del hook
        call(*arguments)
        again = (msgspec.structs.replace(one, redelivered=True) if isinstance(one, Batch) else one for one in arguments)
        return call(*again)


@dataclass(slots=True)
class Record:
    """Remember what each hook was given, and what it returned."""

    calls: list[tuple[str, tuple[Any, ...], Any]] = field(default_factory=list)

    def __call__(self, hook: str, arguments: tuple[Any, ...], call: Callable[..., Any]) -> Any:
        """Make the call and note it."""
        result = call(*arguments)
        self.calls.append((hook, arguments, result))
        return result


@dataclass(slots=True)
class Kill:
    """Kill this process by SIGKILL right after the vendor took it, before the cursor moves."""

    hook: str
    calls: int = 1

    def __call__(self, hook: str, arguments: tuple[Any, ...], call: Callable[..., Any]) -> Any:
        """Make the call, and die."""
        result = call(*arguments)
        if hook == self.hook:
            self.calls -= 1
            if not self.calls:
                die()
        return result


def die() -> NoReturn:
    """End this process as ``kill -9`` does: nothing is flushed, nothing is closed."""
    if hasattr(signal, "SIGKILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(137)


class Doomed(msgspec.Struct, frozen=True, kw_only=True):
    """Say what a process delivers, and behind which hook it dies."""

    target: Target
    folder: str
    hook: str
    calls: int = 1


def deliver_and_die(doomed: Doomed, timeout_s: float = 60.0) -> None:
    """Deliver a run in a process of its own, which is killed behind a hook.

    :raises AssertionError: the process ended otherwise; what it wrote is in the message.
    """
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-m", "trackhub.testing.doomed"],
        input=msgspec.json.encode(doomed),
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode not in {-9, 137}:
        said = done.stderr.decode(errors="replace")[-2000:]
        raise AssertionError(f"the process was to be killed behind {doomed.hook}, but ended: {said}")


def tear(folder: RunFolder, bytes_lost: int) -> Callable[[], None]:
    """Cut the newest segment's tail off, as a write that is under way looks; return what completes it."""
    path: Path = folder.segments()[-1]
    whole = path.read_bytes()
    path.write_bytes(whole[:-bytes_lost])

    def complete() -> None:
        with path.open("ab") as segment:
            segment.write(whole[-bytes_lost:])

    return complete

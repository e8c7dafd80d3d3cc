"""Flush, close and ask backends, within their deadlines."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from trackhub.model.entities import Connection
from trackhub.testing.bench import Bench
from trackhub.testing.comparing import expect, same, same_points
from trackhub.testing.gates import needs
from trackhub.testing.given import GivenRun, point
from trackhub.testing.sentences import states

_GRACE_S = 1.0
"""How late a busy machine may make an answer that was in time."""
_POINTS = [point("loss", number / 3, number, ms=number) for number in range(5)]


class Closing:
    """Check deadlines and ends of backends."""

    @states("C1")
    @needs("log_metrics", "read_metrics")
    def test_closing_loses_nothing(self, bench: Bench) -> None:
        """What was given last is there after a close without a flush or an end."""
        run = bench.begin()
        run.points(_POINTS[:3])
        run.points(_POINTS[3:])
        bench.shut(run.calls)
        same_points(run.held(), _POINTS)

    @states("C2")
    @needs("close")
    def test_closing_what_was_never_used(self, bench: Bench) -> None:
        """A lane that found nothing to do closes its backend all the same."""
        bench.target.open().close()

    @states("C3")
    @needs("flush")
    def test_flushing_ends_in_time(self, bench: Bench) -> None:
        """A flush returns by its deadline, and at once when that is over."""
        run = bench.begin()
        if run.calls.can("log_metrics"):
            run.points(_POINTS)
        for seconds in (0.5, 0.0, -10.0):
            _in_time(seconds, run.calls.flush)

    @states("C4")
    @needs("flush")
    def test_flushing_until_nothing_is_left(self, bench: Bench) -> None:
        """With time enough, nothing is left."""
        run = bench.begin()
        if run.calls.can("log_metrics"):
            run.points(_POINTS)
        expect(run.calls.flush(time.monotonic() + 30), "flushing says that something is left after half a minute")

    @states("C5")
    @needs("check_connection")
    def test_who_is_there(self, bench: Bench) -> None:
        """The answer comes in time and names a version."""
        bench.begin()
        found = _in_time(10.0, bench.calls.check_connection)
        expect(isinstance(found, Connection), f"it returned {type(found).__name__}, not a Connection")
        expect(isinstance(found.version, str), f"Connection.version is {found.version!r}")

    @states("C6")
    @needs("check_connection", "search_runs", "read_run")
    def test_asking_writes_nothing(self, bench: Bench) -> None:
        """No run begins and none changes because somebody asked who is there."""
        run = bench.begin(project=f"{bench.info().project}-asked")
        before = [str(record) for record in bench.read.search(run.info.project)]
        bench.calls.check_connection(time.monotonic() + 10)
        same("the runs", [str(record) for record in bench.read.search(run.info.project)], before)

    @states("C7")
    @needs("log_metrics", "read_metrics")
    def test_in_a_thread_of_its_own(self, bench: Bench) -> None:
        """A lane's thread is not the main one, and the process belongs to others."""
        before = _of_this_process()

        def give() -> GivenRun:
            run = bench.begin()
            run.points(_POINTS)
            bench.shut(run.calls)
            return run

        made: list[Any] = []
        thread = threading.Thread(target=lambda: made.append(_caught(give)))
        thread.start()
        thread.join()
        if isinstance(made[0], Exception):
            raise made[0]
        same_points(made[0].held(), _POINTS)
        same("signal handlers and the current folder", _of_this_process(), before)


def _in_time(seconds: float, ask: Callable[[float], Any]) -> Any:
    """Return an answer, or fail if it came after its deadline."""
    began = time.monotonic()
    answer = ask(began + seconds)
    late = time.monotonic() - began - max(seconds, 0.0)
    expect(late <= _GRACE_S, f"it answered {late:.1f} s after a deadline {seconds:g} s ahead")
    return answer


def _caught(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - it is raised again where it is waited for
        return error


def _of_this_process() -> list[str]:
    return [os.getcwd(), *(str(signal.getsignal(number)) for number in sorted(signal.valid_signals()))]  # noqa: PTH109

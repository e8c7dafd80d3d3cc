"""Deliver journals through the lane while requests, answers, processes and files break."""

from __future__ import annotations

import os
import random
from typing import Any

from trackhub.testing.bench import Bench
from trackhub.testing.comparing import expect, same, same_points
from trackhub.testing.faults import (
    Doomed,
    Fault,
    RaiseAfter,
    RaiseBefore,
    Redeliver,
    Refuse,
    away,
    deliver_and_die,
    tear,
)
from trackhub.testing.gates import needs
from trackhub.testing.journals import WrittenRun
from trackhub.testing.sentences import states

_SEEDS = (1, 2, 3)
_VALUES = (0.5, -1.25, 1e300, float("nan"), float("inf"), 7, 2**60 + 1, True)


class Interrupted:
    """Check that whatever breaks between a journal and a vendor loses and doubles nothing."""

    @states("D5")
    @needs("log_metrics", "read_metrics")
    def test_requests_that_are_lost(self, bench: Bench) -> None:
        """Every hook fails before the vendor has it, and all arrives with the next tries."""
        written = _everything(bench)
        bench.delivered(written.folder, RaiseBefore(times=2))
        _all_there(bench, written)

    @states("D6")
    @needs("log_metrics", "read_metrics")
    def test_answers_that_are_lost(self, bench: Bench) -> None:
        """Every hook fails after the vendor has it, and all is there once."""
        written = _everything(bench)
        bench.delivered(written.folder, RaiseAfter())
        _all_there(bench, written)

    @states("D6")
    @needs("log_metrics", "read_metrics")
    def test_everything_is_given_twice(self, bench: Bench) -> None:
        """Every call is made again at once, and all is there once."""
        written = _everything(bench)
        bench.delivered(written.folder, Redeliver())
        _all_there(bench, written)

    @states("D7")
    @needs("log_metrics", "read_metrics")
    def test_killed_behind_an_acknowledgement(self, bench: Bench) -> None:
        """Processes that die behind a start, behind points and behind an end leave one whole run."""
        written = _everything(bench)
        for hook in filter(bench.calls.can, ("start_run", "log_metrics", "finish_run")):
            deliver_and_die(Doomed(target=bench.target, folder=str(written.folder.path), hook=hook))
        bench.delivered(written.folder)
        _all_there(bench, written)

    @states("D8")
    @needs("log_metrics", "read_metrics")
    def test_a_cursor_that_is_lost(self, bench: Bench) -> None:
        """A delivery whose records are gone begins anew, and all is there once."""
        written = _everything(bench)
        bench.delivered(written.folder)
        for path in written.folder.delivery.glob("*.json"):
            path.unlink()
        written.resume()
        written.rows(3, first=100)
        written.end()
        bench.delivered(written.folder)
        _all_there(bench, written)

    @states("D13")
    @needs("log_metrics", "read_metrics")
    def test_a_torn_tail(self, bench: Bench) -> None:
        """What stands before a torn record arrives; the rest does when it is whole."""
        written = bench.written()
        written.rows(5)
        before = list(written.points)
        written.rows(1, first=5)
        complete = tear(written.folder, 3)
        bench.deliver(written.folder)
        same_points(bench.given(written).held(), before)
        complete()
        written.end()
        bench.delivered(written.folder)
        _all_there(bench, written)

    @states("D14")
    @needs("log_metrics", "read_metrics")
    def test_several_writers(self, bench: Bench) -> None:
        """Ranks write a segment each, and a forked child does: all of it is one run."""
        written = bench.written()
        rank = written.new_writer("w2")
        for step in range(6):
            written.row({"loss": step / 3}, step)
            written.row({"rank1/loss": step / 7}, step, by=rank)
        if hasattr(os, "fork"):
            written.rows_in_child(3, name="child")
        written.end()
        bench.delivered(written.folder)
        _all_there(bench, written)

    @states("D15")
    @needs("log_metrics", "read_metrics")
    def test_a_segment_found_late(self, bench: Bench) -> None:
        """What a slow machine brings after the rest was delivered is older, and arrives."""
        written = bench.written()
        early = written.now
        written.rows(4)
        bench.delivered(written.folder)
        now, written.now = written.now, early
        written.rows(3, name="late", by=written.new_writer("w0"))
        written.now = now
        written.end()
        bench.delivered(written.folder)
        _all_there(bench, written)

    @states("X5")
    @needs("log_metrics", "log_params", "read_metrics", "read_run")
    def test_one_entry_is_refused(self, bench: Bench) -> None:
        """The other entries of a call that was refused are given again without it, and are there once."""
        written = bench.written()
        written.set_params({"a": 1, "b": 2, "never": 3, "c": 4})
        for step in range(5):
            written.row({"loss": step / 3, "never": 1.0} if step == 2 else {"loss": step / 3}, step)  # noqa: PLR2004
        written.end()
        refusals = (Refuse("log_metrics", "never"), Refuse("log_params", "never"))
        report = bench.deliver(written.folder, *refusals, _LoseTheLastAnswer())
        same("how many were refused", report.rejected, 2)
        run = bench.given(written)
        same_points(run.held(), [one for one in written.points if one.name != "never"])
        same("the params", run.record().params, {"a": 1, "b": 2, "c": 4})

    @states("D16")
    @needs("log_metrics", "read_metrics")
    def test_anything_through_anything(self, bench: Bench) -> None:
        """Journals at random, delivered piecemeal through faults at random, arrive whole."""
        for seed in _SEEDS:
            chance = random.Random(seed)  # noqa: S311 - the same faults in every run
            written = bench.written()
            for _ in range(4):
                for _ in range(chance.randrange(1, 15)):
                    _log_something(written, chance)
                bench.deliver(written.folder, _AtRandom(chance))
            written.end("failed", "by chance")
            bench.delivered(written.folder, _AtRandom(chance))
            try:
                _all_there(bench, written)
            except AssertionError as error:
                error.add_note(f"seed {seed}")
                raise


class _LoseTheLastAnswer:
    """Lose the answer to the last piece of a batch, so that all its pieces come again."""

    def __init__(self) -> None:
        self._lost = False

    def __call__(self, hook: str, arguments: tuple[Any, ...], call: Any) -> Any:
        result = call(*arguments)
        if hook == "log_metrics" and not self._lost and arguments[2].position is not None:
            self._lost = True
            raise away()
        return result


class _AtRandom:
    """Lose requests and answers, and say so in ways that a vendor's client has."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def __call__(self, hook: str, arguments: tuple[Any, ...], call: Any) -> Any:
        fault: Fault
        for fault in (RaiseBefore(hook, self._error), RaiseAfter(hook, self._error)):
            if self._chance.random() < 0.15:  # noqa: PLR2004
                return fault(hook, arguments, call)
        return call(*arguments)

    def _error(self) -> Exception:
        # One of an unknown kind now and then: the lane gives up after several in a row.
        return ConnectionResetError("a planted fault") if self._chance.random() < 0.1 else away()  # noqa: PLR2004


def _everything(bench: Bench) -> WrittenRun:
    written = bench.written()
    written.set_params({"depth": 4, "model": {"layers": [1, 2]}})
    written.set_tags({"phase": "one", "owner": "é"})
    for step in range(8):
        written.row({"loss": step / 3, "step": step}, step // 2)
    written.artifact("weights", {"w.bin": b"first"}, "model")
    written.rows(4, first=50)
    written.set_tags({"phase": "two"})
    written.artifact("weights", {"w.bin": b"second"}, "model")
    written.environment({"host": "a", "cpus": 4})
    written.rows(2, first=60)
    written.end("failed", "ValueError: x")
    return written


def _all_there(bench: Bench, written: WrittenRun) -> None:
    """Compare what a journal holds with what the vendor does, as far as both can."""
    run = bench.given(written)
    same_points(run.held(), written.points, times=True)
    calls, read = bench.calls, bench.read
    if read.can("read_run"):
        record = run.record()
        if calls.can("log_params"):
            same("the params", record.params, written.params)
        if calls.can("set_tags"):
            same("the tags", record.tags, written.texts)
        if calls.can("finish_run"):
            expect(record.status != "running", "the run ended, and is running on the vendor")
    if read.can("read_run") and read.can("search_runs"):
        listed = sum(one.id == written.id for one in read.search(run.info.project))
        same("how often the run is listed", listed, 1)
    if calls.can("log_artifact") and read.can("list_artifacts") and read.can("download_artifact"):
        same("the artifacts", run.contents(), written.files)


def _log_something(written: WrittenRun, chance: random.Random) -> None:
    what = chance.random()
    if what < 0.75:  # noqa: PLR2004
        step = chance.choice((None, 0, 1, chance.randrange(100), 0.5))
        names = chance.sample(("loss", "acc", "a/b", "é"), chance.randrange(1, 4))
        written.row({name: chance.choice(_VALUES) for name in names}, step)
        if chance.random() < 0.2:  # noqa: PLR2004 - a clock that stands still
            written.now -= 1_000_000
    elif what < 0.85:  # noqa: PLR2004
        written.set_tags({chance.choice("abc"): str(chance.random())})
    elif what < 0.95:  # noqa: PLR2004
        written.set_params({f"p{len(written.params)}": chance.choice(_VALUES)})
    else:
        written.artifact("file", {"f": chance.randbytes(10)})

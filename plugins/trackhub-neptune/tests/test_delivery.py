"""Deliver to both products, mild and strict, through faults; what the server holds is looked at in its state."""

from __future__ import annotations

import math
import threading
import time
from typing import Any

import pytest
from neptune_server import NeptuneServer, Rules, Run, neptune_server
from neptune_server.serving import api_token
from support.faultproxy import DROP, HOLE, RESET, FaultProxy, answer

from trackhub.errors import DeliveryError, RetryLater, Unauthorized
from trackhub.model.entities import Batch, MetricPoint, Param, RunEnd, RunInfo, RunRef, Tag
from trackhub.model.ids import new_run_id

WRITES = {"v1": "/api/leaderboard/v1/op/executeOperations", "scale": "/api/client/v1/ingest"}
BEGAN = 1_600_000_000_123_456_789
ODD = [0.5, math.nan, 7, True, math.inf, 2**60 + 1, -0.25, 1e300]
STEPS = [1, 1, 5, 3, None, 0.25, -4, 9]


def info(**more: Any) -> RunInfo:
    return RunInfo(**{"id": new_run_id(), "name": "the run", "project": "digits", "started": BEGAN, **more})


def points(count: int, first: int = 0) -> tuple[MetricPoint, ...]:
    """Return points of series of every kind, some of whose times go back."""
    made = []
    for number in range(first, first + count):
        at = BEGAN + (number - number % 7) * 1_000_000
        made.append(MetricPoint("loss", number / 3, number, at))
        made.append(MetricPoint("odd", ODD[number % 8], STEPS[number % 8], at - 10**9 * (number % 3)))
        made.append(MetricPoint("epoch", number // 4, None, at))
    return tuple(made)


def shown(found: Any) -> list[str]:
    return sorted(f"{one.name} {one.value!r} {one.step!r} {one.time // 10**6}" for one in found)


def held(server: NeptuneServer, run_id: str) -> Run:
    (run,) = [run for run in server.state.runs.values() if run.custom_id == run_id]
    return run


def deliver(backend: Any, ref: RunRef, given: tuple[MetricPoint, ...], start: int = 0) -> None:
    """Give a batch until it is taken, as a lane does; a backend made afresh is given by ``open``."""
    for _ in range(40):
        try:
            backend.trackhub_log_metrics(ref, given, Batch(start=start, position=f"after {start + len(given)}"))
        except DeliveryError:
            continue
        return
    raise AssertionError("the batch was never taken")


def test_what_neptune_shows(server: NeptuneServer, open_at: Any):
    """Usual series stand in Neptune as they were logged; params have Neptune's types; a run has its name and group."""
    backend, run = open_at(server), info(group="sweep")
    ref = backend.trackhub_start_run(run)
    given = tuple(MetricPoint("train/loss", 1 / step, step, BEGAN + step * 10**6) for step in range(1, 6))
    backend.trackhub_log_metrics(ref, given, Batch(start=0, position="p"))
    backend.trackhub_log_params(
        ref, tuple(Param(n, v, BEGAN) for n, v in {"lr": 0.1, "n": 3, "a": "b", "f": True}.items())
    )
    backend.trackhub_set_tags(ref, (Tag("owner", "ada", BEGAN),))
    backend.trackhub_finish_run(ref, RunEnd(status="killed", time=BEGAN + 1, reason="SIGTERM"))
    found = held(server, run.id).attributes
    series = found["metrics/train/loss"].points
    assert [(one.step // 10**6, one.ms, one.value) for one in series] == [
        (one.step, one.time // 10**6, one.value) for one in given
    ]
    plain = {path: (one.type, one.value) for path, one in found.items()}
    assert plain["params/lr"] == ("float", 0.1)
    assert plain["params/n"] == ("int", 3)
    assert plain["params/a"] == ("string", "b")
    assert plain["params/f"] == ("bool", True)
    assert plain["tags/owner"] == ("string", "ada")
    assert plain["sys/name"] == ("string", "the run")
    assert plain["sys/group_tags"][1] == ["sweep"]
    assert plain["sys/failed"] == ("bool", True)
    assert plain["trackhub/status"] == ("string", "killed")
    assert "trackhub/points" not in found


def test_a_param_whose_type_changes(server: NeptuneServer, open_at: Any):
    """Neptune keeps the first type and value; the newest comes back, and a note says where it is."""
    backend, run = open_at(server), info()
    ref = backend.trackhub_start_run(run)
    backend.trackhub_log_params(ref, (Param("lr", 0.1, BEGAN),))
    (note,) = backend.trackhub_log_params(ref, (Param("lr", "auto", BEGAN, overwritten=True),))
    assert (note.kind, note.subject) == ("beside", "lr")
    assert "trackhub/params/lr" in note.detail
    assert held(server, run.id).attributes["params/lr"].value == 0.1
    assert open_at(server).trackhub_read_run(run.id, None).params == {"lr": "auto"}


@pytest.mark.parametrize("fault", [DROP, RESET, answer(503)], ids=lambda fault: fault.kind)
@pytest.mark.parametrize("after", range(3))
def test_a_fault_at_every_request_of_a_batch(
    server: NeptuneServer, proxy: FaultProxy, open_at: Any, fault: Any, after: int
):
    """Whichever request is lost, before or behind the server's work, the points are there once, and in order."""
    backend, run, given = open_at(server, proxy.url), info(), points(20)
    ref = backend.trackhub_start_run(run)
    proxy.script(WRITES[server.product], fault, after=after, times=2)
    deliver(backend, ref, given)
    deliver(backend, ref, points(5, 20), start=len(given))
    run_held = held(server, run.id)
    assert run_held.refused == []
    assert shown(open_at(server).trackhub_read_metrics(ref)) == shown((*given, *points(5, 20)))


@pytest.mark.parametrize("behind", range(5))
def test_a_request_that_is_cut_in_two(server: NeptuneServer, open_at: Any, behind: int):
    """A server that dies in the middle of a request has a part of it; the rest follows, in another process too."""
    run, given = info(), points(30)
    ref = open_at(server).trackhub_start_run(run)
    torn = iter([None, behind, None, None, behind, behind])
    server.tear = lambda: next(torn, None)
    for _ in range(20):
        try:
            open_at(server).trackhub_log_metrics(ref, given, Batch(start=0, position="p"))
        except DeliveryError:
            continue
        break
    server.tear = lambda: None
    for start in (0, 45):  # and in pieces, from a process that knows nothing
        open_at(server).trackhub_log_metrics(ref, given[start : start + 45], Batch(start=start, redelivered=True))
    assert held(server, run.id).refused == []
    found = open_at(server)
    assert shown(found.trackhub_read_metrics(ref)) == shown(given)
    assert found.trackhub_start_run(run).position == "p"


def test_a_batch_of_more_series_than_one_text_tells(server: NeptuneServer, open_at: Any):
    """It is sent in pieces; the position is that of the last."""
    run = info()
    backend = open_at(server)
    ref = backend.trackhub_start_run(run)
    given = tuple(MetricPoint(f"m{number % 450}", float(number), number // 450, BEGAN) for number in range(900))
    backend.trackhub_log_metrics(ref, given, Batch(start=0, position="p"))
    again = open_at(server)
    assert again.trackhub_start_run(run).position == "p"
    assert shown(again.trackhub_read_metrics(ref)) == shown(given)
    assert all(len(one.value) <= 16_000 for one in held(server, run.id).attributes.values() if one.type == "string")


def test_a_run_that_somebody_else_writes_to(server: NeptuneServer, open_at: Any):
    """A series that got steps which are not of this delivery is not taken for one that is done."""
    run, given = info(), points(4)
    ref = open_at(server).trackhub_start_run(run)
    server.tear = iter([None, None, 0]).__next__
    backend = open_at(server)
    with pytest.raises(DeliveryError):
        backend.trackhub_log_metrics(ref, given, Batch(start=0))
    server.tear = lambda: None
    from neptune_server import Point

    server.state.append(held(server, run.id), "metrics/loss", "floatSeries", [Point(10**9, BEGAN // 10**6, 1.0)])
    with pytest.raises(DeliveryError, match=r"metrics/loss.*not of this delivery"):
        open_at(server).trackhub_log_metrics(ref, given, Batch(start=0))


def test_credentials_that_are_refused(server: NeptuneServer, open_at: Any, monkeypatch: pytest.MonkeyPatch):
    """A wrong key is a person's matter; the message names the variable, and neither key nor token."""
    wrong = api_token(server.url, "another key")
    monkeypatch.setenv("NEPTUNE_OTHER", wrong)
    with pytest.raises(Unauthorized, match="NEPTUNE_") as caught:
        open_at(server, token_env="NEPTUNE_OTHER").trackhub_start_run(info())
    assert "another key" not in str(caught.value)
    assert wrong not in str(caught.value)


def test_a_token_that_the_server_forgot(server: NeptuneServer, open_at: Any):
    """An access token is exchanged anew where it is refused, and the lane does not pause for that."""
    backend, run, given = open_at(server), info(), points(5)
    ref = backend.trackhub_start_run(run)
    server.generation += 1
    backend.trackhub_log_metrics(ref, given, Batch(start=0))
    assert shown(backend.trackhub_read_metrics(ref)) == shown(given)


def test_a_wish_to_wait_is_passed_on(server: NeptuneServer, proxy: FaultProxy, open_at: Any):
    """Retry-After is the lane's to obey; no hook sleeps for it."""
    backend = open_at(server, proxy.url)
    ref = backend.trackhub_start_run(info())
    proxy.script(WRITES[server.product], answer(429, retry_after="120"), times=10)
    began = time.monotonic()
    with pytest.raises(RetryLater) as caught:
        backend.trackhub_set_tags(ref, (Tag("a", "b", BEGAN),))
    assert caught.value.retry_after_s == 120
    assert time.monotonic() - began < 10


def test_a_server_that_is_silent(server: NeptuneServer, proxy: FaultProxy, open_at: Any):
    """A request that nobody answers ends by its time limit, and is said to be tried later."""
    backend = open_at(server, proxy.url, timeout_s=0.5)
    ref = backend.trackhub_start_run(info())
    proxy.script("/", HOLE, times=1000)
    began = time.monotonic()
    with pytest.raises(RetryLater):
        backend.trackhub_set_tags(ref, (Tag("a", "b", BEGAN),))
    assert time.monotonic() - began < 20


def test_nothing_is_left_running(server: NeptuneServer, open_at: Any):
    """Neither the client's threads nor its hooks at exit are started, and signal handlers stay."""
    import signal
    import sys

    before = {thread.name for thread in threading.enumerate()}
    handlers = [signal.getsignal(number) for number in sorted(signal.valid_signals())]
    hook = sys.excepthook
    backend = open_at(server)
    ref = backend.trackhub_start_run(info())
    backend.trackhub_log_metrics(ref, points(3), Batch(start=0))
    backend.trackhub_close()
    left = {thread.name for thread in threading.enumerate()} - before
    assert not {name for name in left if "process_request" not in name}  # the server's own
    assert [signal.getsignal(number) for number in sorted(signal.valid_signals())] == handlers
    assert sys.excepthook is hook


@pytest.mark.parametrize("api", ["scale", "v1"])
def test_readers_that_are_behind(api: str, open_at: Any):
    """What was written is waited for before anybody goes on from it: nothing is sent twice, nothing left out."""
    with neptune_server(api, Rules(reads_behind=3, times_may_go_back=False, takes_nan=False)) as server:
        run, given = info(), points(40)
        for start in range(0, len(given), 30):
            backend = open_at(server)
            ref = backend.trackhub_start_run(run)
            backend.trackhub_log_metrics(ref, given[start : start + 30], Batch(start=start))
        assert held(server, run.id).refused == []
        finite = sum(math.isfinite(one.value) for one in given)
        rows = sum(
            len(one.points) for path, one in held(server, run.id).attributes.items() if path.startswith("metrics/")
        )
        assert rows == finite

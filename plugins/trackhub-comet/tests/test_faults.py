"""Let requests fail in every way, at every hook; what is raised says what to do, and what is there is there once."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from typing import Any

import pytest
from comet_server import API_KEY, Behaviour, CometServer, comet_server
from comet_server.server import HALF
from comet_stage import expected_rows, held_rows
from support.faultproxy import DROP, HOLE, RESET, STALL, Fault, answer
from trackhub_comet import errors

from trackhub.errors import DeliveryError, Rejected, RetryLater, Unauthorized
from trackhub.model.entities import (
    Artifact,
    ArtifactFile,
    Batch,
    MetricPoint,
    Param,
    RunEnd,
    RunInfo,
    Tag,
)
from trackhub.model.ids import new_run_id

_BEGAN = 1_700_000_000_123_000_000
METRICS, OTHER, ADD = "/batch/logger/experiment/metric", "/write/experiment/log-other", "/logger/add/run"
POINTS = tuple(MetricPoint("loss", number / 3, number // 2, _BEGAN + number * 1_000_000) for number in range(10))


def start(backend: Any) -> tuple[RunInfo, Any]:
    run = RunInfo(id=new_run_id(), name="n", project="p", started=_BEGAN)
    return run, backend.trackhub_start_run(run)


def rows_of(comet: CometServer, run: RunInfo) -> Counter[Any]:
    return Counter(held_rows(comet.experiment(run.id)))


@pytest.fixture(params=["batch", "public"])
def route(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# ---- ambiguous answers -------------------------------------------------------------------


@pytest.mark.parametrize("fault", [DROP, STALL, RESET, HALF, answer(500), answer(502), answer(504)], ids=str)
@pytest.mark.parametrize("elsewhere", [False, True], ids=["again", "in another process"])
def test_a_batch_whose_outcome_nobody_knows_is_there_once(
    comet: CometServer, open_at: Any, fault: Fault, elsewhere: bool
):
    """Taken whole, in part, or not at all: read back, and only what is missing is sent again."""
    backend = open_at(comet, settle_s=0.3, timeout_s=1)
    run, ref = start(backend)
    backend.trackhub_log_metrics(ref, POINTS[:4], Batch(start=0, position="a"))
    comet.faults.script(METRICS, fault)
    with pytest.raises(DeliveryError):
        backend.trackhub_log_metrics(ref, POINTS[4:], Batch(start=4, position="b"))
    if elsewhere:
        backend = open_at(comet, settle_s=0.3)
        assert backend.trackhub_start_run(run).position == "a"
    backend.trackhub_log_metrics(ref, POINTS[4:], Batch(start=4, position="b", redelivered=True))
    assert rows_of(comet, run) == Counter(expected_rows([*POINTS]))
    assert open_at(comet).trackhub_start_run(run).position == "b"


@pytest.mark.parametrize("fault", [DROP, RESET, answer(503)], ids=str)
@pytest.mark.parametrize("place", [1, 2], ids=["before the points", "behind the points"])
def test_the_tail_whose_answer_is_lost(comet: CometServer, open_at: Any, fault: Fault, place: int):
    """What is under way is written before the points, and what is there behind them: either may fail."""
    backend = open_at(comet, settle_s=0.2)
    run, ref = start(backend)
    comet.faults.script(OTHER, fault, after=place - 1)
    with pytest.raises(DeliveryError):
        backend.trackhub_log_metrics(ref, POINTS, Batch(start=0, position="a"))
    backend.trackhub_log_metrics(ref, POINTS, Batch(start=0, position="a", redelivered=True))
    assert rows_of(comet, run) == Counter(expected_rows([*POINTS]))


def test_a_value_at_a_time_whose_answers_are_lost(comet: CometServer, open_at: Any):
    """By the documented API each value is a request; those that came are not sent again."""
    backend = open_at(comet, route="public", settle_s=0.2)
    run, ref = start(backend)
    comet.faults.script("/write/experiment/metric", DROP, after=6)
    with pytest.raises(RetryLater):
        backend.trackhub_log_metrics(ref, POINTS, Batch(start=0))
    assert len(comet.experiment(run.id).metrics) == 7
    backend.trackhub_log_metrics(ref, POINTS, Batch(start=0, redelivered=True))
    assert rows_of(comet, run) == Counter(expected_rows([*POINTS]))


def test_a_batch_taken_apart_while_its_outcome_is_unknown(comet: CometServer, open_at: Any):
    """A batch that came whole, of which nobody knows, comes again in pieces: each of them is looked for."""
    backend = open_at(comet, settle_s=0.2)
    run, ref = start(backend)
    comet.faults.script(METRICS, DROP)
    with pytest.raises(RetryLater):
        backend.trackhub_log_metrics(ref, POINTS, Batch(start=0, position="a"))
    for first in (0, 5):
        position = "a" if first else None
        backend.trackhub_log_metrics(ref, POINTS[first : first + 5], Batch(start=first, position=position))
    assert rows_of(comet, run) == Counter(expected_rows([*POINTS]))
    assert open_at(comet).trackhub_start_run(run).position == "a"


def test_a_batch_that_is_cut_otherwise_after_its_outcome_is_unknown(comet: CometServer, open_at: Any):
    """A delivery that lost its cursor cuts anew: what was tried is looked for, what comes behind it is sent."""
    run, ref = start(open_at(comet))
    comet.faults.script(METRICS, DROP)
    with pytest.raises(RetryLater):
        open_at(comet, settle_s=0).trackhub_log_metrics(ref, POINTS[:4], Batch(start=0))
    backend = open_at(comet, settle_s=0.2)
    backend.trackhub_log_metrics(ref, POINTS[:3], Batch(start=0))
    backend.trackhub_log_metrics(ref, POINTS[3:], Batch(start=3))
    assert rows_of(comet, run) == Counter(expected_rows([*POINTS]))


def test_what_cannot_be_seen_yet_is_waited_for(open_at: Any):
    """A server that shows what it took only after a while: a process that takes over at once sends nothing again."""
    with comet_server(Behaviour(lag_s=0.6)) as comet:
        run, ref = start(open_at(comet))
        comet.faults.script(METRICS, DROP)
        with pytest.raises(RetryLater):
            open_at(comet).trackhub_log_metrics(ref, POINTS, Batch(start=0))
        # Not even marked as given again: what Comet keeps of the run says so.
        open_at(comet, settle_s=2).trackhub_log_metrics(ref, POINTS, Batch(start=0))
        assert rows_of(comet, run) == Counter(expected_rows([*POINTS]))


def test_a_server_that_keeps_its_rate(open_at: Any):
    """Values that exceed it are refused with Comet's own header, and arrive once when that is heeded."""
    points = [MetricPoint("a", float(place), place, _BEGAN + place * 1_000_000) for place in range(60)]
    with comet_server(Behaviour(values_a_minute=1800)) as comet:
        backend = open_at(comet)
        run, ref = start(backend)
        waits: list[float] = []
        for begin in range(0, 60, 20):
            while True:
                try:
                    backend.trackhub_log_metrics(ref, tuple(points[begin : begin + 20]), Batch(start=begin))
                    break
                except RetryLater as later:
                    waits.append(later.retry_after_s or 0.0)
                    time.sleep(waits[-1])
        assert waits
        assert all(0 < wait <= 1 for wait in waits)
        assert rows_of(comet, run) == Counter(expected_rows(points))


def test_a_refusal_is_no_reason_to_look(comet: CometServer, open_at: Any):
    """Where Comet said 429 it took nothing: the batch is sent again without being read back and without waiting."""
    backend = open_at(comet, settle_s=20)
    run, ref = start(backend)
    comet.faults.script(METRICS, answer(429, retry_after="7"))
    with pytest.raises(RetryLater) as raised:
        backend.trackhub_log_metrics(ref, POINTS, Batch(start=0))
    assert raised.value.retry_after_s == 7
    backend.trackhub_log_metrics(ref, POINTS, Batch(start=0, redelivered=True))
    assert rows_of(comet, run) == Counter(expected_rows([*POINTS]))
    assert comet.faults.count("/experiment/metrics") == 0


@pytest.mark.parametrize("fault", [DROP, RESET, answer(503), pytest.param(STALL, marks=pytest.mark.slow)], ids=str)
def test_every_hook_given_again(comet: CometServer, open_at: Any, tmp_path: Any, route: str, fault: Fault):
    """Whichever request of whichever hook fails: given again, all is there, and once."""
    source = tmp_path / "file"
    source.write_bytes(b"content")
    file = ArtifactFile(path="file", sha256="0" * 64, size=7, source=source)
    run = RunInfo(id=new_run_id(), name="n" * 200, project="p", started=_BEGAN)
    backend = open_at(comet, settle_s=0.1, timeout_s=1, route=route)
    made: list[Any] = []
    hooks = [
        lambda: made.append(backend.trackhub_start_run(run)),
        lambda: backend.trackhub_log_params(made[-1], (Param("a", 1, _BEGAN), Param("long", "x" * 1500, _BEGAN))),
        lambda: backend.trackhub_set_tags(made[-1], (Tag("t", "x", _BEGAN), Tag("n" * 150, "y" * 1500, _BEGAN))),
        lambda: backend.trackhub_log_artifact(made[-1], Artifact(name="file", type="file", time=_BEGAN, files=(file,))),
        lambda: backend.trackhub_log_environment(made[-1], {"host": {"name": "a"}, "git": {"commit": "c"}}),
        lambda: backend.trackhub_finish_run(made[-1], RunEnd(status="killed", time=_BEGAN + 10**9, reason="SIGTERM")),
    ]
    for hook in hooks:
        for after in range(0, 12, 3):  # the first request of the hook, the fourth, …
            comet.faults.heal()
            comet.faults.script("/", fault, after=after)
            try:
                hook()
            except DeliveryError:
                comet.faults.heal()
                hook()
    comet.faults.heal()
    held = comet.experiment(run.id)
    assert len(comet.state.experiments) == 1
    assert sorted(asset.content for asset in held.assets if asset.name == "file") == [b"content"]
    record = open_at(comet).trackhub_read_run(run.id, "p")
    assert (record.name, record.status, record.reason) == ("n" * 200, "killed", "SIGTERM")
    assert (record.params, record.tags) == ({"a": 1, "long": "x" * 1500}, {"t": "x", "n" * 150: "y" * 1500})
    assert (record.started, record.ended) == (_BEGAN, _BEGAN + 10**9)
    assert record.environment == {"host": {"name": "a"}, "git": {"commit": "c"}}


# ---- what is said ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind", "wait"),
    [
        (answer(401), Unauthorized, None),
        (answer(403), Unauthorized, None),
        (answer(400, body=b'{"msg": "bad"}'), Rejected, None),
        (answer(402, body=b'{"msg": "pay"}'), RetryLater, 600.0),
        (answer(413), Rejected, None),
        (answer(429), RetryLater, 60.0),
        (answer(429, retry_after="3"), RetryLater, 3.0),
        (answer(503, retry_after="2"), RetryLater, 2.0),
        (answer(502), RetryLater, None),
        (RESET, RetryLater, None),
        (HOLE, RetryLater, None),
    ],
    ids=str,
)
def test_what_answers_mean(  # noqa: PLR0917 - pytest gives them by name
    comet: CometServer, open_at: Any, route: str, fault: Fault, kind: type[DeliveryError], wait: float | None
):
    """Each failure is said by the error that makes the lane do the right thing, and none tells the key."""
    backend = open_at(comet, timeout_s=1, route=route)
    _, ref = start(backend)
    comet.faults.script("/write/experiment/log-other", fault, times=10)
    with pytest.raises(kind) as raised:
        backend.trackhub_set_tags(ref, (Tag("a", "b", _BEGAN),))
    assert getattr(raised.value, "retry_after_s", None) == wait
    assert API_KEY not in str(raised.value)
    assert comet.url.removeprefix("http://") in str(raised.value)


def test_a_server_error_is_no_rejection(comet: CometServer, open_at: Any):
    """A 500 may be the server's fault or poison for it: the lane finds out, a bounded number of times."""
    backend = open_at(comet)
    _, ref = start(backend)
    comet.faults.script(OTHER, answer(500))
    with pytest.raises(DeliveryError) as raised:
        backend.trackhub_set_tags(ref, (Tag("a", "b", _BEGAN),))
    assert type(raised.value) is DeliveryError


def test_a_key_that_is_wrong_missing_or_in_the_url(
    comet: CometServer, open_at: Any, monkeypatch: pytest.MonkeyPatch, route: str, tmp_path: Any
):
    """A person is told where the key belongs."""
    monkeypatch.setenv("HOME", str(tmp_path))
    comet.keys.clear()
    with pytest.raises(Unauthorized, match="COMET_API_KEY") as raised:
        start(open_at(comet, route=route))
    assert API_KEY not in str(raised.value)
    monkeypatch.delenv("COMET_API_KEY")
    with pytest.raises(Unauthorized, match="no API key"):
        start(open_at(comet, route=route))


def test_a_key_of_the_sdks_own_file(comet: CometServer, open_at: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any):
    """What ``comet login`` wrote is used."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("COMET_API_KEY")
    (tmp_path / ".comet.config").write_text(f"[comet]\napi_key = {API_KEY}\nworkspace = mine\n")
    run, _ = start(open_at(comet, place=""))
    assert comet.experiment(run.id).workspace == "mine"


def test_a_key_that_is_corrected_is_used(comet: CometServer, open_at: Any, monkeypatch: pytest.MonkeyPatch):
    """A lane opens its backend anew when the key has changed, and the new one is sent."""
    monkeypatch.setenv("COMET_API_KEY", "wrong")
    backend = open_at(comet)
    with pytest.raises(Unauthorized):
        start(backend)
    backend.trackhub_close()
    monkeypatch.setenv("COMET_API_KEY", API_KEY)
    run, _ = start(backend)
    assert comet.experiment(run.id)


def test_the_sdk_says_nothing_and_the_key_is_in_no_log(
    comet: CometServer, open_at: Any, capfd: pytest.CaptureFixture[str], route: str
):
    """What goes wrong is raised; nothing is printed, nothing logged by the SDK reaches the screen."""
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = Lines(logging.DEBUG)
    logging.getLogger("").addHandler(handler)
    try:
        backend = open_at(comet, route=route)
        _, ref = start(backend)
        comet.faults.script("/", RESET, times=3)
        with pytest.raises(RetryLater):
            backend.trackhub_log_params(ref, (Param("a", 1, _BEGAN),))
    finally:
        logging.getLogger("").removeHandler(handler)
    out = capfd.readouterr()
    assert (out.out, out.err) == ("", "")
    assert not any(API_KEY in line for line in lines)


def test_a_project_that_is_full(comet: CometServer, open_at: Any):
    """A person may make room: the lane waits, and says for what."""
    body = json.dumps({"msg": "max experiments", "sdk_error_code": errors.FULL}).encode()
    comet.faults.script(ADD, answer(400, body=body))
    with pytest.raises(RetryLater, match="delete some") as raised:
        start(open_at(comet))
    assert raised.value.retry_after_s == 600


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "5"}, 5.0),
        ({"Retry-After": "5", "Retry-After-Custom": "2"}, 2.0),
        ({"Retry-After": "-1"}, 0.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"Retry-After": "whenever"}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None):
    """Comet's own header goes before the usual one; what cannot be read asks for nothing."""
    assert errors.retry_after(headers) == seconds

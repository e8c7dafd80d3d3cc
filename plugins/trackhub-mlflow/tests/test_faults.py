"""Hold the backend to telling a lane what went wrong, and to losing nothing on a bad network."""

from __future__ import annotations

import datetime
import http.client
import time
from pathlib import Path
from typing import Any

import pytest
from support.faultproxy import DROP, HOLE, RESET, FaultProxy, answer
from support.logged import START, artifact, point, run_info
from support.mlflow_server import free_port
from support.oracle import differences
from trackhub_mlflow.errors import classify, retry_after

from trackhub.errors import DeliveryError, Rejected, RetryLater, Unauthorized
from trackhub.model.entities import Batch, Param, RunEnd, RunRef, Tag

LOG = "/api/2.0/mlflow/runs/log-batch"
TAGS = (Tag("a", "b", START),)


@pytest.fixture
def shaky(open_at: Any, proxy: FaultProxy, project: str) -> tuple[Any, RunRef]:
    backend = open_at(proxy.url)
    return backend, backend.trackhub_start_run(run_info(project))


@pytest.mark.parametrize(("wish", "seconds"), [("7", 7.0), (None, None), ("soon", None)])
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_later_when_it_says(
    shaky: tuple[Any, RunRef], proxy: FaultProxy, status: int, wish: str | None, seconds: float | None
):
    """Retry-After reaches the lane, though the SDK's exception has lost it; the SDK itself waits for nothing."""
    backend, ref = shaky
    proxy.script(LOG, answer(status, retry_after=wish))
    began = time.monotonic()
    with pytest.raises(RetryLater) as caught:
        backend.trackhub_set_tags(ref, TAGS)
    assert caught.value.retry_after_s == seconds
    assert time.monotonic() - began < 2
    assert proxy.count(LOG) == 1


def test_a_busy_artifact_store_says_when_too(shaky: tuple[Any, RunRef], proxy: FaultProxy, folder: Path):
    """Uploads go another way through the SDK and are understood as well."""
    backend, ref = shaky
    proxy.script("/api/2.0/mlflow-artifacts", answer(503, retry_after="9"), method="PUT")
    with pytest.raises(RetryLater) as caught:
        backend.trackhub_log_artifact(ref, artifact(folder, "a", {"a": b"1"}))
    assert caught.value.retry_after_s == 9


def test_a_retry_after_may_be_a_date():
    """The seconds until then, and none for one that is past."""
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    assert retry_after("Thu, 01 Jan 2026 00:00:30 GMT", now) == 30
    assert retry_after("Wed, 31 Dec 2025 00:00:30 GMT", now) == 0


@pytest.mark.parametrize("fault", [DROP, RESET, answer(502), answer(504), answer(404, body=b"<html>")], ids=str)
def test_a_network_that_fails_is_tried_later(shaky: tuple[Any, RunRef], proxy: FaultProxy, fault: Any):
    """A lost answer, a reset, a gateway without its server: the same call is made again and works."""
    backend, ref = shaky
    proxy.script(LOG, fault)
    with pytest.raises(RetryLater):
        backend.trackhub_set_tags(ref, TAGS)
    backend.trackhub_set_tags(ref, TAGS)


def test_a_server_that_is_down_or_silent_costs_its_time_limit(open_at: Any, proxy: FaultProxy, project: str):
    """Nothing hangs: the limit is the destination's option."""
    with pytest.raises(RetryLater):
        open_at(f"http://127.0.0.1:{free_port()}").trackhub_start_run(run_info(project))
    backend = open_at(proxy.url, timeout_s=1)
    proxy.script("/", HOLE, times=9)
    began = time.monotonic()
    with pytest.raises(RetryLater):
        backend.trackhub_start_run(run_info(project))
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_say_what_to_set(shaky: tuple[Any, RunRef], proxy: FaultProxy, status: int):
    """The variables are named, so that the pause can be ended."""
    backend, ref = shaky
    proxy.script(LOG, answer(status))
    with pytest.raises(
        Unauthorized, match="MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
    ):
        backend.trackhub_set_tags(ref, TAGS)


def test_a_servers_own_fault_is_neither(shaky: tuple[Any, RunRef], proxy: FaultProxy):
    """A 500 may be poison for the server: the lane bounds how often it is tried."""
    backend, ref = shaky
    proxy.script(LOG, answer(500))
    with pytest.raises(DeliveryError) as caught:
        backend.trackhub_set_tags(ref, TAGS)
    assert type(caught.value) is DeliveryError


def test_what_mlflow_will_never_take_is_rejected(backend: Any):
    """A run that does not exist stays so."""
    with pytest.raises(Rejected, match="not found"):
        backend.trackhub_set_tags(RunRef(id="f" * 32), TAGS)


def test_no_message_holds_a_password(open_at: Any, project: str, monkeypatch: pytest.MonkeyPatch):
    """Neither user-info of the URL nor the variables show, not even as an exception's cause."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hush-hush")
    backend = open_at(f"http://me:secret@127.0.0.1:{free_port()}")
    with pytest.raises(RetryLater) as caught:
        backend.trackhub_start_run(run_info(project))
    assert caught.value.__suppress_context__
    assert "secret" not in str(caught.value)
    assert "hush-hush" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


def test_a_message_is_short(open_at: Any, proxy: FaultProxy, project: str):
    """Of what the SDK wraps again and again, people are told where and why."""
    port = free_port()
    with pytest.raises(RetryLater) as caught:
        open_at(f"http://127.0.0.1:{port}").trackhub_start_run(run_info(project))
    path = "/api/2.0/mlflow/experiments/get-by-name"
    assert str(caught.value).startswith(f"mlflow+http://127.0.0.1:{port}: {path}: Failed to establish a new connection")
    assert len(str(caught.value)) < 200
    proxy.script("/", answer(503))
    with pytest.raises(RetryLater, match=f"{path}: too many 503 error responses$"):
        open_at(proxy.url).trackhub_start_run(run_info(project))


def test_an_error_of_our_own_is_not_the_vendors():
    """What carries no sign of MLflow or the network goes on as it is."""
    assert classify(KeyError("ours"), "x") is None


def test_credentials_in_the_environment_are_sent(open_at: Any, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch):
    """The account that is presented is what the check tells."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hush")
    assert open_at(proxy.url).trackhub_check_connection(time.monotonic() + 10).account == "ada"


def test_a_connection_tells_its_version(backend: Any, tmp_path: Path, open_at: Any):
    """The server, or the SDK where it opens the database itself; a database that is not there yet is not made."""
    import mlflow

    assert backend.trackhub_check_connection(time.monotonic() + 30).version == mlflow.__version__
    new = open_at(f"sqlite:///{tmp_path}/new.db").trackhub_check_connection(time.monotonic() + 30)
    assert "new database" in new.detail
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [(HOLE, RetryLater), (answer(401), Unauthorized), (answer(404), RetryLater), (RESET, RetryLater)],
    ids=str,
)
def test_a_connection_that_fails_says_how_by_the_deadline(open_at: Any, proxy: FaultProxy, fault: Any, error: Any):
    """A server that never answers, refuses, or is none at all."""
    backend = open_at(proxy.url)
    proxy.script("/", fault, times=9)
    began = time.monotonic()
    with pytest.raises(error):
        backend.trackhub_check_connection(time.monotonic() + 1)
    assert time.monotonic() - began < 2


def test_a_deadline_that_is_past_asks_nothing(remote: Any):
    """There is no time to connect in."""
    with pytest.raises(RetryLater, match="in time"):
        remote.trackhub_check_connection(time.monotonic() - 1)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_bad_network_and_restarts_lose_and_repeat_nothing(
    open_at: Any, proxy: FaultProxy, project: str, folder: Path, seed: int
):
    """15 % of answers lost, 10 % busy, 5 % resets, a new process now and then: one run, every point once."""
    run = run_info(project)
    points = [
        point(f"m{number % 5}", value, number // 10, ms=number // 50)
        for number, value in enumerate([0.0, 1, 2.5] * 300)
    ]
    params = [Param(f"p{number}", number, START) for number in range(30)]
    files = artifact(folder, "data", {"a": b"1", "b": b"2"})
    proxy.rates({DROP: 0.15, answer(503): 0.10, RESET: 0.05}, seed=seed)
    backend = open_at(proxy.url)
    tries = 0

    def insist(call: Any) -> Any:
        nonlocal backend, tries
        for again in range(40):
            try:
                return call(again)
            except (RetryLater, http.client.HTTPException):
                tries += 1
                if tries % 7 == 0:
                    backend = open_at(proxy.url)
        raise AssertionError("it never came through")

    ref = insist(lambda _: backend.trackhub_start_run(run))
    insist(lambda _: backend.trackhub_log_params(ref, tuple(params)))
    for start in range(0, len(points), 60):
        insist(
            lambda again, start=start: backend.trackhub_log_metrics(
                ref, tuple(points[start : start + 60]), Batch(start=start, redelivered=again > 0)
            )
        )
    insist(lambda _: backend.trackhub_log_artifact(ref, files))
    insist(lambda _: backend.trackhub_finish_run(ref, RunEnd(status="finished", time=START)))
    proxy.heal()
    calm = open_at(proxy.target)
    assert tries >= 5
    assert len(calm.trackhub_search_runs(project)) == 1
    found = differences(
        calm, ref, run_id=run.id, project=project, points=points, params=params, tags=[], artifacts=[files]
    )
    assert found == []
    assert calm.trackhub_read_run(run.id, project).status == "finished"

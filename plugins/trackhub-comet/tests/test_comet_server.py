"""Hold the test server to what it says of itself: by the unmodified SDK, and by raw requests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from comet_server import API_KEY, KINDEST, WORST, Behaviour, CometServer, comet_server
from comet_server.answers import java_text
from comet_server.server import HALF
from support.faultproxy import DROP, HOLE, RESET, STALL, answer, delay

LIVE = """
import comet_ml
experiment = comet_ml.Experiment(workspace="team", project_name="live", display_summary_level=0, log_git_metadata=False)
for step in range(120):
    experiment.log_metric("loss", 1 / (step + 1), step=step)
experiment.log_parameter("lr", 0.1)
experiment.log_other("note", "hello")
experiment.add_tag("first")
experiment.set_name("a name")
open("file.txt", "w").write("content")
experiment.log_asset("file.txt", metadata={"a": 1})
experiment.end()
api = comet_ml.API(cache=False)
found = api.get_experiment_by_key(experiment.get_key())
losses = [float(row["metricValue"]) for row in found.get_metrics("loss")]
assert losses == [1 / (step + 1) for step in range(120)], losses
assert found.get_state() == "finished"
assert found.get_tags() == ["first"]
assert found.get_others_summary("note") == ["hello"]
assert found.get_parameters_summary("lr")["valueCurrent"] == "0.1"
(asset,) = [asset for asset in found.get_asset_list() if asset["fileName"] == "file.txt"]
assert found.get_asset(asset["assetId"]) == b"content"
assert [one.key for one in api.get_experiments("team", "live")] == [experiment.get_key()]
assert api.get_projects("team") == ["live"]
chart = api.get_metrics_for_chart([experiment.get_key()], ["loss"], full=True)
assert len(chart[experiment.get_key()]["metrics"][0]["values"]) == 120
"""


class RefusedError(OSError):
    """Hold an answer that says no."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        super().__init__(f"{status}")
        self.headers, self.body = headers, body


def ask(comet: CometServer, path: str, body: Any = None, *, key: str = API_KEY, timeout: float = 10.0) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": key, "Content-Type": "application/json"}
    request = urllib.request.Request(f"{comet.url}/{path}", data, headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            return json.loads(reply.read())
    except urllib.error.HTTPError as error:
        with error:
            raise RefusedError(error.code, dict(error.headers), error.read()) from None


def make(comet: CometServer, key: str = "k" * 32) -> str:
    said = {"experimentKey": key, "teamName": "team", "projectName": "p", "getOrCreateEnabled": True}
    assert ask(comet, "clientlib/logger/add/run", said)["runId"] == key
    return key


def batch(comet: CometServer, key: str, count: int, first: int = 0) -> Any:
    rows = [
        {"metricName": "loss", "metricValue": place / 3, "step": place, "epoch": place, "timestamp": 1000 + place}
        for place in range(first, first + count)
    ]
    return ask(comet, "clientlib/batch/logger/experiment/metric", {"experimentKey": key, "values": rows})


def metrics(comet: CometServer, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(comet, f"api/rest/v2/experiment/metrics/get-all?experimentKey={key}")["metrics"]
    return found


def test_the_unmodified_sdk_runs_online_and_reads_back(comet: CometServer, tmp_path: Path):
    """A live experiment of the SDK's own arrives whole, and its public API reads all of it."""
    environment = {**os.environ, "COMET_URL_OVERRIDE": f"{comet.url}/clientlib/", "COMET_LOGGING_CONSOLE": "ERROR"}
    done = subprocess.run(
        [sys.executable, "-c", LIVE],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_metrics_are_appended(comet: CometServer):
    """Values that are sent twice are there twice, as everybody must assume of Comet."""
    key = make(comet)
    for _ in range(2):
        batch(comet, key, 3)
    assert [row["step"] for row in metrics(comet, key)] == [0, 1, 2, 0, 1, 2]
    assert metrics(comet, key)[1]["metricValue"] == repr(1 / 3)


def test_a_key_that_is_not_known(comet: CometServer):
    """Every route refuses it; the first one says so in Comet's own way."""
    with pytest.raises(RefusedError, match="401"):
        ask(comet, "api/rest/v2/account-details", key="wrong")
    with pytest.raises(RefusedError, match="400") as raised:
        ask(comet, "clientlib/logger/add/run", {}, key="wrong")
    assert json.loads(raised.value.body)["sdk_error_code"] == 90212


def test_an_experiment_is_made_once(comet: CometServer):
    """A key that is taken is refused, unless it may be."""
    key = make(comet)
    assert make(comet) == key
    with pytest.raises(RefusedError, match="400"):
        ask(comet, "clientlib/logger/add/run", {"experimentKey": key})
    assert len(comet.state.experiments) == 1


def test_faults_happen_on_demand(comet: CometServer):
    """A lost request leaves nothing behind, a lost answer leaves everything, a failure midway leaves a half."""
    key = make(comet)
    place = "/batch/logger/experiment/metric"
    for fault, rows in ((RESET, 0), (DROP, 4), (HALF, 6), (answer(503, retry_after="1"), 6), (delay(0.01), 10)):
        comet.faults.script(place, fault)
        try:
            batch(comet, key, 4)
        except OSError:
            assert fault.kind != "delay"
        assert len(metrics(comet, key)) == rows, fault


def test_silence_is_a_fault_too(comet: CometServer):
    """A request may be swallowed before it is taken, and after."""
    key = make(comet)
    for fault, rows in ((HOLE, 0), (STALL, 4)):
        comet.faults.script("/batch/logger/experiment/metric", fault)
        ask_rows = {"experimentKey": key, "values": [{"metricName": "a", "metricValue": 1}] * 4}
        with pytest.raises(TimeoutError):
            ask(comet, "clientlib/batch/logger/experiment/metric", ask_rows, timeout=0.3)
        assert len(metrics(comet, key)) == rows


def test_rates_are_kept_where_they_are_asked_for():
    """Too many values are refused with Comet's own header, and not taken."""
    with comet_server(Behaviour(values_a_minute=600)) as comet:
        key = make(comet)
        batch(comet, key, 10)
        with pytest.raises(RefusedError, match="429") as raised:
            batch(comet, key, 10)
        assert 0 < float(raised.value.headers["Retry-After-Custom"]) <= 1
        assert len(metrics(comet, key)) == 10


def test_what_was_taken_is_seen_later():
    """A server that lags tells of nothing before its time."""
    with comet_server(Behaviour(lag_s=0.2)) as comet:
        key = make(comet)
        batch(comet, key, 2)
        assert metrics(comet, key) == []
        time.sleep(0.25)
        assert len(metrics(comet, key)) == 2


def test_long_metrics_are_sampled():
    """The first and the last value are kept, and as many between them as the limit allows."""
    with comet_server(Behaviour(values_kept=10)) as comet:
        key = make(comet)
        batch(comet, key, 30)
        rows = metrics(comet, key)
        assert (len(rows), rows[0]["step"], rows[-1]["step"]) == (10, 0, 29)


def test_whims_are_switched_on_one_by_one():
    """Each way in which the real server may differ does what its name says."""
    with comet_server(replace(WORST, lag_s=0)) as comet:
        key = make(comet)
        ask(
            comet,
            "api/rest/v2/write/experiment/log-other",
            {"experimentKey": key, "key": "k" * 200, "value": "v" * 2000},
        )
        others = ask(comet, f"api/rest/v2/experiment/log-other?experimentKey={key}")["values"]
        assert [(len(one["name"]), len(one["valueCurrent"])) for one in others] == [(100, 1000)]
        row = {"metricName": "a", "metricValue": 3, "step": None}
        ask(comet, "api/rest/v2/write/experiment/metric", {"experimentKey": key, **row})
        assert [(one["metricValue"], one["step"]) for one in metrics(comet, key)] == [("3.0", 0)]
        end = {"experimentKey": key, "isAlive": False, "hasCrashed": True, "error": "x"}
        ask(comet, "api/rest/v2/write/experiment/update-status", end)
        assert not comet.state.experiments[key].running
        batch(comet, key, 1)
        assert comet.state.experiments[key].running
        assert comet.state.create("x" * 32, "team", "P").project == "p"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (3.0, "3.0"),
        (0.0, "0.0"),
        (1e-5, "1.0E-5"),
        (0.00012345, "1.2345E-4"),
        (12345678.9, "1.23456789E7"),
        (1e300, "1.0E300"),
        (-2.5e-7, "-2.5E-7"),
        (5e-324, "5.0E-324"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
    ],
)
def test_doubles_are_written_as_java_writes_them(value: float, text: str):
    """Java writes an exponent with E, and never a number without a point."""
    assert java_text(value) == text


def test_nothing_is_left_behind():
    """The port is free again after the block, and a server that comes back there holds what it held."""
    with comet_server(KINDEST) as comet:
        key, port = make(comet), int(comet.url.rpartition(":")[2])
        state = comet.state
    with comet_server(KINDEST, port=port, state=state) as again:
        assert again.url == comet.url
        assert metrics(again, key) == []

"""Hold the test server against the unmodified clients: what they log and fetch, and the rules it keeps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from neptune_server import NeptuneServer, Point, Rules, State, neptune_server

V1 = """
import neptune
run = neptune.init_run(
    project="team/digits", custom_run_id="r" * 32, capture_hardware_metrics=False, capture_stdout=False,
    capture_stderr=False, capture_traceback=False, source_files=[], git_ref=False,
)
run["params/lr"] = 0.1
for step in range(5):
    run["loss"].append(step / 4, step=step)
    run["log"].append(f"line {step}")
run["file"].upload(neptune.types.File.from_content("hello"))
run["big"].upload(neptune.types.File.from_content(b"x" * 6_000_000))
run["sys/tags"].add(["a"])
run.wait()
assert run["params/lr"].fetch() == 0.1
assert list(run["loss"].fetch_values()["value"]) == [0, 0.25, 0.5, 0.75, 1]
run["file"].download("file.txt")
assert open("file.txt").read() == "hello"
run.stop()
again = neptune.init_run(project="team/digits", custom_run_id="r" * 32, mode="read-only")
"""
SCALE = """
import datetime
from neptune_scale import Run
if __name__ == "__main__":
    run = Run(project="team/digits", run_id="r" * 32, enable_console_log_capture=False)
    run.log_configs({"params/lr": 0.1})
    for step in range(5):
        run.log_metrics({"loss": step / 4}, step=step)
        run.log_string_series({"log": f"line {step}"}, step=step)
    run.assign_files({"file": b"hello", "big": b"x" * 6_000_000})
    run.add_tags(["a"])
    assert run.wait_for_processing(timeout=30)
    run.close(timeout=30)
"""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("rules", ["mild", "worst"], indirect=True)
def test_the_unmodified_client_logs(server: NeptuneServer, tmp_path: Path):
    """Series, params, strings, files small and large, and tags of the vendor's own client arrive."""
    code = {"v1": V1.rpartition("again")[0], "scale": SCALE}[server.product]
    script = tmp_path / "train.py"
    script.write_text(code)
    environment = {**os.environ, "NEPTUNE_API_TOKEN": server.token(), "OAUTHLIB_INSECURE_TRANSPORT": "1"}
    done = subprocess.run(
        [sys.executable, script], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = server.state.runs.values()
    assert run.attributes["params/lr"].value == 0.1
    assert [(point.step, point.value) for point in run.attributes["loss"].points] == [
        (step * 10**6, step / 4) for step in range(5)
    ]
    assert len(run.attributes["log"].points) == 5
    assert run.attributes["sys/tags"].value == ["a"]
    assert sorted(map(len, server.state.blobs.values())) == [5, 6_000_000]


@pytest.fixture
def rules(request: pytest.FixtureRequest) -> Rules:
    """Return a rule set by name."""
    return {"mild": Rules(), "worst": Rules.worst()}[request.param]


def test_steps_increase_strictly():
    """A step that is repeated or smaller is refused, by its own code where the very same point is there."""
    state = State(Rules(), ["a/b"])
    run, _ = state.create("a/b", "x")
    given = [Point(5, 1, 0.5), Point(5, 1, 0.5), Point(5, 1, 0.6), Point(4, 1, 0.5), Point(6, 0, 0.5)]
    codes = state.append(run, "loss", "floatSeries", given)
    non_increasing = "SERIES_STEP_NON_INCREASING"
    assert codes == [None, "SERIES_POINT_DUPLICATE", non_increasing, non_increasing, None]
    assert [point.step for point in run.attributes["loss"].points] == [5, 6]


def test_strict_rules_refuse_more():
    """A time that goes back, NaN, a folder's name and a whole request with one wrong point are refused."""
    state = State(Rules.worst(), ["a/b"])
    run, _ = state.create("a/b", "x")
    assert (
        state.append(run, "a", "floatSeries", [Point(1, 5, 1.0), Point(2, 4, 1.0)])
        == ["SERIES_TIMESTAMP_DECREASING"] * 2
    )
    assert "a" not in run.attributes
    assert state.append(run, "a", "floatSeries", [Point(1, 5, float("nan"))]) == ["FLOAT_VALUE_NAN_INF_UNSUPPORTED"]
    assert state.assign(run, "b/c", "int", 1) is None
    assert state.assign(run, "b", "int", 1) == "FIELD_PATH_INVALID"
    assert state.assign(run, "b/c", "string", "x") == "FIELD_TYPE_CONFLICTING"
    assert state.assign(run, "b#", "int", 1) == "FIELD_PATH_INVALID"


def test_one_run_for_one_custom_id():
    """Creating is idempotent by the custom id, within a project."""
    state = State(Rules(), ["a/b", "a/c"])
    one, new = state.create("a/b", "x")
    assert new
    assert state.create("a/b", "x") == (one, False)
    assert state.create("a/c", "x")[0] is not one
    assert state.create("a/b", None)[0] is not state.create("a/b", None)[0]


def test_a_wrong_key_is_refused():
    """The token exchange answers 401, on both products."""
    import urllib.error
    import urllib.request

    for product, path in (
        ("v1", "/api/backend/v1/op/exchangeApiToken"),
        ("scale", "/api/backend/v1/authorization/oauth-token"),
    ):
        with neptune_server(product) as server:
            request = urllib.request.Request(
                server.url + path, headers={"X-Neptune-Api-Token": server.token(key="wrong")}
            )
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(request)
            assert caught.value.code == 401
            caught.value.close()

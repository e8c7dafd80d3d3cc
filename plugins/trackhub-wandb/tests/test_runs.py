"""Hold what W&B's own pages show to what was meant, and what is read back to what was given."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.faultproxy import DROP
from support.logged import START, artifact, point, run_info
from support.oracle import differences
from wandb_server import API_KEY, WandbServer

from trackhub.errors import RetryLater, StoreError
from trackhub.model.entities import Artifact, ArtifactFile, Batch, MetricPoint, Param, ParentRun, RunEnd, Tag

RUN = "a" * 32


def rows(server: WandbServer, run: str = RUN) -> list[dict[str, Any]]:
    return [json.loads(line.text) for line in server.run(run).history]


def config(server: WandbServer, run: str = RUN) -> dict[str, Any]:
    return {key: one["value"] for key, one in json.loads(server.run(run).config).items()}


def test_a_run_at_wandb_is_what_was_logged(wandb_kind: WandbServer, open_at: Any):
    """Our id, the name, group, job type, notes, tags, config, rows and state, where W&B has them."""
    backend = open_at(wandb_kind)
    ref = backend.trackhub_start_run(run_info("digits", run_id=RUN, parent=ParentRun(id="b" * 32)))
    assert ref.url == f"{wandb_kind.url}/team/digits/runs/{RUN}"
    backend.trackhub_log_params(ref, (Param("model.depth", 4, START), Param("lr", 0.1, START)))
    tags = {"phase": "baseline", "notes": "the first one", "job_type": "train"}
    backend.trackhub_set_tags(ref, tuple(Tag(name, value, START) for name, value in tags.items()))
    backend.trackhub_log_metrics(ref, (point("loss", 0.5, 3), point("acc", 0.75, 3)), Batch(start=0, position="x"))
    backend.trackhub_finish_run(ref, RunEnd(status="killed", time=START + 10**9, reason="SIGTERM"))
    held = wandb_kind.run(RUN)
    assert (held.entity, held.project, held.display_name, held.state) == ("team", "digits", "forest-1", "failed")
    assert (held.group, held.job_type, held.notes, held.tags) == (
        "b" * 32,
        "train",
        "the first one",
        ["phase=baseline"],
    )
    told = config(wandb_kind)
    assert (told["model.depth"], told["lr"]) == (4, 0.1)
    assert {key: told["trackhub"][key] for key in ("run_id", "status", "parent", "started", "ended")} == {
        "run_id": RUN,
        "status": "killed",
        "parent": "b" * 32,
        "started": "2026-09-21T14:13:20.123456789Z",
        "ended": "2026-09-21T14:13:21.123456789Z",
    }
    (row,) = rows(wandb_kind)
    row.pop("_runtime")
    assert row == {
        "_step": 0,
        "_timestamp": 1_790_000_000.123456,
        "loss": 0.5,
        "acc": 0.75,
        "trackhub/step": 3,
        "trackhub/points": 2,
        "trackhub/position": "x",
    }
    assert json.loads(held.summary)["loss"] == 0.5


def test_charts_are_drawn_over_the_users_step(wandb_kind: WandbServer, open_at: Any):
    """In each session anew, as the SDK forgets; columns of ours are hidden."""
    backend = open_at(wandb_kind)
    ref = backend.trackhub_start_run(run_info("p", run_id=RUN))
    for start in range(3):
        backend.trackhub_log_metrics(ref, (point("loss", 0.5, 9 - start),), Batch(start=start))
        defined = {one.get("1") or one["2"]: one for one in config(wandb_kind)["_wandb"]["m"]}
        # 0.30 tells of each metric by its name, 0.31 of the patterns.
        loss, ours = defined.get("loss") or defined["*"], defined.get("trackhub/points") or defined["trackhub/*"]
        assert list(defined)[loss["5"] - 1] == "trackhub/step"
        assert 2 in ours["6"]  # hidden
    assert [(row["_step"], row["trackhub/step"]) for row in rows(wandb_kind)] == [(0, 9), (1, 8), (2, 7)]


def test_last_values_are_read_with_their_types(wandb_kind: WandbServer, worst: WandbServer, open_at: Any):
    """NaN, infinity, a flag, and an integer that no double holds are told as they were."""
    values = {"loss": 0.5, "inf": -math.inf, "flag": True, "epoch": 3, "exact": 2**60 + 1, "nan": math.nan}
    for server in (wandb_kind, worst):
        backend = open_at(server)
        ref = backend.trackhub_start_run(run_info("p", run_id=RUN))
        backend.trackhub_log_metrics(
            ref, tuple(point(name, value, 1) for name, value in values.items()), Batch(start=0)
        )
        record = backend.trackhub_read_run(RUN, "p")
        assert {name: repr(value) for name, value in record.metrics.items()} == {
            name: repr(value) for name, value in values.items()
        }


def test_one_project_for_all_runs(wandb_kind: WandbServer, open_at: Any):
    """Where the URL names it; each run keeps its own, and a search finds it by that."""
    backend = open_at(wandb_kind, "team/shared")
    for number, project in enumerate(["one", "two", "one"]):
        backend.trackhub_start_run(run_info(project, run_id=str(number) * 32))
    assert {run.project for run in wandb_kind.state.runs.values()} == {"shared"}
    assert [record.id[0] for record in backend.trackhub_search_runs("one")] == ["0", "2"]
    assert len(backend.trackhub_search_runs(None)) == 3
    assert backend.trackhub_read_run("1" * 32, None).project == "two"


def test_a_batch_of_which_rows_arrived_goes_on_behind_them(wandb_kind: WandbServer, open_at: Any):
    """Lines that the server took before the process died are not sent again, and no row is numbered twice."""
    backend = open_at(wandb_kind)
    ref = backend.trackhub_start_run(run_info("p", run_id=RUN))
    points = tuple(point("abc"[number % 3], float(number), number // 3, ms=number // 3) for number in range(30))
    backend.trackhub_log_metrics(ref, points, Batch(start=0, position="all"))
    with wandb_kind.state.lock:
        del wandb_kind.run(RUN).history[4:]
    for _ in range(2):
        other = open_at(wandb_kind)
        assert other.trackhub_start_run(run_info("p", run_id=RUN)).position in (None, "all")
        other.trackhub_log_metrics(ref, points, Batch(start=0, position="all", redelivered=True))
    # From 0.31 on the SDK goes on behind the summary, which knew of rows that never came: those numbers are left out.
    first = rows(wandb_kind)[4]["_step"]
    assert first in (4, 10)
    assert [row["_step"] for row in rows(wandb_kind)] == [0, 1, 2, 3, *range(first, first + 6)]
    assert [row.get("trackhub/skipped") for row in rows(wandb_kind)] == [None] * 4 + [first - 4 or None] * 6
    assert differences(other, ref, points=points, resolution_ns=1000) == []


def test_counters_that_lag_are_waited_for(worst: WandbServer, open_at: Any):
    """A server that tells of rows late, and counts them later, is never given a row twice or over another."""
    backend = open_at(worst)
    ref = backend.trackhub_start_run(run_info("p", run_id=RUN))
    points = tuple(point("a", float(number), number) for number in range(50))
    for start in range(0, 50, 5):
        backend.trackhub_log_metrics(ref, points[start : start + 5], Batch(start=start))
    assert (worst.run(RUN).copies, worst.run(RUN).gaps, len(rows(worst))) == (0, 0, 50)


def test_copies_that_a_server_keeps_are_read_once(worst: WandbServer, open_at: Any):
    """Where an answer was lost and the server keeps what the SDK sent again; and the delivery goes on."""
    backend = open_at(worst)
    ref = backend.trackhub_start_run(run_info("p", run_id=RUN))
    points = tuple(point("a", float(number), number) for number in range(15))
    for start in range(0, 15, 5):
        # The stream's first request tells that the run is there, its second one has the rows.
        worst.faults.script("/files/", DROP, after=1, holding=b"wandb-history")
        backend.trackhub_log_metrics(ref, points[start : start + 5], Batch(start=start))
    worst.faults.heal()
    assert worst.run(RUN).copies >= 10
    assert differences(backend, ref, points=points, resolution_ns=1000) == []


def test_a_run_that_vanished_is_told(wandb_kind: WandbServer, open_at: Any):
    """Somebody deleted it: nothing is acknowledged, and the message says so."""
    backend = open_at(wandb_kind)
    ref = backend.trackhub_start_run(run_info("p", run_id=RUN))
    wandb_kind.state.runs.clear()
    with pytest.raises(RetryLater, match="deleted"):
        backend.trackhub_log_metrics(ref, (point("a", 0.5, 1),), Batch(start=0))
    with pytest.raises(RetryLater, match="deleted"):
        open_at(wandb_kind).trackhub_set_tags(ref, (Tag("a", "b", START),))


# ---- artifacts ---------------------------------------------------------------------------


def test_an_artifact_at_wandb_is_what_was_logged(wandb_kind: WandbServer, open_at: Any, folder: Path):
    """Its type and name, an alias of its own beside ``latest``, the files, their digests and where they come from."""
    backend = open_at(wandb_kind)
    ref = backend.trackhub_start_run(run_info("p", run_id=RUN))
    first = artifact(folder, "weights", {"model.pt": b"one", "a/b.json": b"{}"})
    second = artifact(folder, "weights", {"model.pt": b"two"}, version=2)
    for one in (first, second, first):
        backend.trackhub_log_artifact(ref, one)
    held = list(wandb_kind.state.artifacts.values())
    assert [(one.collection, one.type, one.index) for one in held] == [("weights", "file", 0), ("weights", "file", 1)]
    assert [len(one.aliases) for one in held] == [1, 2]
    assert "latest" in held[1].aliases
    assert sorted(held[0].files) == ["a/b.json", "model.pt", "trackhub.json"]
    assert json.loads(held[0].metadata)["trackhub"]["run_id"] == RUN
    listed = {file.path: (file.version, file.sha256) for file in backend.trackhub_list_artifacts(ref)}
    assert listed == {
        "weights/a/b.json": (1, first.files[1].sha256),
        "weights/model.pt": (1, first.files[0].sha256),
        "weights@v2/model.pt": (2, second.files[0].sha256),
    }


def test_runs_share_a_collection(worst: WandbServer, open_at: Any, folder: Path):
    """As models do that are trained again; the same bytes of two runs are two versions, each in its run's list."""
    backend = open_at(worst)
    same = artifact(folder, "weights", {"model.pt": b"same"})
    for digit in "12":
        ref = backend.trackhub_start_run(run_info("p", run_id=digit * 32))
        backend.trackhub_log_artifact(ref, same)
        assert [file.path for file in backend.trackhub_list_artifacts(ref)] == ["weights/model.pt"]
    assert [(one.collection, one.index) for one in worst.state.artifacts.values()] == [("weights", 0), ("weights", 1)]


def test_a_collection_of_another_type_is_not_in_the_way(wandb_kind: WandbServer, open_at: Any, folder: Path):
    """W&B has one type a name in a project: the next gets another name there, and its own name back."""
    backend = open_at(wandb_kind)
    given = []
    for digit, kind in (("1", "model"), ("2", "dataset"), ("3", "wandb-own")):
        ref = backend.trackhub_start_run(run_info("p", run_id=digit * 32))
        one = artifact(folder, "a/b", {"x": digit.encode()})
        given.append((ref, Artifact(name=one.name, type=kind, time=START, files=one.files)))
        backend.trackhub_log_artifact(*given[-1])
    held = [(one.collection, one.type) for one in wandb_kind.state.artifacts.values()]
    assert held == [("a-b", "model"), ("a-b-dataset", "dataset"), ("a-b-wandb-own", "user-wandb-own")]
    for ref, one in given:
        assert [(file.artifact, file.type) for file in backend.trackhub_list_artifacts(ref)] == [("a/b", one.type)]
        assert differences(backend, ref, artifacts=[one]) == []


def test_an_artifact_whose_bytes_are_gone_says_where_they_were(wandb_kind: WandbServer, open_at: Any, folder: Path):
    """Nothing is asked of the server."""
    backend = open_at(wandb_kind)
    ref = backend.trackhub_start_run(run_info("p", run_id=RUN))
    gone = ArtifactFile(path="x", sha256="0" * 64, size=1, source=folder / "gone")
    with pytest.raises(StoreError, match="gone: the bytes of 'a' cannot be read"):
        backend.trackhub_log_artifact(ref, Artifact(name="a", type="file", time=1, files=(gone,)))
    assert wandb_kind.state.artifacts == {}


# ---- what others logged ------------------------------------------------------------------

THEIRS = """
import sys, wandb
run = wandb.init(entity="team", project="theirs", id="sunny-1", name="sunny", group="g", tags=["a", "b"], notes="n",
                 config={"lr": 0.1, "model": {"depth": 3}}, settings=wandb.Settings(silent=True, console="off"))
for number in range(30):
    run.log({"loss": 1 / (number + 1), "epoch": number, "text": "x"})
art = wandb.Artifact("data", "dataset")
with art.new_file("a.txt") as file:
    file.write("hello")
run.log_artifact(art)
run.finish()
"""


def test_a_run_that_the_sdk_logged_is_read(wandb_kind: WandbServer, open_at: Any, tmp_path: Path, folder: Path):
    """A script of somebody who knows nothing of trackhub: params, tags, points, files and state."""
    environment = {"WANDB_BASE_URL": wandb_kind.url, "WANDB_API_KEY": API_KEY, "WANDB_ERROR_REPORTING": "false",
                   "HOME": str(tmp_path), "PATH": ""}  # fmt: skip
    command = [sys.executable, "-c", THEIRS]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    backend = open_at(wandb_kind)
    (record,) = backend.trackhub_search_runs("theirs")
    assert (record.id, record.name, record.project, record.status) == ("sunny-1", "sunny", "theirs", "finished")
    assert record.params == {"lr": 0.1, "model": {"depth": 3}}
    assert (record.tags, record.group) == ({"a": "", "b": "", "notes": "n"}, "g")
    assert record.metrics == {"loss": 1 / 30, "epoch": 29}
    points = backend.trackhub_read_metrics(record.ref)
    assert [(one.step, one.value) for one in points if one.name == "loss"] == [(n, 1 / (n + 1)) for n in range(30)]
    assert {type(one) for one in points} == {MetricPoint}
    (file,) = backend.trackhub_list_artifacts(record.ref)
    assert (file.path, file.type, file.version) == ("data/a.txt", "dataset", 1)
    folder.mkdir()
    backend.trackhub_download_artifact(record.ref, file.path, str(folder / "got"))
    assert (folder / "got").read_text() == "hello"
    assert backend.trackhub_read_run("sunny-1", "theirs") == record

"""Give runs, and look at what Comet's own pages would show of them; read runs of other clients."""

from __future__ import annotations

from typing import Any

import pytest
from comet_server import CometServer
from comet_server.state import Asset

from trackhub.errors import Rejected
from trackhub.model.entities import Batch, MetricPoint, Param, ParentRun, RunEnd, RunInfo, Tag
from trackhub.model.ids import new_run_id

_BEGAN = 1_700_000_000_123_456_789
_MS = 1_000_000


@pytest.fixture(params=["batch", "public"])
def backend(request: pytest.FixtureRequest, comet: CometServer, open_at: Any) -> Any:
    return open_at(comet, route=request.param)


def info(**more: Any) -> RunInfo:
    return RunInfo(**{"id": new_run_id(), "name": "n", "project": "p", "started": _BEGAN, **more})


def others_of(comet: CometServer, run: RunInfo) -> dict[str, str]:
    return {name: held.value for name, held in comet.experiment(run.id).others.items()}


# ---- what Comet shows --------------------------------------------------------------------


def test_a_run_as_comet_shows_it(backend: Any, comet: CometServer):
    """Workspace, project, name, times; what Comet has no place for is in its others."""
    parent = info()
    run = info(name="forest-1", group="sweep", parent=ParentRun(id=parent.id))
    ref = backend.trackhub_start_run(run)
    held = comet.experiment(run.id)
    assert (held.key, held.workspace, held.project, held.name) == (ref.id, "team", "p", "forest-1")
    assert (held.running, held.start) == (True, _BEGAN // _MS)
    told = others_of(comet, run)
    assert (told["trackhub.group"], told["trackhub.parent"], told["trackhub.project"]) == ("sweep", parent.id, "p")
    assert ref.url == f"https://comet.example/team/p/{ref.id}"


@pytest.mark.parametrize(
    ("status", "crashed", "labels"),
    [
        ("finished", False, []),
        ("failed", True, ["failed"]),
        ("killed", True, ["killed"]),
        ("crashed", True, ["crashed"]),
    ],
)
def test_an_end_as_comet_shows_it(comet: CometServer, open_at: Any, status: Any, crashed: bool, labels: list[str]):
    """Comet knows finished and crashed; a tag of its own says which it was, and its error text why."""
    backend = open_at(comet)
    run = info()
    ref = backend.trackhub_start_run(run)
    backend.trackhub_finish_run(ref, RunEnd(status="failed", time=_BEGAN + 1, reason="first"))
    backend.trackhub_finish_run(ref, RunEnd(status=status, time=_BEGAN + 5 * 10**9, reason="ValueError: x"))
    held = comet.experiment(run.id)
    assert (held.running, held.crashed, [*held.tags]) == (False, crashed, labels)
    assert (held.error, held.end) == ("ValueError: x", (_BEGAN + 5 * 10**9) // _MS)


def test_a_long_reason_is_whole(backend: Any, comet: CometServer, open_at: Any):
    """Comet is told its beginning, and the whole of it is kept beside."""
    run = info()
    ref = backend.trackhub_start_run(run)
    (note,) = backend.trackhub_finish_run(ref, RunEnd(status="failed", time=_BEGAN, reason="long " * 1000))
    assert (note.kind, len(comet.experiment(run.id).others["trackhub.end_reason"].value)) == ("beside", 1000)
    assert open_at(comet).trackhub_read_run(run.id, None).reason == "long " * 1000


def test_params_and_tags_as_comet_shows_them(backend: Any, comet: CometServer):
    """Numbers and words as they are; nested names keep their dots; nothing is cut in silence."""
    run = info()
    ref = backend.trackhub_start_run(run)
    params = (Param("model.depth", 4, _BEGAN), Param("lr", 1e-3, _BEGAN), Param("prompt", "x" * 1500, _BEGAN))
    notes = backend.trackhub_log_params(ref, params)
    backend.trackhub_set_tags(ref, (Tag("owner", "ada", _BEGAN), Tag("Name", "mine", _BEGAN)))
    held = comet.experiment(run.id)
    shown = {name: one.value for name, one in held.params.items()}
    assert (shown["model.depth"], shown["lr"]) == ("4", "0.001")
    assert shown["prompt"].startswith("xxx")
    assert [(note.kind, note.subject) for note in notes] == [("beside", "prompt")]
    assert held.params["lr"].time == _BEGAN // _MS
    assert (others_of(comet, run)["owner"], held.name) == ("ada", "n")


def test_metrics_as_comet_shows_them(backend: Any, comet: CometServer):
    """Name, value, step and the original time; the epoch is the point's place and kind."""
    run = info()
    ref = backend.trackhub_start_run(run)
    points = (
        MetricPoint("val/acc", 0.5, 7, _BEGAN + 3 * _MS),
        MetricPoint("epochs", 3, None, _BEGAN + 4 * _MS),
        MetricPoint("loss", float("nan"), 1, _BEGAN + 5 * _MS),
        MetricPoint("loss", float("inf"), 0.25, _BEGAN + 6 * _MS),
    )
    backend.trackhub_log_metrics(ref, points, Batch(start=0))
    first = _BEGAN // _MS
    assert [(row.name, row.value, row.step, row.epoch, row.time) for row in comet.experiment(run.id).metrics] == [
        ("val/acc", 0.5, 7, 0, first + 3),
        ("epochs", 3, None, 14, first + 4),
        ("loss", "NaN", 1, 20, first + 5),
        ("loss", "Infinity", 0, 39, first + 6),
    ]


def test_a_long_name_is_cut_and_comes_back(backend: Any, comet: CometServer, open_at: Any):
    """Two names that differ behind what Comet takes are two metrics, each under its whole name."""
    run = info()
    ref = backend.trackhub_start_run(run)
    names = ["n" * 1500 + end for end in "ab"]
    notes = backend.trackhub_log_metrics(
        ref, tuple(MetricPoint(name, 1.0, 1, _BEGAN) for name in names), Batch(start=0)
    )
    assert {note.kind for note in notes} == {"escaped"}
    assert {len(row.name) for row in comet.experiment(run.id).metrics} == {100}
    assert sorted(point.name for point in open_at(comet).trackhub_read_metrics(ref)) == names


def test_an_environment_as_comet_shows_it(backend: Any, comet: CometServer):
    """The pages of the machine and the code are filled; the whole is a file."""
    run = info()
    ref = backend.trackhub_start_run(run)
    environment = {
        "argv": ["train.py", "--lr", "1"],
        "host": {"name": "node1", "os": "Linux 6"},
        "python": {"version": "3.11.7", "executable": "/bin/python"},
        "git": {"commit": "abc", "branch": "main", "remote": "https://host/r.git", "root": "/r"},
        "user": "ada",
    }
    backend.trackhub_log_environment(ref, environment)
    held = comet.experiment(run.id)
    assert (held.details["hostname"], held.details["os"], held.details["user"]) == ("node1", "Linux 6", "ada")
    assert (held.git["parent"], held.git["branch"], held.git["origin"]) == ("abc", "main", "https://host/r.git")


def test_late_points_leave_an_end_that_comet_would_forget(worst: CometServer, open_at: Any):
    """Where a write makes an experiment run again, it is ended again, at its own time."""
    backend = open_at(worst)
    run = info()
    ref = backend.trackhub_start_run(run)
    backend.trackhub_finish_run(ref, RunEnd(status="killed", time=_BEGAN + 10**9, reason="SIGTERM"))
    other = open_at(worst)
    other.trackhub_log_metrics(ref, (MetricPoint("a", 1.0, 1, _BEGAN),), Batch(start=0))
    held = worst.experiment(run.id)
    assert (held.running, held.crashed, held.error, held.end) == (False, True, "SIGTERM", (_BEGAN + 10**9) // _MS)
    other.trackhub_start_run(run)
    assert (held.running, held.end) == (False, (_BEGAN + 10**9) // _MS)


def test_another_value_of_a_param_is_refused(backend: Any, comet: CometServer):
    """Comet would take it; the journal says that nobody meant it."""
    run = info()
    ref = backend.trackhub_start_run(run)
    backend.trackhub_log_params(ref, (Param("lr", 0.1, _BEGAN),))
    with pytest.raises(Rejected, match=r"'lr'.*0\.1.*0\.2.*overwrite"):
        backend.trackhub_log_params(ref, (Param("lr", 0.2, _BEGAN),))
    assert comet.experiment(run.id).params["lr"].value == "0.1"


def test_few_requests_a_batch(comet: CometServer, open_at: Any):
    """A batch is one request with points, one before it and one behind."""
    backend = open_at(comet)
    ref = backend.trackhub_start_run(info())
    backend.trackhub_log_metrics(ref, (MetricPoint("a", 1.0, 1, _BEGAN),), Batch(start=0))
    before = len(comet.faults.seen)
    backend.trackhub_log_metrics(ref, (MetricPoint("a", 1.0, 2, _BEGAN),), Batch(start=1))
    assert [seen.path for seen in comet.faults.seen[before:]] == [
        "/write/experiment/log-other",
        "/batch/logger/experiment/metric",
        "/write/experiment/log-other",
    ]


def test_the_position_of_very_many_writers(comet: CometServer, open_at: Any):
    """One that no other can hold lies in a file, one file, and every process is told it."""
    run = info()
    for turn in range(3):
        backend = open_at(comet)
        ref = backend.trackhub_start_run(run)
        position = str({f"{number * 7919:x}": number * 104_729 + turn for number in range(400)})
        backend.trackhub_log_metrics(ref, (MetricPoint("a", 1.0, 1, _BEGAN),), Batch(start=turn, position=position))
        assert open_at(comet).trackhub_start_run(run).position == position
        assert len(comet.experiment(run.id).assets) == 1
        assert len(comet.experiment(run.id).others["trackhub.delivered"].value) < 100
    assert open_at(comet).trackhub_list_artifacts(ref) == ()


def test_one_project_for_all(comet: CometServer, open_at: Any):
    """A URL that names a project puts every run there; each keeps its own."""
    backend = open_at(comet, place="team/all")
    runs = [info(project=project) for project in ("a", "b")]
    for run in runs:
        backend.trackhub_start_run(run)
    assert {held.project for held in comet.state.experiments.values()} == {"all"}
    assert [record.id for record in backend.trackhub_search_runs("a")] == [runs[0].id]
    assert {record.project for record in backend.trackhub_search_runs(None)} == {"a", "b"}


# ---- runs of other clients ---------------------------------------------------------------


def test_a_run_of_another_client(backend: Any, comet: CometServer):
    """It is read as Comet tells it: its own key, names as they are, and a note of what is no part of a run here."""
    held = comet.state.create("a" * 40, "team", "theirs")
    held.start, held.end, held.running = 1000, 5000, False
    rows = [{"metricName": "loss", "metricValue": i / 2, "step": i, "epoch": 1, "timestamp": 2000 + i} for i in (0, 1)]
    comet.state.add_metrics(held, [{**rows[0], "context": "train"}, rows[1]])
    comet.state.add_metrics(held, [{"metricName": "word", "metricValue": "a text"}])
    comet.state.put(held.params, "lr", 0.1, None)
    comet.state.put(held.others, "Name", "quiet_fox", None)
    comet.state.put(held.others, "note", "hello", None)
    held.tags["best"] = None
    held.assets.append(Asset("x1", "model.pt", "model-element", b"abc", None, None, 0.0, 0))
    record = backend.trackhub_read_run("a" * 40, None)
    assert (record.id, record.name, record.project, record.status) == ("a" * 40, "quiet_fox", "theirs", "finished")
    assert (record.started, record.ended) == (1000 * _MS, 5000 * _MS)
    assert (record.params, record.metrics) == ({"lr": "0.1"}, {"train_loss": 0.0, "loss": 0.5})
    assert record.tags == {"Name": "quiet_fox", "note": "hello", "best": ""}
    assert {note.kind for note in record.notes} == {"untold", "renamed"}
    points = backend.trackhub_read_metrics(record.ref)
    assert sorted((point.name, point.value, point.step, point.time) for point in points) == [
        ("loss", 0.5, 1, 2001 * _MS),
        ("train_loss", 0.0, 0, 2000 * _MS),
    ]
    (file,) = backend.trackhub_list_artifacts(record.ref)
    assert (file.path, file.size, file.type) == ("model.pt", 3, "model-element")
    (listed,) = backend.trackhub_search_runs("theirs")
    assert listed.id == "a" * 40


def test_a_download_is_all_or_nothing(backend: Any, comet: CometServer, tmp_path: Any):
    """A file that is not there leaves none behind."""
    ref = backend.trackhub_start_run(info())
    with pytest.raises(Rejected, match="list them first"):
        backend.trackhub_download_artifact(ref, "nothing", str(tmp_path / "target"))
    assert list(tmp_path.iterdir()) == []

"""Hold the life of a run: created once, found by our id, opened again, ended; on a real server."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from support.faultproxy import DROP, FaultProxy
from support.logged import START, point, run_info
from support.mlflow_server import MlflowServer
from trackhub_mlflow.tail import TAIL

from trackhub.errors import RetryLater
from trackhub.model.entities import Batch, Param, ParentRun, RunEnd, RunInfo, Tag

MS = 1_000_000
CREATE = "/api/2.0/mlflow/runs/create"


def test_a_run_is_created_once_with_what_the_journal_knows(backend: Any, project: str):
    """Name, start and group are kept to the millisecond; a second call finds the same run."""
    run = RunInfo(id="ab" * 16, name="forest-1", project=project, started=START, group="sweep")
    ref = backend.trackhub_start_run(run)
    assert backend.trackhub_start_run(run) == ref
    record = backend.trackhub_read_run(run.id, project)
    assert (record.id, record.name, record.project, record.group) == (run.id, "forest-1", project, "sweep")
    assert (record.status, record.started, record.ended) == ("running", START // MS * MS, None)
    assert [found.id for found in backend.trackhub_search_runs(project)] == [run.id]
    assert backend.trackhub_read_run("cd" * 16, project) is None
    assert backend.trackhub_read_run(run.id, "no such project") is None
    assert backend.trackhub_search_runs("no such project") == ()


def test_runs_of_every_project_are_found(backend: Any, raw_of: Any, project: str):
    """Without a project all are told, each with its own; a run is found by its id alone, ours or MLflow's."""
    one, other = run_info(f"{project} one"), run_info(f"{project} other")
    refs = [backend.trackhub_start_run(run) for run in (one, other)]
    raw = raw_of(backend)
    raw.delete_run(backend.trackhub_start_run(run_info(f"{project} other")).id)
    foreign = raw.create_run(raw.get_experiment_by_name(one.project).experiment_id).info.run_id
    found = [(run.id, run.project) for run in backend.trackhub_search_runs(None) if run.project.startswith(project)]
    assert sorted(found) == sorted([(one.id, one.project), (other.id, other.project), (foreign, one.project)])
    assert backend.trackhub_read_run(other.id, None).project == other.project
    assert backend.trackhub_read_run(refs[1].id, None).id == other.id
    assert backend.trackhub_read_run(foreign, None).project == one.project
    assert backend.trackhub_read_run("0" * 32, None) is None


def test_a_run_has_a_page(remote: Any, server: MlflowServer, raw: Any, project: str):
    """The link leads to the run on the server, under the vendor's ids."""
    ref = remote.trackhub_start_run(run_info(project))
    experiment = raw.get_experiment_by_name(project).experiment_id
    assert ref.url == f"{server.url}/#/experiments/{experiment}/runs/{ref.id}"


def test_a_lost_answer_makes_no_second_run(open_at: Any, proxy: FaultProxy, raw: Any, project: str):
    """The run was created though nobody heard of it; the next attempt finds it by its tag."""
    run = run_info(project)
    proxy.script(CREATE, DROP)
    backend = open_at(proxy.url)
    with pytest.raises(RetryLater):
        backend.trackhub_start_run(run)
    assert proxy.count(CREATE) == 1
    ref = open_at(proxy.url).trackhub_start_run(run)
    assert proxy.count(CREATE) == 1
    experiment = raw.get_experiment_by_name(project).experiment_id
    assert [found.info.run_id for found in raw.search_runs([experiment], run_view_type=3)] == [ref.id]


def test_of_several_runs_of_one_id_one_is_kept(remote: Any, raw: Any, project: str):
    """The one that has points stays, or has most; the others are deleted and say of what they were copies."""
    experiment = raw.create_experiment(project)
    run = run_info(project)
    copies = [raw.create_run(experiment, start_time=START // MS, tags={"trackhub.run_id": run.id}) for _ in range(3)]
    ids = sorted(copy.info.run_id for copy in copies)
    raw.set_tag(ids[1], TAIL, "0 0 - 0  somewhere")
    assert remote.trackhub_start_run(run).id == ids[1]
    assert remote.trackhub_start_run(run).position == "somewhere"
    assert [found.info.run_id for found in raw.search_runs([experiment])] == [ids[1]]
    assert raw.get_run(ids[0]).info.lifecycle_stage == "deleted"
    assert raw.get_run(ids[0]).data.tags["trackhub.duplicate_of"] == ids[1]


def test_of_several_runs_of_one_id_the_one_delivered_to_is_kept(remote: Any, raw: Any, project: str):
    """Before the first point it is known by its params; a copy that comes late is gone when the run ends."""
    run = run_info(project)
    ref = remote.trackhub_start_run(run)
    remote.trackhub_log_params(ref, (Param("a", 1, START),))
    experiment = raw.get_experiment_by_name(project).experiment_id

    def copy() -> None:
        raw.create_run(experiment, start_time=START // MS - 1, tags={"trackhub.run_id": run.id})

    copy()
    assert remote.trackhub_start_run(run).id == ref.id
    copy()
    remote.trackhub_finish_run(ref, RunEnd(status="finished", time=START))
    assert [found.info.run_id for found in raw.search_runs([experiment])] == [ref.id]


def test_a_run_that_was_deleted_comes_back(remote: Any, raw: Any, project: str):
    """Delivering to it again restores it; MLflow would refuse every call otherwise."""
    run = run_info(project)
    ref = remote.trackhub_start_run(run)
    raw.delete_run(ref.id)
    assert remote.trackhub_start_run(run) == ref
    remote.trackhub_set_tags(ref, (Tag("a", "b", START),))


def test_an_experiment_that_was_deleted_comes_back(remote: Any, raw: Any, project: str):
    """It keeps its name, so a new one could not be made."""
    remote.trackhub_start_run(run_info(project))
    raw.delete_experiment(raw.get_experiment_by_name(project).experiment_id)
    ref = remote.trackhub_start_run(run_info(project))
    assert raw.get_run(ref.id).info.lifecycle_stage == "active"


def test_an_experiment_whose_creation_was_lost_is_found(open_at: Any, proxy: FaultProxy, project: str):
    """The second attempt takes the one that is there."""
    proxy.script("/api/2.0/mlflow/experiments/create", DROP)
    backend = open_at(proxy.url)
    run = run_info(project)
    with pytest.raises(RetryLater):
        backend.trackhub_start_run(run)
    assert backend.trackhub_start_run(run).id


def test_a_child_is_under_its_parent(remote: Any, raw: Any, project: str):
    """MLflow's page nests it, and our id of the parent is read back; a parent that comes later is put in."""
    parent = run_info(project)
    ref = remote.trackhub_start_run(parent)
    early = run_info(project, parent=ParentRun(id=parent.id))
    child = remote.trackhub_start_run(early)
    assert "mlflow.parentRunId" not in raw.get_run(child.id).data.tags
    remote.trackhub_start_run(run_info(project, run_id=early.id, parent=ParentRun(id=parent.id, ref=ref)))
    assert raw.get_run(child.id).data.tags["mlflow.parentRunId"] == ref.id
    assert remote.trackhub_read_run(early.id, project).parent == parent.id


def test_one_experiment_may_take_every_project(open_at: Any, server: MlflowServer, project: str):
    """The option puts runs into one experiment; each still knows its project."""
    backend = open_at(server.url, experiment=f"{project} all")
    one, other = run_info("one"), run_info("other")
    backend.trackhub_start_run(one)
    backend.trackhub_start_run(other)
    assert {record.project for record in backend.trackhub_search_runs(None)} == {"one", "other"}
    assert [(record.id, record.project) for record in backend.trackhub_search_runs("one")] == [(one.id, "one")]
    assert backend.trackhub_read_run(other.id, "other").project == "other"


@pytest.mark.parametrize("name", ["n" * 400, "a\0b", "", "ünï / #?"])
def test_any_name_is_kept(backend: Any, project: str, name: str):
    """A name too long for MLflow's column, or with what a database refuses, is read back whole."""
    run = run_info(project, name=name)
    backend.trackhub_start_run(run)
    assert backend.trackhub_read_run(run.id, project).name == (name or backend.trackhub_read_run(run.id, project).name)


@pytest.mark.parametrize(
    ("status", "theirs"), [("finished", "FINISHED"), ("failed", "FAILED"), ("killed", "KILLED"), ("crashed", "FAILED")]
)
def test_a_run_ends_as_it_ended(remote: Any, raw: Any, project: str, status: Any, theirs: str):
    """Status and end time are the journal's, to the millisecond, however late they come and however often."""
    run = run_info(project)
    ref = remote.trackhub_start_run(run)
    for _ in range(2):
        remote.trackhub_finish_run(ref, RunEnd(status=status, time=START + 1234 * MS, reason="why"))
    info = raw.get_run(ref.id).info
    assert (info.status, info.end_time) == (theirs, START // MS + 1234)
    record = remote.trackhub_read_run(run.id, project)
    assert (record.status, record.ended, record.reason) == (status, (START // MS + 1234) * MS, "why")
    assert raw.get_run(ref.id).data.tags["trackhub.end_reason"] == "why"


def test_a_resumed_run_is_open_again_and_ends_anew(backend: Any, project: str):
    """What a former end said does not stay; a run that is only found again is left as it ended."""
    run = run_info(project)
    ref = backend.trackhub_start_run(run)
    backend.trackhub_finish_run(ref, RunEnd(status="crashed", time=START, reason="vanished"))
    backend.trackhub_start_run(run)
    assert backend.trackhub_read_run(run.id, project).status == "crashed"
    backend.trackhub_start_run(run_info(project, run_id=run.id, resumed=True))
    record = backend.trackhub_read_run(run.id, project)
    assert (record.status, record.ended) == ("running", None)
    backend.trackhub_finish_run(ref, RunEnd(status="finished", time=START + 5 * MS))
    record = backend.trackhub_read_run(run.id, project)
    assert (record.status, record.ended) == ("finished", START // MS * MS + 5 * MS)


def test_a_foreign_run_is_read_as_it_is(remote: Any, raw: Any, project: str):
    """A run that trackhub did not write is known by MLflow's id, its texts untouched."""
    ref = raw.create_run(raw.create_experiment(project), start_time=1000, run_name="theirs", tags={"a": "b"})
    raw.log_param(ref.info.run_id, "lr", "0.10")
    raw.log_metric(ref.info.run_id, "a_x23_b", 2.0, timestamp=5, step=1)
    record = remote.trackhub_read_run(ref.info.run_id, project)
    assert (record.id, record.name, record.params, record.tags) == (
        ref.info.run_id,
        "theirs",
        {"lr": "0.10"},
        {"a": "b"},
    )
    assert record.metrics == {"a_x23_b": 2.0}
    assert [found.name for found in remote.trackhub_read_metrics(record.ref)] == ["a_x23_b"]


def test_a_database_keeps_artifacts_beside_itself(
    open_at: Any, project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str
):
    """Wherever the delivery process stands, nothing is left in its folder."""
    monkeypatch.chdir(tmp_path)
    backend = open_at(database)
    ref = backend.trackhub_start_run(run_info(project))
    backend.trackhub_log_environment(ref, {"user": "ada"})
    assert list(tmp_path.iterdir()) == []
    assert list(Path(database.partition("///")[2]).parent.glob("mlartifacts/**/environment.json"))


def test_nothing_is_printed(open_at: Any, server: MlflowServer, project: str, capfd: pytest.CaptureFixture[str]):
    """A training's output stays its own: no links, no progress bars, no warnings."""
    backend = open_at(server.url)
    ref = backend.trackhub_start_run(run_info(project))
    backend.trackhub_log_metrics(ref, (point("a#", 1.0),), Batch(start=0, position="p"))
    backend.trackhub_log_environment(ref, {"user": "ada", "argv": ["t.py"]})
    backend.trackhub_finish_run(ref, RunEnd(status="finished", time=START))
    backend.trackhub_list_artifacts(ref)
    assert capfd.readouterr() == ("", "")
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_the_environment_is_shown_and_kept_whole(remote: Any, raw: Any, project: str, tmp_path: Path):
    """MLflow's columns for source, version and user are filled; the rest is a file."""
    run = run_info(project)
    ref = remote.trackhub_start_run(run)
    assert remote.trackhub_read_run(run.id, project).environment == {}
    environment = {"entry_point": "train.py", "git": {"commit": "abc", "diff": "x" * 9000}, "user": "ada", "gpus": []}
    for _ in range(2):
        remote.trackhub_log_environment(ref, environment)
    tags = raw.get_run(ref.id).data.tags
    assert (tags["mlflow.source.name"], tags["mlflow.source.git.commit"], tags["mlflow.user"]) == (
        "train.py",
        "abc",
        "ada",
    )
    path = raw.download_artifacts(ref.id, "trackhub/environment.json", str(tmp_path))
    assert json.loads(Path(path).read_text()) == environment
    assert remote.trackhub_list_artifacts(ref) == ()
    assert remote.trackhub_read_run(run.id, project).environment == environment

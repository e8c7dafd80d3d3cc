"""The commands that move runs, by the plugin that keeps them as plain files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import trackhub

pytest.importorskip("trackhub_local", reason="moving runs as files takes the plugin trackhub-local")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRACKHUB_STORE", str(tmp_path / "here"))
    return tmp_path / "here"


@pytest.fixture
def forest(here: Path, tmp_path: Path) -> trackhub.Run:
    note = tmp_path / "note.txt"
    note.write_text("a note")
    with trackhub.start_run(project="digits", name="parent", capture=False) as parent:
        pass
    with trackhub.start_run(
        project="digits", name="forest-1", params={"depth": 4}, parent=parent, capture=False
    ) as run:
        for step in range(20):
            run.log({"loss": 1 / (step + 1), "acc": float("nan")}, step=step)
        run.set_tags({"owner": "anna"})
        run.log_artifact(note)
    return run


def plain(result: Any) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_run_moves_to_another_machine(invoke, forest, tmp_path):
    """Exported there and imported here, it is the same run: by name, by id, point for point; its parent comes along."""
    stick, there = str(tmp_path / "stick"), str(tmp_path / "there")
    exported = plain(invoke("export", "forest-1", stick, "--json"))
    assert exported["complete"]
    imported = plain(invoke("import", stick, "--store", there, "--json"))
    assert {run["name"]: run["points"] for run in imported["runs"]} == {"parent": 0, "forest-1": 40}
    assert imported["complete"]
    assert imported["left_out"] == {}
    shown = plain(invoke("show", "forest-1", "--store", there, "--json"))
    original = plain(invoke("show", "forest-1", "--json"))
    for key in (
        "id",
        "name",
        "project",
        "status",
        "started",
        "ended",
        "params",
        "tags",
        "metrics",
        "parent",
        "artifacts",
    ):
        assert shown[key] == original[key], key
    assert invoke("verify", "forest-1", "--store", there, "--to", f"local:{stick}").exit_code == 0


def test_again_brings_nothing_new(invoke, forest, tmp_path):
    """The table says so; nothing is given as an error."""
    stick, there = str(tmp_path / "stick"), str(tmp_path / "there")
    for _ in range(2):
        assert invoke("export", stick).exit_code == 0
        found = invoke("import", stick, "--store", there)
        assert found.exit_code == 0
    lines = found.stdout.splitlines()
    assert lines[0].split("\t") == ["id", "name", "project", "status", "points", "files", "new here", "error"]
    assert [line.split("\t")[6] for line in lines[1:]] == ["nothing", "nothing"]
    assert "2 runs, 40 points, 1 files" in found.stderr


def test_export_leaves_no_trace_in_the_store(invoke, forest, here, tmp_path):
    """A folder on a stick is no destination that the run has to keep up with."""
    assert invoke("export", "forest-1", str(tmp_path / "stick")).exit_code == 0
    assert plain(invoke("status", "--json")) == []


def test_a_stick_that_was_emptied_is_filled_again(invoke, forest, tmp_path):
    """The folder itself says what it has, not a note in the store."""
    stick = tmp_path / "stick"
    assert invoke("export", str(stick)).exit_code == 0
    stick.rename(tmp_path / "full")
    assert invoke("export", str(stick)).exit_code == 0
    assert sorted(path.name for path in stick.rglob("metrics.parquet")) == sorted(
        path.name for path in (tmp_path / "full").rglob("metrics.parquet")
    )


def test_a_source_that_is_none(invoke, here, tmp_path):
    """What is no folder and no URL is said with what could be given; an empty folder has no runs."""
    found = invoke("import", "nowhere")
    assert found.exit_code == 2
    assert "'nowhere': no such folder; give one that `trackhub export` wrote, or a URL" in found.stderr
    (tmp_path / "empty").mkdir()
    found = invoke("import", str(tmp_path / "empty"))
    assert found.exit_code == 1
    assert "no run was found there" in found.stderr


def test_paths_that_mean_something_else(invoke, forest, here, tmp_path, monkeypatch):
    """Whoever gives a project's folder, a database or a vendor's folder is told what to write instead."""
    monkeypatch.chdir(tmp_path)
    proj = tmp_path / "proj"
    proj.mkdir()
    here.rename(proj / ".trackhub")
    (proj / "mlflow.db").write_bytes(b"SQLite format 3\0 and so on")
    (proj / "notes.txt").write_text("some notes")
    (tmp_path / "tb/runs/one").mkdir(parents=True)
    (tmp_path / "tb/runs/one/events.out.tfevents.1.host").write_bytes(b"")
    (tmp_path / "old/.neptune").mkdir(parents=True)
    for path, advice in {
        "proj": "import proj/.trackhub or mlflow+sqlite:///proj/mlflow.db",
        "proj/.trackhub/runs": "import proj/.trackhub\n",
        "proj/mlflow.db": "it is a database; if MLflow made it, write mlflow+sqlite:///proj/mlflow.db",
        "proj/notes.txt": "it is a file; give the folder that `trackhub export` wrote",
        "tb": "import tensorboard:tb\n",
        "tb/runs/one/events.out.tfevents.1.host": "import its folder: tensorboard:tb/runs/one\n",
        "old": "import neptune:old\n",
    }.items():
        found = invoke("import", path, "--store", "there")
        assert (found.exit_code, advice in found.stderr) == (2, True), found.stderr
    imported = plain(invoke("import", "proj/.trackhub", "--store", "there", "--json"))
    assert {run["name"] for run in imported["runs"]} == {"parent", "forest-1"}


def test_a_scheme_that_nobody_has(invoke, here):
    """It is a mistake in the command, as it is for sync."""
    found = invoke("import", "nobody:there")
    assert found.exit_code == 2
    assert "no plugin for 'nobody' is installed" in found.stderr


def test_a_folder_that_holds_a_store_besides(invoke, forest, here, tmp_path):
    """Exported runs are imported, and the store beside them is told."""
    stick = tmp_path / "stick"
    invoke("export", str(stick))
    here.rename(stick / ".trackhub")
    found = invoke("import", str(stick), "--store", str(stick / ".trackhub"))
    assert (found.exit_code, "another source" in found.stderr) == (0, False)
    found = invoke("import", str(stick), "--store", str(tmp_path / "there"))
    assert found.exit_code == 0
    assert f"another source: {stick / '.trackhub'}: a store lies there, too" in found.stderr


def test_a_project_called_runs(invoke, here, tmp_path):
    """An export whose only project is called as a store's folder is, is no store."""
    with trackhub.start_run(project="runs", name="one", capture=False):
        pass
    stick = tmp_path / "stick"
    invoke("export", str(stick))
    imported = plain(invoke("import", str(stick), "--store", str(tmp_path / "there"), "--json"))
    assert [run["name"] for run in imported["runs"]] == ["one"]


def test_notes_tell_which_run_they_are_of(invoke, here, tmp_path, monkeypatch):
    """Runs of one name have names of their own here, and the notes and the table use these."""
    sticks = []
    for number in range(3):
        monkeypatch.setenv("TRACKHUB_STORE", str(tmp_path / f"store {number}"))
        with trackhub.start_run(project="digits", name="first", capture=False):
            pass
        sticks.append(str(tmp_path / "stick"))
        invoke("export", sticks[-1])
    found = invoke("import", sticks[0], "--store", str(tmp_path / "there"))
    assert [line.split("\t")[1] for line in found.stdout.splitlines()[1:]] == ["first", "first-2", "first-3"]
    assert "  first-2: renamed: first: it is 'first-2' here" in found.stderr
    assert "  first-3: renamed: first: it is 'first-3' here" in found.stderr


def test_a_store_after_the_folder_it_was_exported_to(invoke, forest, here, tmp_path):
    """The run that came by a folder is not there twice when the store itself comes."""
    stick, there = str(tmp_path / "stick"), str(tmp_path / "there")
    invoke("export", stick)
    for source in (stick, str(here), stick, str(here)):
        assert invoke("import", source, "--store", there).exit_code == 0
        assert plain(invoke("show", "forest-1", "--store", there, "--json"))["metrics"]["loss"]["count"] == 20


def test_into_another_project(invoke, forest, tmp_path):
    """--into renames the project on the way in."""
    stick, there = str(tmp_path / "stick"), str(tmp_path / "there")
    invoke("export", stick)
    imported = plain(invoke("import", stick, "--into", "team/old", "--store", there, "--json"))
    assert {run["project"] for run in imported["runs"]} == {"team/old"}


def test_models_move_with_their_runs(invoke: Any, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What a run registered, and every move of an alias, is there on the other machine; again, it changes nothing."""
    for name in ("one", "two"):
        with trackhub.start_run(project="digits", name=name, capture=False) as run:
            run.log_text(name, name="weights")
            run.register_model("classifier", artifact="weights", aliases=["champion"])
    trackhub.set_model_alias("classifier", "champion", "one")
    told = trackhub.models()
    stick = tmp_path / "stick"
    assert invoke("export", str(stick)).exit_code == 0
    assert trackhub.models(f"local:{stick}") == told
    monkeypatch.setenv("TRACKHUB_STORE", str(tmp_path / "there"))
    for _ in range(2):
        assert invoke("import", str(stick)).exit_code == 0
        assert trackhub.models() == told
    trackhub.set_model_alias("classifier", "champion", "two")
    assert invoke("export", "two", str(stick)).exit_code == 0
    monkeypatch.setenv("TRACKHUB_STORE", str(here))
    assert invoke("import", str(stick)).exit_code == 0
    assert [one.aliases for one in trackhub.models()] == [(), ("champion",)]

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

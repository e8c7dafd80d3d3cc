"""What all sources have in common: projects, nesting, repetition, and the hooks."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from history.test_export import PROJECT, three, two
from neptune_left.exporter import Export, row
from trackhub_neptune.history import open_history

from trackhub.backend import Destination
from trackhub.errors import Rejected, SettingsError
from trackhub.model.entities import RunRef


def everything(root: Path, v1: Path, scale: Path) -> None:
    """Lay down all that Neptune left, nested as people nest it."""
    shutil.copytree(v1, root / "home" / "old", dirs_exist_ok=True)
    shutil.copytree(scale, root / "cluster" / "scratch" / ".neptune")
    three(root / "exports" / "new")
    two(root / "exports" / "old")


def test_all_kinds_are_read_from_one_folder(v1: Path, scale: Path, tmp_path: Path, told: Any) -> None:
    """Folders, databases and exports are told apart by content, however deep they lie."""
    everything(tmp_path, v1, scale)
    found = told(tmp_path, "team/digits")
    assert {record.id for record in found.records} > {"run-1", "run-2"}
    assert {record.project for record in found.records} == {"team/digits"}
    assert len(found.records) == 3


def test_runs_of_other_projects_are_left_out_and_named(v1: Path, scale: Path, tmp_path: Path, told: Any) -> None:
    """One project is asked for: how many runs of which others there are is told."""
    everything(tmp_path, v1, scale)
    found = told(tmp_path, PROJECT)
    assert {note.subject: note.detail.split()[0] for note in found.notes if note.kind == "other project"} == {
        "team/digits": "2"
    }


def test_a_project_may_be_told_without_its_workspace(scale: Path, told: Any) -> None:
    """The runs keep the whole name."""
    assert {record.project for record in told(scale, "digits").records} == {"team/digits"}


def test_every_project_is_read_when_none_is_asked_for(tmp_path: Path, told: Any) -> None:
    """Where every run says its project, none needs to be told."""
    Export(tmp_path).run("a/b", "1", [row("lr", "float", 1.0)])
    Export(tmp_path).run("c/d", "1", [row("lr", "float", 2.0)])
    found = told(tmp_path)
    assert [(record.project, record.id, record.params["lr"]) for record in found.records] == [
        ("a/b", "1", 1.0),
        ("c/d", "1", 2.0),
    ]
    assert len({record.ref.id for record in found.records}) == 2


def test_a_project_is_asked_for_by_name(v1: Path, scale: Path, tmp_path: Path, told: Any) -> None:
    """The message says how many runs, where they lie, and which projects there are besides."""
    everything(tmp_path, v1, scale)
    with pytest.raises(SettingsError, match=r"home/old/.*--project NAME; .*team/digits"):
        told(tmp_path)


def test_reading_twice_tells_the_same(v1: Path, scale: Path, tmp_path: Path, told: Any) -> None:
    """Runs, points, lines and files come in the same order with the same values."""
    everything(tmp_path, v1, scale)
    for project in ("team/digits", PROJECT):
        assert told(tmp_path, project).everything() == told(tmp_path, project).everything()


def test_more_files_later_add_and_change_nothing_else(v1: Path, scale: Path, tmp_path: Path, told: Any) -> None:
    """An open source reads anew what it is asked again, and the runs from before are the same."""
    three(tmp_path)
    first = told(tmp_path)
    before = first.everything()
    two(tmp_path / "more")
    records = first.backend.trackhub_search_runs(None)
    assert [repr(record) for record in records if record.id != "DIG-7"] == [told_ for told_, _, _ in before]
    assert "DIG-7" in {record.id for record in records}


def test_an_export_and_what_had_not_been_sent_make_one_run(scale: Path, tmp_path: Path, told: Any) -> None:
    """A run that was exported and went on offline is whole again: what both hold counts once."""
    shutil.copytree(scale, tmp_path / "left")
    created = 1_714_979_289_123
    rows = [row("loss", "float_series", step / 2, step, created + 1000 * step) for step in range(3)]
    early = row("loss", "float_series", 7.0, "0.5", created - 1)
    name = row("sys/name", "string", "in the export")
    Export(tmp_path).run("team/digits", "run-1", [name, row("only", "int", 1)], [early, *rows])
    found = told(tmp_path)
    record = found.run("run-1")
    assert (record.points, record.name, record.params["only"], record.params["lr"]) == (13, "first", 1, 0.2)
    steps = [step for step, _, _ in found.points(record, "loss")]
    assert steps == [0.5, 0, 1, 2, 3, 4, 4.000001, 6]


def test_no_client_is_imported(v1: Path, scale: Path, tmp_path: Path) -> None:
    """Folders and databases are read without Neptune's clients, its protobuf classes, or pyarrow."""
    everything(tmp_path, v1, scale)
    shutil.rmtree(tmp_path / "exports")
    code = f"""
import sys
from trackhub.backend import Destination
from trackhub_neptune.history import open_history
history = open_history({str(tmp_path)!r}, Destination.parse("neptune:x"))
for record in history.trackhub_search_runs("team/digits"):
    assert history.trackhub_read_metrics(record.ref)
    assert history.trackhub_list_artifacts(record.ref) or record.id == "run-2"
assert not {{"neptune", "neptune_scale", "neptune_api", "google.protobuf", "pyarrow"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_is_written_where_it_is_read(v1: Path, scale: Path, tmp_path: Path, told: Any) -> None:
    """The only copy of somebody's history stays as it is, to the byte and to the time."""
    everything(tmp_path, v1, scale)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    told(tmp_path, "team/digits").everything()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_single_file_is_a_source_too(scale: Path, tmp_path: Path, told: Any) -> None:
    """A path may name a database or a Parquet file."""
    [database] = scale.glob("*run-1*/run_operations.sqlite3")
    assert told(database).only.id == "run-1"
    assert told(Export(tmp_path).run("t/p", "A", [row("lr", "float", 0.1)])).only.params == {"lr": 0.1}


def test_a_run_is_read_by_its_id(scale: Path, open_at: Any) -> None:
    """By our name for it, in its project; what is not there is None, or refused by reference."""
    history = open_at(scale)
    assert history.trackhub_read_run("run-1", "team/digits").points == 12
    assert history.trackhub_read_run("run-1", "team/other") is None
    assert history.trackhub_read_run("run-9", None) is None
    with pytest.raises(Rejected, match="list the runs again"):
        history.trackhub_read_metrics(RunRef(id="team/digits:run-9"))


def test_a_connection_tells_what_lies_there(scale: Path, open_at: Any) -> None:
    """``trackhub doctor`` counts what is found, and reads nothing."""
    assert "2 databases of neptune-scale" in open_at(scale).trackhub_check_connection().detail


def test_names_that_lead_out_of_the_run_stay_in_it(tmp_path: Path, told: Any) -> None:
    """An attribute may be called anything; a file of it lies below the run."""
    export = Export(tmp_path)
    rows = [row("../../up", "string_series", "a", 1, 1), row("/abs", "string_series", "b", 1, 1)]
    export.run("t/p", "A", [*rows, row("a", "string_series", "c", 1, 1)])
    export.run("t/p", "A", [row("a.jsonl", "file", export.file("t/p", "f", b"f"))], number=1)
    found = told(tmp_path)
    files = found.files(found.only)
    assert set(files) == {"__/__/up.jsonl", "abs.jsonl", "a.jsonl", "a.series.jsonl"}
    assert files["a.jsonl"] == b"f"


def test_runs_that_ended_without_a_word_are_counted(tmp_path: Path, told: Any) -> None:
    """Neptune kept no end; that runs count as finished is said once, with how many."""
    three(tmp_path)
    found = told(tmp_path)
    assert {record.id: record.status for record in found.records} == {"run-1": "finished", "run-2": "failed"}
    [note] = [note for note in found.notes if note.kind == "status"]
    assert "no end of 1 runs" in note.detail


def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``~`` is the user's home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    Export(tmp_path / "left").run("t/p", "A", [row("lr", "float", 0.1)])
    history: Any = open_history("~/left", Destination.parse("neptune:~/left"))
    assert [record.id for record in history.trackhub_search_runs(None)] == ["A"]

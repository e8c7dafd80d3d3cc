"""Damaged and unfinished files: what is good is read, and the rest is named."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from history.conftest import kinds
from hypothesis import given
from hypothesis import strategies as st
from neptune_left.exporter import Export, row, sanitized
from trackhub_neptune.history import open_history

from trackhub.backend import Destination
from trackhub.errors import Rejected, SettingsError


@given(data=st.data())
def test_a_log_cut_anywhere_gives_what_is_whole(v1: Path, tmp_path_factory: Any, data: st.DataObject) -> None:
    """Cut at any byte, a log gives every operation before the cut, and one that is torn is named."""
    [folder] = (v1 / ".neptune" / "offline").iterdir()
    whole = (folder / "data-1.log").read_bytes()
    place = tmp_path_factory.mktemp("cut") / folder.name
    shutil.copytree(folder, place)
    cut = data.draw(st.integers(0, len(whole)))
    (place / "data-1.log").write_bytes(whole[:cut])
    history: Any = open_history(str(place), Destination.parse("neptune:x"))
    [record] = history.trackhub_search_runs("p")
    lines = whole[:cut].splitlines()
    points: dict[str, int] = {}
    for body in [json.loads(line)["obj"] for line in lines if _whole(line)]:
        if body["type"] == "LogFloats":
            name = "/".join(body["path"])
            points[name] = points.get(name, 0) + len(body["values"])
        elif body["type"] == "DeleteAttribute":
            points.pop("/".join(body["path"]), None)
    assert record.points == sum(points.values())
    assert ("torn" in kinds(record.notes)) == bool(lines and not _whole(lines[-1]))
    history.trackhub_close()
    shutil.rmtree(place)


def test_a_damaged_line_costs_itself_alone(v1_copy: Path, told: Any) -> None:
    """A line in the middle that is no operation is named with its file and number; the others are read."""
    log = v1_copy / "data-1.log"
    lines = log.read_bytes().splitlines(keepends=True)
    lost = next(number for number, line in enumerate(lines) if b'"loss"' in line)
    lines[lost] = b"\xff\x00garbage\n"
    log.write_bytes(b"".join(lines))
    record = told(v1_copy.parent, "p").only
    [note] = [note for note in record.notes if note.kind == "damaged"]
    assert f"data-1.log, line {lost + 1}" in note.detail
    assert record.points == 8


def test_values_that_are_none_are_named(v1_copy: Path, told: Any) -> None:
    """An operation of a known kind with a body of another shape is named, and the others have their effect."""
    with (v1_copy / "data-1.log").open("a") as file:
        for text in (
            '"LogFloats", "path": ["m", "loss"], "values": [{"value": "a", "ts": 1}, {"value": 8, "step": 8, "ts": 9}]',
            '"LogFloats", "path": ["m", "loss"], "values": null',
            '"AssignFloat", "path": ["x"]',
            '"AssignDatetime", "path": ["y"], "value": "noon"',
        ):
            file.write('{"obj": {"type": ' + text + '}, "version": 99}\n')
    found = told(v1_copy.parent, "p")
    assert len([note for note in found.only.notes if note.kind == "damaged"]) == 4
    assert found.points(found.only, "m/loss")[-1][:2] == (8, 8.0)
    assert found.only.points == len(found.all_points(found.only)) == 10


def test_a_database_that_is_none_is_named(tmp_path: Path, scale: Path, told: Any) -> None:
    """A file that is called as the client calls its own and is no database is named; the others are read."""
    left = Path(shutil.copytree(scale, tmp_path / "left"))
    (left / "broken").mkdir()
    (left / "broken" / "run_operations.sqlite3").write_bytes(b"not at all")
    (left / "cut").mkdir()
    database = next(left.glob("*run-1*/run_operations.sqlite3"))
    (left / "cut" / "run_operations.sqlite3").write_bytes(database.read_bytes()[:5000])
    found = told(left)
    assert {record.id for record in found.records} == {"run-1", "run-2"}
    assert {note.subject for note in found.notes if note.kind == "unreadable"} == {
        "broken/run_operations.sqlite3",
        "cut/run_operations.sqlite3",
    }


def test_a_damaged_operation_costs_itself_alone(tmp_path: Path, scale: Path, told: Any) -> None:
    """Bytes that are no message are named with the operation's number; the others are read."""
    left = Path(shutil.copytree(scale, tmp_path / "left"))
    before = told(left).run("run-2")
    database = next(left.glob("*run-2*/run_operations.sqlite3"))
    with sqlite3.connect(database) as connection:
        connection.execute(
            "INSERT INTO run_operations (timestamp, operation_type, operation, operation_size_bytes) "
            "VALUES (1, 0, ?, 3)",
            (b"\x42\x7f\x01",),
        )
    connection.close()
    after = told(left).run("run-2")
    assert after.metrics == before.metrics
    [note] = [note for note in after.notes if note.kind == "damaged"]
    assert "operation 3" in note.detail


def test_whatever_page_of_a_database_is_lost_the_rest_is_read(tmp_path: Path, scale: Path, told: Any) -> None:
    """A page of zeros is named, or costs nothing that was asked for; it never costs the other runs."""
    [database] = scale.glob("*run-1*/run_operations.sqlite3")
    content = database.read_bytes()
    left = Path(shutil.copytree(scale, tmp_path / "left"))
    whole = told(left).run("run-1")
    named = 0
    for page in range(len(content) // 4096):
        damaged = bytearray(content)
        damaged[page * 4096 : (page + 1) * 4096] = bytes(4096)
        (left / database.relative_to(scale)).write_bytes(damaged)
        found = told(left)
        assert found.run("run-2").points == 1
        mine = [record for record in found.records if record.id == "run-1"]
        said = kinds(found.notes) | {kind for record in mine for kind in kinds(record.notes)}
        if not said & {"unreadable", "damaged"}:
            assert (mine[0].points, mine[0].params) == (whole.points, whole.params)
        else:
            named += 1
    assert named > 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
ENTRY = st.fixed_dictionaries({}, optional={"value": JSON, "step": JSON, "ts": JSON | st.floats(0, 2e9)})
BODY = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["AssignFloat", "AssignDatetime", "AssignArtifact", "LogFloats", "LogStrings", "LogImages", "AddStrings",
             "RemoveStrings", "UploadFile", "UploadFileContent", "UploadFileSet", "DeleteFiles", "TrackFilesToArtifact",
             "DeleteAttribute", "ClearFloatLog", "CopyAttribute", "ConfigFloatSeries", "Other"]
        ),
        "path": st.lists(st.sampled_from(["a", "b"]) | JSON, min_size=1, max_size=2),
    },
    optional={
        "value": JSON, "values": JSON | st.lists(ENTRY | JSON, max_size=4), "ext": JSON, "file_path": JSON,
        "tmp_file_name": JSON, "file_content": JSON, "reset": JSON, "entries": JSON, "hash": JSON, "min": JSON,
        "container_id": JSON, "source_path": JSON, "file_paths": JSON,
        "file_globs": st.lists(st.text("ab*", max_size=3), max_size=2) | st.integers(),
    },
)  # fmt: skip


@given(records=st.lists(st.fixed_dictionaries({"obj": BODY}, optional={"version": JSON, "at": JSON}), max_size=6))
def test_whatever_json_a_log_holds_it_is_read_or_named(records: list[Any], tmp_path_factory: Any) -> None:
    """A log of the strangest operations breaks nothing, and what is counted is what is read."""
    folder = tmp_path_factory.mktemp("strange") / "run__x__1__y"
    folder.mkdir()
    (folder / "data-1.log").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "last_put_version").write_text("")
    history: Any = open_history(str(folder), Destination.parse("neptune:x"))
    [record] = history.trackhub_search_runs("p")
    assert record.points == len(history.trackhub_read_metrics(record.ref))
    for file in history.trackhub_list_artifacts(record.ref):
        if file.type.endswith("-series"):
            history.trackhub_download_artifact(record.ref, file.path, str(folder.parent / "out"))
    shutil.rmtree(folder)


def test_a_damaged_part_of_an_export_is_named_and_the_others_are_read(tmp_path: Path, told: Any) -> None:
    """Upstream's own reader passes over what it cannot read; here it is named, by file and by row group."""
    export = Export(tmp_path)
    rows = [row("loss", "float_series", step / 2, step, 1_700_000_000_000 + step) for step in range(2000)]
    export.run("t/p", "A", [row("sys/name", "string", "kept")])
    cut = export.run("t/p", "A", rows, number=1)
    export.run("t/p", "A", [row("lr", "float", 0.1)], number=2)
    torn = export.run("t/p", "B", [row("acc", "float_series", 1.0, 1, 1)], rows)
    cut.write_bytes(cut.read_bytes()[:-100])
    content = bytearray(torn.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    torn.write_bytes(content)
    found = told(tmp_path)
    assert found.run("A").params == {"lr": 0.1}
    assert found.run("A").name == "kept"
    assert found.run("B").metrics["acc"] == 1.0
    assert [note.subject.rpartition("/")[2] for note in found.notes if note.kind == "unreadable"] == [
        cut.name,
        torn.name,
    ]
    assert "row group 1 of 2" in [note for note in found.notes if note.kind == "unreadable"][-1].detail


def test_an_export_that_was_stopped_is_read_and_named(tmp_path: Path, told: Any) -> None:
    """The exporter names a run's first part last: of a run that lacks it the others are read, and it is named."""
    export = Export(tmp_path)
    export.run("t/p", "A", [row("lr", "float", 0.1)], number=1)
    export.run("t/p", "B", [row("lr", "float", 0.2)], tmp=True)
    export.run("t/p", "C", [row("lr", "float", 0.3)])
    export.run("t/p", "C", [row("lr", "float", 0.0)], tmp=True)
    unfinished = export.run("t/p", "D", [row("lr", "float", 0.4)], tmp=True)
    unfinished.write_bytes(unfinished.read_bytes()[:50])
    found = told(tmp_path)
    assert {record.id: record.params["lr"] for record in found.records} == {"A": 0.1, "B": 0.2, "C": 0.3}
    said = {note.kind: note for note in found.notes}
    assert f"{sanitized('A')}_part_0.parquet" in next(n.detail for n in found.notes if "missing" in n.detail)
    assert sanitized("C") in said["left over"].subject
    assert sanitized("D") in said["unreadable"].subject


def test_a_path_that_holds_nothing_of_neptune_is_an_error(tmp_path: Path, told: Any, open_at: Any) -> None:
    """The message says what was looked for."""
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "other.db").write_bytes(b"SQLite format 3\0")
    (tmp_path / "other.db").unlink()
    with pytest.raises(SettingsError, match="no neptune-scale database"):
        told(tmp_path)
    with pytest.raises(SettingsError, match="there is no"):
        open_at(tmp_path / "nowhere")
    with pytest.raises(SettingsError, match="there is no"):
        open_at(tmp_path, "?files=/nowhere/at/all")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_folder_that_may_not_be_looked_into_is_named(tmp_path: Path, told: Any) -> None:
    """What is closed to us is not passed over in silence."""
    Export(tmp_path).run("t/p", "A", [row("lr", "float", 0.1)])
    (tmp_path / "closed").mkdir(mode=0)
    assert [note.subject for note in told(tmp_path).notes if note.kind == "unreadable"] == ["closed"]


def test_other_programs_files_are_left_alone(tmp_path: Path, told: Any) -> None:
    """Databases and Parquet files of others lie about in such folders, and are no runs."""
    Export(tmp_path).run("t/p", "A", [row("lr", "float", 0.1)])
    connection = sqlite3.connect(tmp_path / "other.db")
    connection.execute("CREATE TABLE x (y)")
    connection.commit()
    connection.close()
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"x": [1]}), tmp_path / "other.parquet")
    found = told(tmp_path)
    assert [record.id for record in found.records] == ["A"]
    assert kinds(found.notes) == {"status"}


def test_a_file_that_went_away_after_it_was_listed_is_refused(v1_copy: Path, tmp_path: Path, told: Any) -> None:
    """It was there when it was listed, and the message says so; the import goes on with the others."""
    found = told(v1_copy.parent, "p")
    for path in (v1_copy / "upload_path").iterdir():
        path.unlink()
    with pytest.raises(Rejected, match="it was there when it was listed"):
        found.backend.trackhub_download_artifact(found.only.ref, "data/table.csv", str(tmp_path / "x"))
    with pytest.raises(Rejected, match="list them first"):
        found.backend.trackhub_download_artifact(found.only.ref, "never", str(tmp_path / "x"))


def _whole(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False

"""Folders of the 1.x client, left by the client itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from trackhub.errors import SettingsError

MS = 1_000_000
LAID_OUT = {
    "1.14": "offline/run__{id}__123__abcd1234",
    "offline of old": "offline/{id}",
    "offline by kind": "offline/run__{id}",
    "async by process": "async/run__{id}__123__abcd1234",
    "async by execution": "async/run__{id}/exec-1700000000.1-2023-11-14_22.13.20.1-77",
    "async of the first": "async/{id}/exec-0-2023-11-14",
}


def bare_log(folder: Path) -> None:
    """Leave of a folder what older clients wrote: no metadata, and no times of operations."""
    (folder / "metadata.json").unlink()
    log = folder / "data-1.log"
    records = [json.loads(line) for line in log.read_text().splitlines()]
    log.write_text("".join(json.dumps({"obj": r["obj"], "version": r["version"]}) + "\n" for r in records))


def append(folder: Path, *bodies: dict[str, Any]) -> None:
    """Append operations to a folder's log as the client does."""
    with (folder / "data-1.log").open("a") as file:
        for number, body in enumerate(bodies, 1000):
            file.write(json.dumps({"obj": body, "version": number, "at": 1_700_000_100.0}) + "\n")


def test_an_offline_run_comes_home_as_it_was_logged(v1: Path, told: Any) -> None:
    """Name, tags, creation time, the last value of each field, and the sets are those of the run."""
    found = told(v1, "team/digits")
    record = found.only
    [folder] = (v1 / ".neptune" / "offline").iterdir()
    metadata = json.loads((folder / "metadata.json").read_text())
    assert (record.id, record.name, record.project) == (metadata["containerId"], "first", "team/digits")
    assert record.tags == {"a": "", "b": ""}
    assert record.params["params/lr"] == 0.2
    assert record.params["params/n"] == 3
    assert record.params["params/ok"] is True
    assert record.params["params/when"] == "2024-01-02T03:04:05.678+00:00"
    assert record.params["words"] == ["r"]
    assert record.params["sys/description"] == "of two"
    assert record.started is not None
    assert record.ended is not None
    assert record.started // MS // 1000 <= record.ended // MS // 1000
    assert record.status == "finished"
    assert [note.subject for note in found.notes if note.kind == "status"] == ["sys/failed"]


def test_points_keep_their_steps_and_their_milliseconds(v1: Path, told: Any) -> None:
    """Steps repeat, go back, have fractions or are missing, as they were logged; deleted points stay deleted."""
    found = told(v1, "p")
    record = found.only
    loss = found.points(record, "m/loss")
    assert [(step, value) for step, value, _ in loss] == [
        (0, 0.0), (1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4), (4.5, 0.45), (3, 0.3),
    ]  # fmt: skip
    assert [type(step) for step, _, _ in loss] == [int] * 5 + [float, int]
    assert loss[0][2] == 1_700_000_000_123 * MS
    [(step, value, _)] = found.points(record, "m/without")
    assert (step, value) == (None, 1.5)
    assert found.points(record, "m/gone") == []
    assert [value for _, value, _ in found.points(record, "m/again")] == [2.0]
    assert record.points == len(found.all_points(record)) == 9
    assert record.metrics == {"m/loss": 0.3, "m/without": 1.5, "m/again": 2.0}


def test_what_was_uploaded_comes_home_as_files(v1: Path, told: Any) -> None:
    """A file is called as its attribute, a set's files lie below theirs, and what was only a reference is named."""
    found = told(v1, "p")
    record = found.only
    files = found.files(record)
    assert files["data/table.csv"] == b"abc"
    assert files["model/kept.bin"] == b"1234"
    assert (files["code/one.py"], files["code/deep/two.py"]) == (b"1", b"2")
    assert files["images/3.png"].startswith(b"\x89PNG")
    [line] = [json.loads(line) for line in files["images/index.jsonl"].splitlines()]
    assert (line["file"], line["step"], line["name"], line["description"]) == ("3.png", 3, "black", "all of it")
    assert [json.loads(line) for line in files["log.jsonl"].decode().splitlines()] == [
        {"step": 1, "time": "2023-11-14T22:13:20.500+00:00", "value": "hello"},
        {"step": None, "time": "2023-11-14T22:13:21.500+00:00", "value": "wörld"},
    ]
    assert json.loads(files["tracked/tracked.json"]) == [{"path": "kept.bin", "destination": None}]
    assert not any(path.startswith("model/gone") for path in files)
    gone = [note for note in record.notes if note.kind == "file gone"]
    assert [(note.subject, "gone.bin" in note.detail) for note in gone] == [("model/gone", True)]
    assert [note.subject for note in record.notes if note.kind == "reference"] == ["tracked"]


def test_a_run_without_a_project_asks_for_one(v1: Path, told: Any) -> None:
    """The client did not write the project down, and nobody guesses it."""
    with pytest.raises(SettingsError, match=r"of which project are these runs.*--project"):
        told(v1)


@pytest.mark.parametrize("layout", LAID_OUT.values(), ids=LAID_OUT.keys())
def test_every_layout_is_read(v1_copy: Path, tmp_path: Path, told: Any, layout: str) -> None:
    """Folders lie as clients of all ages laid them: the newest one's, moved, and stripped to what they wrote."""
    run_id = "0b5e3c1e-58a5-4f43-b7b1-3b7f1d8a2c11"
    place = tmp_path / "moved" / layout.format(id=run_id)
    place.parent.mkdir(parents=True)
    shutil.move(v1_copy, place)
    bare_log(place)
    record = told(tmp_path / "moved", "p").only
    assert (record.id, record.name, record.points) == (run_id, "first", 9)


def test_the_first_clients_wrote_the_kind_into_a_file(v1_copy: Path, told: Any) -> None:
    """A folder that holds a model says so, as does the run that is made of it."""
    bare_log(v1_copy)
    (v1_copy / "container_type").write_text("model")
    assert told(v1_copy.parent, "p").only.tags["neptune.type"] == "model"


def test_folders_of_one_run_make_one_run(v1_copy: Path, told: Any) -> None:
    """A run that was resumed has a folder for each time; the later one adds, overwrites and clears."""
    metadata = json.loads((v1_copy / "metadata.json").read_text())
    second = v1_copy.with_name(v1_copy.name.replace("__", "__2", 1))
    second.mkdir()
    metadata["createdAt"] = "2100-01-01T00:00:00+00:00"
    (second / "metadata.json").write_text(json.dumps(metadata))
    append(
        second,
        {"type": "AssignFloat", "path": ["params", "lr"], "value": 0.5},
        {"type": "LogFloats", "path": ["m", "loss"], "values": [{"value": 7.0, "step": 9, "ts": 1_700_000_200.0}]},
        {"type": "ClearFloatLog", "path": ["m", "without"]},
        {"type": "RemoveStrings", "path": ["sys", "tags"], "values": ["b"]},
    )
    found = told(v1_copy.parent, "p")
    record = found.only
    assert record.params["params/lr"] == 0.5
    assert record.tags == {"a": ""}
    assert [value for _, value, _ in found.points(record, "m/loss")][-2:] == [0.3, 7.0]
    assert found.points(record, "m/without") == []
    assert record.points == len(found.all_points(record)) == 9


def test_a_copy_of_a_folder_adds_nothing(v1_copy: Path, told: Any) -> None:
    """The same folder twice, as in a backup, is one run, each point and each line once."""
    once = told(v1_copy.parent, "p")
    before = (once.all_points(once.only), once.files(once.only))
    shutil.copytree(v1_copy, v1_copy.parent / "backup" / v1_copy.name)
    twice = told(v1_copy.parent, "p")
    assert (twice.all_points(twice.only), twice.files(twice.only)) == before


def test_operations_of_the_server_side_are_replayed_or_named(v1_copy: Path, told: Any) -> None:
    """Every operation a client can write has its effect; what only the server knew is named."""
    time = {"ts": 1_700_000_300.25}
    append(
        v1_copy,
        {"type": "AssignInt", "path": ["a"], "value": 1},
        {"type": "CopyAttribute", "path": ["b"], "container_id": "other", "container_type": "run",
         "source_path": ["x"], "source_attr_name": "Integer"},
        {"type": "CopyAttribute", "path": ["c"], "container_id": _id(v1_copy), "container_type": "run",
         "source_path": ["a"], "source_attr_name": "Integer"},
        {"type": "ClearStringSet", "path": ["sys", "tags"]},
        {"type": "ClearStringLog", "path": ["log"]},
        {"type": "LogStrings", "path": ["log"], "values": [{"value": "new", "step": 1.0, **time}]},
        {"type": "ConfigFloatSeries", "path": ["m", "loss"], "min": 0, "max": None, "unit": "nat"},
        {"type": "UploadFileContent", "path": ["inline"], "ext": "txt", "file_content": "aW5saW5l"},
        {"type": "UploadFileSet", "path": ["code"], "file_globs": ["/nowhere/*.py"], "reset": "True"},
        {"type": "AssignArtifact", "path": ["hash"], "hash": "abc"},
        {"type": "AssignBool", "path": ["sys", "failed"], "value": True},
        {"type": "FromTheFuture", "path": ["z"]},
    )  # fmt: skip
    found = told(v1_copy.parent, "p")
    record = found.only
    files = found.files(record)
    assert (record.params["a"], record.params["c"], record.params["hash"]) == (1, 1, "abc")
    assert record.tags == {}
    assert json.loads(files["log.jsonl"]) == {"step": 1, "time": "2023-11-14T22:18:20.250+00:00", "value": "new"}
    assert files["inline.txt"] == b"inline"
    assert not any(path.startswith("code/") for path in files)
    assert record.status == "failed"
    named = {(note.kind, note.subject) for note in record.notes}
    assert {("copied", "b"), ("display", "m/loss"), ("file gone", "code"), ("unknown", "FromTheFuture")} <= named
    assert "status" not in {note.kind for note in found.notes}


def test_a_file_that_changed_since_is_taken_and_named(v1_copy: Path, tmp_path: Path, told: Any) -> None:
    """Only a reference was kept, so the file is taken as it is now, and a note says that it changed."""
    (tmp_path / "later.txt").write_text("later")
    append(v1_copy, {"type": "UploadFile", "path": ["f"], "ext": "txt", "file_path": str(tmp_path / "later.txt")})
    found = told(v1_copy.parent, "p")
    assert found.files(found.only)["f.txt"] == b"later"
    assert ("changed since", "f") in {(note.kind, note.subject) for note in found.only.notes}


def test_what_had_gone_to_neptune_is_named(v1_copy: Path, told: Any) -> None:
    """A log whose first operations were delivered and removed says so, and the rest is read."""
    log = v1_copy / "data-1.log"
    lines = log.read_text().splitlines(keepends=True)
    (v1_copy / "data-11.log").write_text("".join(lines[10:]))
    log.unlink()
    record = told(v1_copy.parent, "p").only
    [note] = [note for note in record.notes if note.kind == "delivered before"]
    assert "operations 1 to 10" in note.detail
    assert record.points == 9


def test_logs_that_rolled_over_are_read_in_order(v1_copy: Path, told: Any) -> None:
    """The tenth log comes after the second, though its name sorts before."""
    whole = told(v1_copy.parent, "p")
    before = whole.all_points(whole.only)
    lines = (v1_copy / "data-1.log").read_text().splitlines(keepends=True)
    (v1_copy / "data-1.log").write_text("".join(lines[:2]))
    (v1_copy / "data-3.log").write_text("".join(lines[2:14]))
    (v1_copy / "data-15.log").write_text("".join(lines[14:]))
    rolled = told(v1_copy.parent, "p")
    assert rolled.all_points(rolled.only) == before


def test_of_a_killed_run_what_reached_the_disk_is_read(v1_killed: Path, told: Any) -> None:
    """The client holds back some of what it logs: what it counted and never wrote is named."""
    found = told(v1_killed, "p")
    many = found.points(found.only, "m/many")
    assert [value for _, value, _ in many] == list(range(len(many)))
    assert 0 < len(many) < 300
    [note] = [note for note in found.only.notes if note.kind == "never written"]
    assert "the client counted" in note.detail


def _id(folder: Path) -> str:
    text: str = json.loads((folder / "metadata.json").read_text())["containerId"]
    return text

"""Databases of neptune-scale, left by the client itself."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from history.conftest import kinds

CREATED = 1_714_979_289_123_456_000
SECOND = 1_000_000_000


def test_an_offline_run_comes_home_as_it_was_logged(scale: Path, told: Any) -> None:
    """Project, id, experiment, creation time, configs of each type and tags are those of the run."""
    record = told(scale).run("run-1")
    assert (record.project, record.name, record.started) == ("team/digits", "first", CREATED)
    assert record.params == {
        "below": -5,
        "lr": 0.2,
        "n": 2**40,
        "ok": True,
        "sys/group_tags": ["g"],
        "text": "ä",
        "when": "2024-05-06T07:08:09.123456+00:00",
        "words": ["a", "b"],
    }
    assert record.tags == {"x": ""}
    assert record.points == 12


def test_points_keep_decimal_steps_and_times(scale: Path, told: Any) -> None:
    """A millionth of a step is kept, a NaN is one, and times are those that the user gave."""
    found = told(scale)
    loss = found.points(found.run("run-1"), "loss")
    assert [step for step, _, _ in loss] == [0, 1, 2, 3, 4, 4.000001, 6]
    assert [value for _, value, _ in loss[:6]] == [0.0, 0.5, 1.0, 1.5, 2.0, 0.123]
    assert math.isnan(loss[6][1])
    assert [time for _, _, time in loss] == [CREATED + second * SECOND for second in (0, 1, 2, 3, 4, 9, 10)]


def test_series_that_are_no_numbers_become_json_lines(scale: Path, told: Any) -> None:
    """Strings, histograms of both kinds, and previews: a file each, a line a value."""
    found = told(scale)
    files = found.files(found.run("run-1"))
    [line] = [json.loads(line) for line in files["log.jsonl"].splitlines()]
    assert line == {"step": 1, "time": "2024-05-06T07:08:10.123456+00:00", "value": "hello"}
    counts, densities = [json.loads(line) for line in files["weights.jsonl"].splitlines()]
    assert (counts["type"], counts["edges"], counts["values"]) == ("COUNTING", [0, 1, 2], [3, 4])
    assert (densities["type"], densities["values"]) == ("DENSITY", [0.25, 0.75])
    [preview] = [json.loads(line) for line in files["loss.preview.jsonl"].splitlines()]
    assert (preview["step"], preview["value"], preview["completion"]) == (7, 9.0, 0.5)


def test_files_that_still_are_somewhere_come_home(scale: Path, told: Any) -> None:
    """Bytes lie beside the database; of a path only a reference was kept, and one that is gone is named."""
    found = told(scale)
    record = found.run("run-1")
    files = found.files(record)
    assert files["files/kept.txt"] == b"kept"
    assert files["files/bytes.bin"] == b"bytes"
    assert files["pictures/1.bin"] == b"png"
    assert not any(path.startswith("files/gone") for path in files)
    assert [note.subject for note in record.notes if note.kind == "file gone"] == ["files/gone"]


def test_files_beside_a_database_that_was_moved_are_found(scale: Path, tmp_path: Path, told: Any) -> None:
    """The database tells where the bytes lay on another machine; they are taken from beside it."""
    left = Path(shutil.copytree(scale, tmp_path / "left"))
    for database in left.glob("*/run_operations.sqlite3"):
        connection = sqlite3.connect(database)
        connection.execute(
            "UPDATE file_upload_requests SET source_path = replace(source_path, ?, '/elsewhere')", (str(scale),)
        )
        connection.commit()
        connection.close()
    found = told(left)
    files = found.files(found.run("run-1"))
    assert files["files/bytes.bin"] == b"bytes"
    assert "files/kept.txt" not in files


def test_a_fork_knows_its_parent_and_where_it_left(scale: Path, told: Any) -> None:
    """The parent is the run's own parent, and the step of the fork is a param."""
    record = told(scale).run("run-2")
    assert record.parent == "run-1"
    assert record.params["sys/forking/step"] == 3
    assert "parent" not in kinds(record.notes)


def test_a_fork_whose_parent_is_not_here_says_so(scale: Path, tmp_path: Path, told: Any) -> None:
    """The parent's id is kept, for it may be imported later."""
    [database] = scale.glob("*run-2*")
    shutil.copytree(database, tmp_path / "left" / database.name)
    record = told(tmp_path / "left").only
    assert record.parent == "run-1"
    assert [note.subject for note in record.notes if note.kind == "parent"] == ["run-1"]


def test_a_killed_clients_database_is_read_and_left_alone(scale_killed: Path, told: Any) -> None:
    """What was written last lies in a file beside the database; it is read, and nothing is written there."""
    before = {path: path.read_bytes() for path in scale_killed.rglob("*") if path.is_file()}
    assert any(path.name.endswith("-wal") and content for path, content in before.items())
    found = told(scale_killed)
    assert found.only.points == 12
    assert found.only.params["lr"] == 0.2
    found.backend.trackhub_close()
    assert {path: path.read_bytes() for path in scale_killed.rglob("*") if path.is_file()} == before


def test_databases_of_one_run_make_one_run(scale: Path, tmp_path: Path, told: Any) -> None:
    """A run that was resumed has a database for each time; points that both hold count once."""
    left = Path(shutil.copytree(scale, tmp_path / "left"))
    [folder] = left.glob("*run-1*")
    again = Path(shutil.copytree(folder, left / "again"))
    connection = sqlite3.connect(again / "run_operations.sqlite3")
    connection.execute("DELETE FROM run_operations WHERE sequence_id BETWEEN 4 AND 6")
    connection.execute("UPDATE run_operations SET timestamp = timestamp - 1000")
    connection.commit()
    connection.close()
    found = told(left)
    record = found.run("run-1")
    assert record.points == len(found.all_points(record)) == 12
    assert sorted(step for step, _, _ in found.points(record, "acc")) == [0, 1, 2, 3, 4]
    assert len(found.files(record)["log.jsonl"].splitlines()) == 1


def test_what_had_gone_to_neptune_is_named(scale: Path, tmp_path: Path, told: Any) -> None:
    """Operations that were delivered were deleted: the run says that it is not whole."""
    left = Path(shutil.copytree(scale, tmp_path / "left"))
    [database] = left.glob("*run-1*/run_operations.sqlite3")
    connection = sqlite3.connect(database)
    connection.execute("DELETE FROM run_operations WHERE sequence_id <= 3")
    connection.execute("DELETE FROM file_upload_requests")
    connection.execute(
        "INSERT INTO operation_errors (timestamp, error_type, error_details, error_body) VALUES (1, 'Gone', '', '')"
    )
    connection.commit()
    connection.close()
    record = told(left).run("run-1")
    notes = {note.kind: note for note in record.notes}
    assert "operations 1 to 3" in notes["delivered before"].detail
    assert notes["server refused"].subject == "Gone"
    assert {note.subject for note in record.notes if note.kind == "file gone"} >= {"files/kept", "files/bytes"}

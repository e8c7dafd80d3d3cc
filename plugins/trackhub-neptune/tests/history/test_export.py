"""Exports of neptune-exporter, written by its schema: 2.x and 3.x, series, files and the model registry."""

from __future__ import annotations

import json
import math
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from history.conftest import kinds
from hypothesis import given
from hypothesis import strategies as st
from neptune_left.exporter import Export, row, sanitized
from trackhub_neptune.history import open_history, parquet

from trackhub.backend import Destination

T0 = 1_700_000_000_000
MS = 1_000_000
PROJECT = "team/my digits"


def three(root: Path) -> Export:
    """Write an export of a 3.x project: a run, and a fork of it."""
    export = Export(root)
    picture = export.file(PROJECT, "run-1/pictures/step_1_000000.png", b"png")
    export.run(
        PROJECT,
        "run-1",
        [
            row("sys/name", "string", "first"),
            row("sys/id", "string", "DIG-1"),
            row("sys/custom_run_id", "string", "run-1"),
            row("sys/creation_time", "datetime", T0 - 5),
            row("sys/failed", "bool", value=False),
            row("sys/tags", "string_set", ["b", "a"]),
            row("sys/group_tags", "string_set", []),
            row("lr", "float", 0.1),
            row("n", "int", 2**40),
            row("ok", "bool", value=True),
            row("text", "string", "ä"),
            row("when", "datetime", T0 + 1),
            row("other run's", "float", None),
        ],
        [row(name, "float_series", step / 4, step, T0 + step) for step in range(5) for name in ("loss", "acc")],
        [row("loss", "float_series", 9.0, "5.5", T0 + 9), row("loss", "float_series", None, "6.000001", T0 + 10)],
        [
            row("log", "string_series", "hello", 1, T0 + 1),
            row("weights", "histogram_series", {"type": "COUNTING", "edges": [0, 1, 2], "values": [3, 4]}, 1, T0 + 1),
            row("log", "string_series", "again", "1.5", T0 + 2),
        ],
        [row("pictures", "file_series", picture, 1, T0 + 1)],
    )
    export.run(
        PROJECT,
        "run-2",
        [
            row("sys/forking/parent", "string", "DIG-1"),
            row("sys/forking/step", "float", 3.0),
            row("sys/failed", "bool", value=True),
        ],
        [row("loss", "float_series", 1.0, 4, T0 + 20)],
    )
    return export


def two(root: Path) -> Export:
    """Write an export of a 2.x project: files of every kind."""
    export = Export(root)
    at = f"{PROJECT}/DIG-7"
    export.file(PROJECT, f"{at}/set/set.zip", b"zip")
    export.file(PROJECT, f"{at}/set/deep/one.txt", b"1")
    export.run(
        PROJECT,
        "DIG-7",
        [row("sys/creation_time", "datetime", T0), row("sys/ping_time", "datetime", T0 + 9000)],
        [
            row("model/weights", "file", export.file(PROJECT, f"{at}/model/weights", b"w")),
            row("table.csv", "file", export.file(PROJECT, f"{at}/table.csv", b"t")),
            row("gone", "file", f"{at}/gone"),
            row("outside", "file", "../../../data"),
            row("set", "file_set", f"{at}/set"),
            row("data", "artifact", export.file(PROJECT, f"{at}/data/files_list.json", b"[]")),
            row("shots", "file_series", export.file(PROJECT, f"{at}/shots/1.5.png", b"s"), "1.5"),
        ],
    )
    return export


def test_a_run_of_3_x_comes_home(tmp_path: Path, told: Any) -> None:
    """Id, name, creation time, params of each type and tags are those of the run; what it has not is not there."""
    three(tmp_path)
    record = told(tmp_path).run("run-1")
    assert (record.project, record.name, record.started) == (PROJECT, "first", (T0 - 5) * MS)
    assert record.params == {
        "lr": 0.1,
        "n": 2**40,
        "ok": True,
        "sys/custom_run_id": "run-1",
        "sys/group_tags": [],
        "sys/id": "DIG-1",
        "text": "ä",
        "when": "2023-11-14T22:13:20.001+00:00",
    }
    assert record.tags == {"a": "", "b": ""}
    assert record.ended == (T0 + 10) * MS
    assert record.status == "finished"


def test_points_keep_decimal_steps_and_milliseconds(tmp_path: Path, told: Any) -> None:
    """Steps come back to their last millionth, whole ones as ints; a value that is null was NaN."""
    three(tmp_path)
    found = told(tmp_path)
    record = found.run("run-1")
    loss = found.points(record, "loss")
    assert [step for step, _, _ in loss] == [0, 1, 2, 3, 4, 5.5, 6.000001]
    assert [value for _, value, _ in loss[:6]] == [0.0, 0.25, 0.5, 0.75, 1.0, 9.0]
    assert math.isnan(loss[6][1])
    assert [time for _, _, time in loss] == [(T0 + ms) * MS for ms in (0, 1, 2, 3, 4, 9, 10)]
    assert found.points(record, "acc") == [(s, s / 4, (T0 + s) * MS) for s in range(5)]
    assert record.points == 12
    assert record.metrics["acc"] == 1.0


def test_a_fork_has_its_parent_by_the_id_that_the_parent_has_here(tmp_path: Path, told: Any) -> None:
    """A fork names its parent by either of its ids; the step of the fork is a param."""
    three(tmp_path)
    record = told(tmp_path).run("run-2")
    assert (record.parent, record.params["sys/forking/step"], record.status) == ("run-1", 3.0, "failed")
    assert "parent" not in kinds(record.notes)


def test_series_that_are_no_numbers_become_json_lines(tmp_path: Path, told: Any) -> None:
    """Strings and histograms: a file each, a line a value."""
    three(tmp_path)
    found = told(tmp_path)
    files = found.files(found.run("run-1"))
    assert [json.loads(line) for line in files["log.jsonl"].splitlines()] == [
        {"step": 1, "time": "2023-11-14T22:13:20.001+00:00", "value": "hello"},
        {"step": 1.5, "time": "2023-11-14T22:13:20.002+00:00", "value": "again"},
    ]
    [line] = [json.loads(line) for line in files["weights.jsonl"].splitlines()]
    assert line == {
        "step": 1,
        "time": "2023-11-14T22:13:20.001+00:00",
        "type": "COUNTING",
        "edges": [0, 1, 2],
        "values": [3, 4],
    }
    assert files["pictures/1.png"] == b"png"


def test_files_of_2_x_come_home(tmp_path: Path, told: Any) -> None:
    """Files, file sets, file series and lists of tracked files; what is not there, or not below, is named."""
    two(tmp_path)
    found = told(tmp_path)
    record = found.only
    assert found.files(record) == {
        "model/weights": b"w",
        "table.csv": b"t",
        "set/set.zip": b"zip",
        "set/deep/one.txt": b"1",
        "data/files_list.json": b"[]",
        "shots/1.5.png": b"s",
    }
    assert [note.subject for note in record.notes if note.kind == "file gone"] == ["gone", "outside"]
    assert [note.subject for note in record.notes if note.kind == "reference"] == ["data"]
    assert record.ended == (T0 + 9000) * MS


@pytest.mark.parametrize("place", ["beside", "elsewhere below", "told"])
def test_files_are_found_wherever_they_were_written(tmp_path: Path, told: Any, place: str) -> None:
    """The exporter takes two folders: they lie side by side, anywhere below the path, or where the user says."""
    two(tmp_path / "exports")
    moved = {"beside": tmp_path / "exports" / "files", "elsewhere below": tmp_path / "exports" / "cold" / "store"}
    target = moved.get(place, tmp_path / "far" / "away")
    if place != "beside":
        target.parent.mkdir(parents=True)
        shutil.move(tmp_path / "exports" / "files", target)
    path = tmp_path / "exports" if place != "beside" else tmp_path / "exports" / "data"
    found = told(path, query=f"?files={target}" if place == "told" else "")
    assert found.files(found.only)["table.csv"] == b"t"


def test_models_and_their_versions_come_home_as_runs(tmp_path: Path, told: Any) -> None:
    """The registry's objects are runs with a tag that says what they are, a version below its model."""
    export = Export(tmp_path, "model_data", "model_files")
    weights = export.file("t/p", "model_versions/P-MOD-1/weights", b"w")
    export.run("t/p", "P-MOD", [row("sys/name", "string", "net")], scope="models")
    version = [row("sys/model_id", "string", "P-MOD"), row("sys/stage", "string", "production")]
    export.run("t/p", "P-MOD-1", [*version, row("weights", "file", weights)], scope="model_versions")
    found = told(tmp_path)
    model, version_ = found.run("P-MOD"), found.run("P-MOD-1")
    assert (model.project, model.name, model.tags) == ("t/p", "net", {"neptune.type": "model"})
    assert (version_.parent, version_.tags) == ("P-MOD", {"neptune.type": "model_version"})
    assert version_.params["sys/stage"] == "production"
    assert found.files(version_) == {"weights": b"w"}


def test_a_file_may_hold_many_runs(tmp_path: Path, told: Any) -> None:
    """Runs are told apart by what the rows say, not by the file's name: also within a row group."""
    export = Export(tmp_path)
    rows = [
        row("loss", "float_series", number + step / 10, step, T0) | {"run_id": f"run-{number}"}
        for step in range(3)
        for number in range(4)
    ]
    path = export.run("t/p", "any", rows, [row("lr", "float", 1.0) | {"run_id": "run-2"}])
    path.rename(path.with_name("anything.parquet"))
    found = told(tmp_path)
    assert [record.id for record in found.records] == [f"run-{number}" for number in range(4)]
    for number, record in enumerate(found.records):
        assert [value for _, value, _ in found.points(record, "loss")] == [number, number + 0.1, number + 0.2]
    assert found.run("run-2").params == {"lr": 1.0}


def test_parts_are_read_in_the_order_they_were_written(tmp_path: Path, told: Any) -> None:
    """The tenth part comes after the second, though its name sorts before."""
    export = Export(tmp_path)
    for number in range(12):
        export.run("t/p", "A", [row("loss", "float_series", float(number), number, T0 + number)], number=number)
    found = told(tmp_path)
    assert [value for _, value, _ in found.points(found.only, "loss")] == list(range(12))
    assert found.only.metrics == {"loss": 11.0}
    assert kinds(found.notes) == {"status"}


def test_an_export_made_twice_adds_nothing(tmp_path: Path, told: Any) -> None:
    """Two exports of one project are one: each point, line and file once; the newer one adds what it has more."""
    three(tmp_path / "one")
    more = three(tmp_path / "two")
    before = told(tmp_path / "one")
    more.run(PROJECT, "run-1", [row("loss", "float_series", 5.0, 9, T0 + 99)], number=1)
    found = told(tmp_path)
    record = found.run("run-1")
    assert found.points(record, "loss")[:5] == before.points(before.run("run-1"), "loss")[:5]
    assert [step for step, _, _ in found.points(record, "loss")] == [0, 1, 2, 3, 4, 5.5, 6.000001, 9]
    assert record.points == 13
    assert found.files(record) == before.files(before.run("run-1"))


def test_what_the_exporter_could_not_export_is_named(tmp_path: Path, told: Any) -> None:
    """Its report is found by what it says, and each line is a note of the run it is about."""
    three(tmp_path)
    lines = [
        {
            "project_id": PROJECT,
            "run_id": "run-1",
            "attribute_path": "big",
            "attribute_type": "file",
            "exception": "Gone",
        },
        {"project_id": PROJECT, "run_id": "run-9", "attribute_path": None, "attribute_type": None, "exception": "Lost"},
    ]
    (tmp_path / "errors.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = told(tmp_path)
    [note] = [note for note in found.run("run-1").notes if note.kind == "not exported"]
    assert note.subject == "big"
    assert [note.subject for note in found.notes if note.kind == "not exported"] == [f"{PROJECT} run-9"]


def test_values_of_a_type_of_the_future_are_counted(tmp_path: Path, told: Any) -> None:
    """What no known exporter writes is not read, and is told."""
    rows = [row("x", "string", "a") | {"attribute_type": "tensor"}] * 2
    Export(tmp_path).run("t/p", "A", rows)
    [note] = [note for note in told(tmp_path).only.notes if note.kind == "unknown"]
    assert (note.subject, note.detail.split()[0]) == ("tensor", "2")


def test_points_without_a_time_get_the_runs(tmp_path: Path, told: Any) -> None:
    """A point has a time; one that the export does not give is told, and is the run's creation time."""
    rows = [row("loss", "float_series", 1.0, 1, None), row("loss", "float_series", 2.0, None, T0 + 7)]
    Export(tmp_path).run("t/p", "A", [row("sys/creation_time", "datetime", T0)], rows)
    found = told(tmp_path)
    assert found.points(found.only, "loss") == [(1, 1.0, T0 * MS), (None, 2.0, (T0 + 7) * MS)]
    assert "no time" in kinds(found.only.notes)


def test_a_step_that_no_float_holds_is_named(tmp_path: Path, told: Any) -> None:
    """Beyond nine thousand million a float has no room for millionths: the nearest is kept, and counted."""
    steps = ["999999999999", "999999999999.123456", "4294967296.000001"]
    rows = [row("loss", "float_series", 1.0, step, T0) for step in steps]
    Export(tmp_path).run("t/p", "A", rows)
    found = told(tmp_path)
    assert [step for step, _, _ in found.points(found.only, "loss")] == [float(step) for step in steps]
    [note] = [note for note in found.only.notes if note.kind == "rounded"]
    assert note.detail.startswith("1 points")


@pytest.mark.parametrize("kind", ["int64", "float64", "decimal128(20, 3)"])
def test_steps_of_another_type_are_read(kind: str) -> None:
    """A file that was written anew by another program may hold them as numbers; what does not fit is refused."""
    import pyarrow as pa

    told = [Decimal(1), None, Decimal(7)]
    types = {"int64": pa.int64(), "float64": pa.float64(), "decimal128(20, 3)": pa.decimal128(20, 3)}
    column = pa.array(told, pa.decimal128(20, 3)).cast(types[kind])
    numbers, missing = parquet.steps(pa.RecordBatch.from_arrays([column], names=["step"]))
    assert (numbers.tolist(), missing.tolist()) == ([10**6, 0, 7 * 10**6], [False, True, False])
    large = pa.array([Decimal(10**13)], pa.decimal128(20, 3)).cast(types[kind])
    with pytest.raises(parquet.damage()):
        parquet.steps(pa.RecordBatch.from_arrays([large], names=["step"]))


@given(st.lists(st.none() | st.integers(-(10**18) + 1, 10**18 - 1), min_size=1, max_size=20))
def test_steps_are_exact_or_counted(millionths: list[int | None]) -> None:
    """For any column of decimals: each step equals the decimal it was, or is the nearest float and is counted."""
    import pyarrow as pa

    decimals = [None if number is None else Decimal(number).scaleb(-6) for number in millionths]
    padded = pa.array([Decimal(7), *decimals], pa.decimal128(18, 6))
    batch = pa.RecordBatch.from_arrays([padded], names=["step"]).slice(1)
    numbers, missing = parquet.steps(batch)
    assert [
        None if none else number for number, none in zip(numbers.tolist(), missing.tolist(), strict=True)
    ] == millionths
    steps, inexact = parquet.plain_steps(numbers, missing)
    lost = 0
    for step, decimal in zip(steps.tolist(), decimals, strict=True):
        if decimal is None:
            assert math.isnan(step)
        else:
            assert step == float(decimal)
            lost += Decimal(step).quantize(Decimal("0.000001")) != decimal
    assert inexact == lost
    if all(number is not None and number % 10**6 == 0 for number in millionths):
        assert steps.dtype == np.int64


@given(data=st.data())
def test_columns_are_the_rows(tmp_path_factory: Any, data: st.DataObject) -> None:
    """However points of several series are spread over row groups and parts, each series has its points in order."""
    point = st.tuples(
        st.sampled_from(["a", "b", "c/d"]), st.integers(-5, 5), st.floats(allow_nan=False), st.integers(0, 10**12)
    )
    parts = data.draw(st.lists(st.lists(st.lists(point, max_size=6), min_size=1, max_size=3), min_size=1, max_size=3))
    root = tmp_path_factory.mktemp("export")
    export = Export(root)
    told: dict[str, list[tuple[int, float, int]]] = {}
    for number, groups in enumerate(parts):
        export.run(
            "t/p",
            "A",
            [row("lr", "float", 1.0)],
            *[[row(name, "float_series", value, step, time) for name, step, value, time in group] for group in groups],
            number=number,
        )
        for group in groups:
            for name, step, value, time in group:
                told.setdefault(name, []).append((step, value, time * MS))
    history: Any = open_history(str(root), Destination.parse("neptune:x"))
    [record] = history.trackhub_search_runs(None)
    found: dict[str, list[tuple[int, float, int]]] = {}
    for piece in history.trackhub_read_columns(record.ref):
        rows = zip(piece.step.tolist(), piece.value.tolist(), piece.time.tolist(), strict=True)
        found.setdefault(piece.name, []).extend(rows)
    assert found == told
    assert record.points == sum(map(len, told.values()))
    assert record.metrics == {name: points[-1][1] for name, points in told.items()}
    shutil.rmtree(root)


def test_the_samples_are_named_as_the_exporter_names_its_own() -> None:
    """A readable name and eight bytes of BLAKE2, as in the exporter's source."""
    assert sanitized("org/project").startswith("org_project-")
    assert len(sanitized("a")) == len("a-") + 16

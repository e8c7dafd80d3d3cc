"""Damage each file of a run: the error names it, says what to do, and other runs are read all the same."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trackhub.errors import RetryLater
from trackhub.model.entities import MetricPoint
from trackhub.testing import Bench

FolderOf = Callable[[Any], Path]


def points(count: int, first: int = 0) -> tuple[MetricPoint, ...]:
    return tuple(MetricPoint("loss", number / 3, number, 1000 + number) for number in range(first, first + count))


@pytest.fixture
def run(bench: Bench) -> Any:
    run = bench.begin(project="damaged")
    run.params({"lr": 0.1})
    run.tags({"phase": "one"})
    run.environment({"host": "a"})
    run.points(points(2000))
    run.artifact("net", {"a": b"1"})
    run.end()
    return run


_DOCUMENTS = ("run.json", "params.json", "tags.json", "environment.json")
_DAMAGES = {
    "empty": (b"", "is no JSON"),
    "cut": (b'{"trackhub-local": "run 1", "params": {"lr"', "is no JSON"),
    "no utf-8": (b'{"a": "\xff"}', "is no JSON"),
    "of another program": (b'{"id": 7}', "of another program"),
    "a list": (b"[]", "of another program"),
    "without entries": (b'{"trackhub-local": "WHAT 1"}', "has no entry"),
    "newer": (b'{"trackhub-local": "WHAT 7"}', "pip install -U trackhub-local"),
}


@pytest.mark.parametrize("name", _DOCUMENTS)
@pytest.mark.parametrize("damage", _DAMAGES)
def test_a_damaged_document(bench: Bench, run: Any, folder_of: FolderOf, name: str, damage: str):
    """Whatever it holds instead, the error tells its path, and a search tells it as a note beside the other runs."""
    other = bench.begin(project="damaged")
    content, said = _DAMAGES[damage]
    path = folder_of(run) / name
    path.write_bytes(content.replace(b"WHAT", path.stem.encode()))
    with pytest.raises(RetryLater, match=said) as told:
        bench.read.run(run.info.id, "damaged")
    assert str(path) in str(told.value)
    calls = bench.open()
    assert [record.id for record in calls.search_runs("damaged")] == [other.info.id]
    (note,) = calls.read_notes()
    assert (note.kind, note.subject) == ("unreadable", run.ref.id)
    assert str(path) in note.detail


@pytest.mark.parametrize("name", ["params.json", "tags.json"])
def test_a_damaged_document_is_not_overwritten(run: Any, folder_of: FolderOf, name: str):
    """Delivery waits until it is mended, and goes on then."""
    path = folder_of(run) / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    give = {"params.json": lambda: run.params({"depth": 4}), "tags.json": lambda: run.tags({"b": "c"})}[name]
    with pytest.raises(RetryLater, match=str(path)):
        give()
    assert path.read_bytes() == whole[:-9]
    path.write_bytes(whole)
    give()


def test_a_damaged_file_of_points(bench: Bench, run: Any, folder_of: FolderOf, kind: str):
    """Cut, overwritten or of another program: reading and delivering name it, and change nothing."""

    def give_again() -> None:
        run.elsewhere()
        run.batch(points(1, 1), start=1)

    path = folder_of(run) / f"metrics.{kind}"
    whole = path.read_bytes()
    middle = len(whole) // 2
    wrecks = {
        "cut": whole[:middle],
        "overwritten": whole[:middle] + b"\xff" * 400 + whole[middle + 400 :],
        "empty": b"",
        "other": b"a,b\n1,2\n",
    }
    for wreck, content in wrecks.items():
        path.write_bytes(content)
        with pytest.raises(RetryLater, match=str(path)):
            bench.read.points(run.ref)
        with pytest.raises(RetryLater, match=str(path)):
            give_again()
        assert path.read_bytes() == content, wreck
    path.write_bytes(whole)
    run.elsewhere()
    run.batch(points(2, 2000), start=2000)
    assert len(run.held()) == 2002


def test_a_file_of_points_that_another_tool_wrote(bench: Bench, run: Any, folder_of: FolderOf, kind: str):
    """Saved anew by pandas it is the same points, as long as the columns are there."""
    import pandas as pd

    if kind == "csv":
        pytest.skip("a CSV has no types to be changed")
    path = folder_of(run) / "metrics.parquet"
    frame = pd.read_parquet(path)
    frame.to_parquet(path, compression="gzip", row_group_size=100)
    assert run.held() == list(points(2000))
    assert run.record().metrics == {"loss": 1999 / 3}
    run.elsewhere()
    run.batch(points(5, 1998), start=1998)
    run.end()
    assert run.held() == list(points(2003))
    frame.drop(columns="place").to_parquet(path)
    with pytest.raises(RetryLater, match=f"{path}: .*place"):
        bench.read.points(run.ref)


def test_a_damaged_tail(bench: Bench, folder_of: FolderOf):
    """A record that changed is told, and one that breaks off at the end was never acknowledged."""
    run = bench.begin()
    run.points(points(100))
    run.batch(points(5, 100), start=100)
    tail = folder_of(run) / ".trackhub/points"
    first = len(tail.read_bytes())
    run.batch(points(5, 105), start=105)
    whole = tail.read_bytes()
    for size in range(first, len(whole)):
        tail.write_bytes(whole[:size])
        assert len(run.held()) == 105
    tail.write_bytes(whole[:first] + b"\0" * 50)
    assert len(run.held()) == 105
    run.elsewhere()
    run.batch(points(5, 105), start=105, redelivered=True)
    assert run.held() == list(points(110))
    tail.write_bytes(bytes([whole[0]]) + whole[1:40] + b"x" + whole[41:])
    with pytest.raises(RetryLater, match=f"{tail}: its record at byte 17 has changed"):
        run.held()
    tail.write_bytes(b"TRACKHUB-LOCAL-9\n")
    with pytest.raises(RetryLater, match=r"points: .*pip install -U trackhub-local"):
        run.held()


def test_a_run_that_vanished_is_named(bench: Bench, run: Any, folder_of: FolderOf):
    """Delivery says which file is gone, and does not begin a second, smaller run in its place."""
    folder = folder_of(run)
    folder.rename(folder.with_name("moved"))
    for call in (lambda: run.batch(points(1), start=0), lambda: run.params({"a": 1}), run.end):
        with pytest.raises(RetryLater, match=rf"{folder}/run\.json: .*put"):
            call()
    assert not folder.exists()
    bench.shut(run.calls)


def test_what_lies_in_the_way_is_told(bench: Bench, base: Path, folder_of: FolderOf):
    """A file where a folder is needed, and a folder where a file is needed, are named with what to do."""
    base.write_bytes(b"")
    with pytest.raises(RetryLater, match=f"{base}.*: a file stands where a folder is needed"):
        bench.begin()
    base.unlink()
    run = bench.begin()
    (folder_of(run) / "tags.json").mkdir()
    with pytest.raises(RetryLater, match=r"tags\.json: a folder stands where a file is needed"):
        run.tags({"a": "b"})


@pytest.mark.skipif(sys.platform != "linux", reason="/sys is Linux")
def test_a_folder_that_may_not_be_written(open_at: Any, bench: Bench):
    """The error names it and says what to change; nobody, root neither, makes a folder there."""
    with pytest.raises(RetryLater, match=r"/sys/trackhub.*: it may not be (changed|written or read): change its mode"):
        open_at("local:/sys/trackhub").trackhub_start_run(bench.info())


def test_other_files_and_folders_are_left_alone(bench: Bench, base: Path, folder_of: FolderOf):
    """What lies beside runs is no run, and nothing happens to it."""
    run = bench.begin()
    strange = {"README.txt": b"x", "data/table.csv": b"y", "a/b/c/run.json": b"{}", ".git/run.json": b"{}"}
    for path, content in strange.items():
        (base / path).parent.mkdir(parents=True, exist_ok=True)
        (base / path).write_bytes(content)
    (folder_of(run) / "notes.md").write_bytes(b"mine")
    calls = bench.open()
    assert [record.id for record in calls.search_runs(None)] == [run.info.id]
    assert calls.read_notes() == ()
    run.end()
    assert {path: (base / path).read_bytes() for path in strange} == strange
    assert (folder_of(run) / "notes.md").read_bytes() == b"mine"


def test_a_folder_that_is_not_there_has_no_runs(bench: Bench, base: Path):
    """A search finds none and says why; it makes no folder."""
    calls = bench.open()
    assert calls.search_runs(None) == ()
    assert [(note.kind, note.subject) for note in calls.read_notes()] == [("missing", str(base))]
    assert not base.exists()

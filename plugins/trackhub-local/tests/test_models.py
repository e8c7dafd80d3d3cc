"""What a run registered is a file that people open, and moves with the run's folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trackhub.errors import Rejected, RetryLater
from trackhub.testing import Bench

FolderOf = Callable[[Any], Path]


@pytest.fixture
def run(bench: Bench) -> Any:
    run = bench.begin(project="models")
    run.artifact("net", {"a": b"1"})
    run.register("digits", "net", ms=1)
    run.alias("digits", "champion", "net", ms=2)
    return run


def test_the_file_says_it_for_people(run: Any, folder_of: FolderOf):
    """Names, times to be read, and times to be read back."""
    said = json.loads((folder_of(run) / "models.json").read_text())
    (entry,) = said["models"]
    assert (entry["model"], entry["artifact"], entry["version"]) == ("digits", "net", 1)
    assert entry["registered"] == "2020-09-13T12:26:40.124456789Z"
    assert [(move["alias"], move["time_ns"]) for move in entry["moves"]] == [("champion", 1_600_000_000_125_456_789)]


def test_a_run_that_registered_nothing_has_no_file(bench: Bench, folder_of: FolderOf):
    """There is nothing to say."""
    run = bench.begin()
    assert not (folder_of(run) / "models.json").exists()


def test_a_moved_folder_brings_its_models(bench: Bench, run: Any, base: Path, folder_of: FolderOf):
    """And an alias goes back to whom it was taken from when the run that took it is gone."""
    other = bench.begin(project="models")
    other.artifact("net", {"a": b"2"})
    other.register("digits", "net", ms=5)
    other.alias("digits", "champion", "net", ms=6)
    standing = {one.run_id: one.aliases for one in bench.read.models("digits")}
    assert standing == {run.info.id: (), other.info.id: ("champion",)}
    shutil.move(folder_of(run), base / "elsewhere")
    assert {one.run_id for one in bench.read.models("digits")} == {run.info.id, other.info.id}
    shutil.rmtree(folder_of(other))
    assert [(one.run_id, one.aliases) for one in bench.read.models("digits")] == [(run.info.id, ("champion",))]


def test_a_damaged_file_is_named_and_not_overwritten(bench: Bench, run: Any, folder_of: FolderOf):
    """Other runs' models are read; delivery to this one waits until it is mended."""
    other = bench.begin(project="models")
    other.artifact("net", {"a": b"2"})
    other.register("digits", "net")
    path = folder_of(run) / "models.json"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    assert [one.run_id for one in bench.read.models("digits")] == [other.info.id]
    with pytest.raises(RetryLater, match=str(path)):
        run.alias("digits", "next", "net", ms=9)
    assert path.read_bytes() == whole[:-9]
    path.write_bytes(whole)
    run.alias("digits", "next", "net", ms=9)
    assert {one.run_id: one.aliases for one in bench.read.models("digits")}[run.info.id] == ("champion", "next")


def test_an_alias_of_what_was_never_registered_is_refused(run: Any):
    """With what to do."""
    with pytest.raises(Rejected, match="'net', version 2, is no version of model 'digits' here: register it first"):
        run.alias("digits", "champion", "net", version=2)

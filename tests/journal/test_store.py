"""Where a store keeps runs and names, for any text."""

from __future__ import annotations

import errno
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackhub.errors import StoreError
from trackhub.journal.store import RunFolder, Store, file_name
from trackhub.model.ids import new_run_id

RUN = "0190163d8694739ba9ea95d9ea16b3f1"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(TEXT)
def test_file_name(text):
    """Any text makes one safe file name, that of no special folder."""
    name = file_name(text)
    assert name not in {"", ".", "..", "names"}
    assert "/" not in name
    assert "\0" not in name
    assert "\\" not in name
    assert len(name.encode()) <= 200


@given(TEXT, TEXT)
def test_file_names_differ(one, other):
    """Different texts have different file names."""
    assert (file_name(one) == file_name(other)) == (one == other)


def test_long_file_names_differ():
    """Texts that differ only far behind have different file names."""
    assert file_name("x" * 1000 + "a") != file_name("x" * 1000 + "b")


def begun(run):
    """Return a run that has a segment."""
    run.create()
    (run.journal / "w1.seg").touch()
    return run


@pytest.mark.parametrize("project", ["digits", "my project/v1", "..", "names", "ünï ✓", "[a]*?"])
def test_project(tmp_path, project):
    """A run is found by its project, whatever the project is called."""
    store = Store(tmp_path)
    run = begun(store.run(project, RUN))
    assert run.project == project
    assert run.id == RUN
    assert list(store.runs(project)) == list(store.runs()) == [run]
    assert store.find(RUN) == run
    assert list(store.runs("other")) == []


def test_runs_oldest_first(tmp_path):
    """Runs are listed oldest first within a project; other folders are no runs."""
    store = Store(tmp_path)
    ids = [new_run_id() for _ in range(3)]
    for number, run_id in enumerate(sorted(ids, reverse=True)):
        begun(store.run("p", f"{number}{run_id[1:]}"))
    store.run("p", "e" * 32).create()  # killed before its first write
    (tmp_path / "runs" / "p" / ("f" * 32)).mkdir()
    store.take_name("p", "forest", ids[0])
    assert [run.id[0] for run in store.runs()] == ["0", "1", "2"]


@pytest.mark.parametrize("run_id", ["*", "?" * 32, RUN[:31], "..", "", "a/b", RUN.upper()])
def test_find_no_pattern(tmp_path, run_id):
    """Only a whole id finds a run; a pattern finds none."""
    store = Store(tmp_path)
    store.run("p", RUN).create()
    assert store.find(run_id) is None


def test_empty_store(tmp_path):
    """A store that is not there holds no runs."""
    store = Store(tmp_path / "none")
    assert list(store.runs()) == []
    assert list(store.runs("p")) == []
    assert store.find(RUN) is None
    assert store.named("x") == []


def test_create_again(tmp_path):
    """A run's folders are made once; again has no effect."""
    run = RunFolder(tmp_path / "p" / RUN)
    run.create()
    run.create()
    assert run.segments() == []


def test_create_where_a_file_is(tmp_path):
    """A store that cannot be made is an error with what to do."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="TRACKHUB_STORE"):
        Store(tmp_path / "file").run("p", RUN).create()
    with pytest.raises(StoreError, match="TRACKHUB_STORE"):
        Store(tmp_path / "file").take_name("p", "a", RUN)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_create_in_a_read_only_folder(tmp_path):
    """A folder that cannot be written is an error that names it."""
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="Permission denied"):
        Store(tmp_path).run("p", RUN).create()
    tmp_path.chmod(0o700)


def test_names_are_unique_in_a_project(tmp_path):
    """A name that is taken gets a number, in its own project only."""
    store = Store(tmp_path)
    ids = [new_run_id() for _ in range(4)]
    assert [store.take_name("p", "forest", run_id) for run_id in ids[:3]] == ["forest", "forest-2", "forest-3"]
    assert store.take_name("q", "forest", ids[3]) == "forest"
    assert {run.id for run in store.named("forest")} == {ids[0], ids[3]}
    assert [run.id for run in store.named("forest-2")] == [ids[1]]


def test_names_taken_at_once(tmp_path):
    """Names that many threads want at once are each given once."""
    store = Store(tmp_path)
    taken = []
    threads = [
        threading.Thread(target=lambda: taken.append(store.take_name("p", "a/b", new_run_id()))) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(["a/b", *(f"a/b-{number}" for number in range(2, 17))])


def test_name_without_an_id(tmp_path):
    """A name whose taker vanished before it wrote its id names no run."""
    store = Store(tmp_path)
    store.take_name("p", "a", RUN)
    (tmp_path / "runs" / "p" / "names" / "a").write_text("")
    assert store.named("a") == []


def refuse(*_):
    """Be a file system without links."""
    raise PermissionError(errno.EPERM, "no links here")


@pytest.mark.parametrize("links", [True, False])
def test_ranks_that_begin_a_run_at_once_agree_on_its_name(tmp_path, monkeypatch, links):
    """Whoever is first, the others find its run's id in the name's file, whole, never an empty file."""
    if not links:
        monkeypatch.setattr(os, "link", refuse)
    store, ids = Store(tmp_path), [new_run_id() for _ in range(100)]
    barrier = threading.Barrier(3)
    taken = [[], [], []]

    def begin(names):
        for number, run_id in enumerate(ids):
            barrier.wait()
            names.append(store.take_name("p", f"job{number}", run_id))

    threads = [threading.Thread(target=begin, args=(names,)) for names in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken == [[f"job{number}" for number in range(100)]] * 3
    assert not list((tmp_path / "runs/p/names").glob(".*"))


def test_a_name_that_is_being_taken_is_waited_for(tmp_path):
    """Where there are no links, a name's file is empty for a moment; one that stays empty is somebody's name."""
    store = Store(tmp_path)
    store.take_name("p", "other", RUN)
    place = tmp_path / "runs/p/names/job"
    place.touch()
    thread = threading.Timer(0.1, place.write_text, [RUN])
    thread.start()
    assert store.take_name("p", "job", RUN) == "job"
    thread.join()
    place.write_text("")
    assert store.take_name("p", "job", new_run_id()) == "job-2"


def test_a_text_that_is_no_utf8_has_a_file_name(tmp_path):
    """Looking for a run or a project that cannot be there finds none, and is no error."""
    assert "%" in file_name("\udcff")
    assert len(file_name("\ud800" * 300)) <= 200
    assert list(Store(tmp_path).runs("\udcff")) == Store(tmp_path).named("\udcff") == []

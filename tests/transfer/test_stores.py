"""Bring one store's runs into another."""

from __future__ import annotations

import pytest

from trackhub.errors import SettingsError, StoreError
from trackhub.journal.store import Store
from trackhub.query.runs import find
from trackhub.testing.journals import WrittenRun
from trackhub.transfer.stores import merge_store


def files(store: Store) -> dict[str, bytes]:
    """Return what lies in a store's runs, but for locks and what concerns destinations."""
    kept = [path for path in store.path.rglob("*") if path.is_file() and path.parent.name in {"journal", "artifacts"}]
    return {str(path.relative_to(store.path)): path.read_bytes() for path in kept}


@pytest.fixture
def written(tmp_path) -> WrittenRun:
    run = WrittenRun(tmp_path / "there", project="team/p", name="there")
    run.rows(20)
    run.artifact("weights", {"a.bin": b"1", "b.bin": b"22"}, "model")
    return run


def test_runs_come_as_they_are(written, tmp_path):
    """Byte for byte the same journal and artifacts; found by name."""
    there, here = Store(tmp_path / "there"), Store(tmp_path / "here")
    [run] = merge_store(there, here).runs
    assert (run.name, run.project, run.points, run.files, run.error) == ("there", "team/p", 20, 2, None)
    assert run.added == {"runs": 1, "segments": 1, "files": 2}
    assert files(here) == files(there)
    assert find(here, "there").id == written.id


def test_what_was_added_since_follows(written, tmp_path):
    """A run that went on there is brought up to date; what is here already is not touched."""
    there, here = Store(tmp_path / "there"), Store(tmp_path / "here")
    merge_store(there, here)
    assert merge_store(there, here).runs[0].added == {}
    written.rows(5, first=20)
    written.end()
    written.resume()
    assert merge_store(there, here).runs[0].added == {"segments": 2}
    assert files(here) == files(there)


def test_both_may_have_gone_on(written, tmp_path):
    """Each store's own segments stay, and both have all of them in the end; the longer copy of one is kept."""
    there, here = Store(tmp_path / "there"), Store(tmp_path / "here")
    merge_store(there, here)
    written.rows(5, first=20)
    ours = here.find(written.id)
    (ours.journal / "zz.seg").write_bytes((ours.journal / "w1.seg").read_bytes())
    merge_store(there, here)
    merge_store(here, there)
    assert files(here) == files(there)
    assert merge_store(here, there).runs[0].added == {}


def test_a_copy_that_differs_is_said(written, tmp_path):
    """One writer cannot have written both: nothing is overwritten, and the report names the file."""
    there, here = Store(tmp_path / "there"), Store(tmp_path / "here")
    merge_store(there, here)
    segment = here.find(written.id).journal / "w1.seg"
    data = bytearray(segment.read_bytes())
    data[100] ^= 1
    segment.write_bytes(data)
    report = merge_store(there, here)
    assert not report.complete
    assert "w1.seg: it differs from" in report.runs[0].error
    assert segment.read_bytes() == bytes(data)


def test_only_a_project(written, tmp_path):
    """Another project's runs are left out."""
    WrittenRun(tmp_path / "there", project="q")
    report = merge_store(Store(tmp_path / "there"), Store(tmp_path / "here"), project="q")
    assert [run.project for run in report.runs] == ["q"]


def test_by_the_public_function(written, tmp_path):
    """A folder that is a store is recognised; its runs keep their project."""
    import trackhub

    report = trackhub.import_runs(tmp_path / "there", store=tmp_path / "here")
    assert [run.id for run in report.runs] == [written.id]
    with pytest.raises(SettingsError, match="keep their project"):
        trackhub.import_runs(tmp_path / "there", store=tmp_path / "here", into="other")
    with pytest.raises(StoreError, match="it is the store itself"):
        trackhub.import_runs(tmp_path / "there", store=tmp_path / "there")


def test_a_run_that_both_have_imported_is_left_alone(elsewhere, tmp_path):
    """Two imports of one run are two copies of its points: joined, each would be there twice."""
    elsewhere.deliver(elsewhere.run())
    one, other = Store(tmp_path / "one"), Store(tmp_path / "other")
    for store in (one, other):
        elsewhere.bring(store.path)
    before = files(other)
    report = merge_store(one, other)
    assert "was imported from elsewhere into both stores" in report.runs[0].error
    assert files(other) == before

"""An import brings what runs registered: once, again, and when the source has more."""

from __future__ import annotations

import pytest

from trackhub.journal.store import Store
from trackhub.model.entities import Artifact, ModelAlias, ModelVersion, RunRef
from trackhub.query.compare import verify
from trackhub.query.models import stored_models

_MS = 1_000_000


@pytest.fixture
def here(tmp_path):
    return tmp_path / "here"


@pytest.fixture
def run(elsewhere):
    run = elsewhere.run()
    elsewhere.deliver(run)
    return run


def register(elsewhere, run, *, artifact="weights", ms=10):
    """Register the second version, and move an alias to it."""
    ref, time = RunRef(id=run.id), ms * _MS + 7
    version = ModelVersion(model="m", artifact=artifact, version=2, time=time)
    elsewhere.backend.trackhub_register_model_version(ref, version)
    alias = ModelAlias(model="m", alias="best", artifact=artifact, version=2, time=time)
    elsewhere.backend.trackhub_set_model_alias(ref, alias)


def test_models_come_with_their_runs(elsewhere, run, here):
    """Versions, times and aliases as the vendor has them; a second import adds nothing, a third what is new."""
    register(elsewhere, run)
    assert elsewhere.bring(here).runs[0].added["models"] == 2
    [record] = stored_models(Store(here))
    assert (record.run_id, record.artifact, record.version, record.aliases) == (run.id, "weights", 2, ("best",))
    assert record.time == 10 * _MS + 7
    assert elsewhere.bring(here).runs[0].added == {}
    register(elsewhere, run, ms=20)
    assert elsewhere.bring(here).runs[0].added == {"models": 1}
    [record] = stored_models(Store(here))
    assert [move.time for move in record.moves] == [10 * _MS + 7, 20 * _MS + 7]


def test_what_an_import_brought_verifies(elsewhere, run, here):
    """And what the vendor lost of it is told."""
    register(elsewhere, run)
    elsewhere.bring(here)
    report = verify(Store(here).find(run.id), elsewhere.calls)
    assert (report.equal, report.ours["models"], report.theirs["models"]) == (True, 1, 1)
    held = elsewhere.backend.vendor.load(run.id)
    held.models.clear()
    elsewhere.backend.vendor.save(held)
    report = verify(Store(here).find(run.id), elsewhere.calls)
    assert (report.differing, report.theirs["models"]) == ({"models": 1}, 0)


def test_a_version_of_what_is_no_artifact_is_told_by_name(elsewhere, run, here):
    """Another client may register bytes that the run does not list."""
    nothing = Artifact(name="nothing", type="model", time=1, files=())
    elsewhere.backend.trackhub_log_artifact(RunRef(id=run.id), nothing)
    register(elsewhere, run, artifact="nothing")
    [brought] = elsewhere.bring(here).runs
    assert [(note.kind, note.subject) for note in brought.notes] == [("unmatched model", "m")]
    assert stored_models(Store(here)) == []

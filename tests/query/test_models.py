"""What runs registered is read from their journals: versions, aliases, and every move."""

from __future__ import annotations

import pytest

import trackhub
from trackhub.errors import ModelNotFound, RunFinished, RunNotFound
from trackhub.journal.artifacts import ArtifactStore
from trackhub.query.summary import read_detail


@pytest.fixture
def start(tmp_path):
    def start(**more):
        return trackhub.start_run(project="p", capture=False, **more)

    return start


def standing(model=None):
    return {(one.run_id, one.artifact, one.version): one.aliases for one in trackhub.models(model=model)}


def test_a_version_is_the_newest_content_of_its_artifact(start):
    """Registering again what has not changed adds nothing; a new content is a new version, in the same run."""
    with start() as run:
        run.log_text("one", name="w")
        run.register_model("m", artifact="w")
        run.register_model("m", artifact="w")
        run.log_text("two", name="w")
        run.register_model("m", artifact="w", aliases=["best", "new"])
    assert standing() == {(run.id, "w", 1): (), (run.id, "w", 2): ("best", "new")}


def test_an_alias_goes_from_run_to_run(start):
    """By the newest move, whenever that was made; the history keeps all."""
    runs = []
    for name in ("first", "second"):
        with start(name=name) as run:
            run.log_text(name, name="w")
            run.register_model("m", artifact="w", aliases=["best"])
        runs.append(run)
    first, second = runs
    assert standing("m") == {(first.id, "w", 1): (), (second.id, "w", 1): ("best",)}
    trackhub.set_model_alias("m", "best", "first")
    assert standing("m") == {(first.id, "w", 1): ("best",), (second.id, "w", 1): ()}
    assert [[move.alias for move in one.moves] for one in trackhub.models()] == [["best", "best"], ["best"]]
    assert [found.status for found in trackhub.runs()] == ["finished", "finished"]


def test_a_resumed_run_knows_what_it_logged_before(start):
    """An artifact of the first attempt can be registered in the second, and its alias moved in the third."""
    with start() as run:
        run.log_text("one", name="w")
    with start(id=run.id, resume="must") as again:
        again.register_model("m", artifact="w")
    with start(id=run.id, resume="must") as again:
        again.set_model_alias("m", "best")
    assert standing() == {(run.id, "w", 1): ("best",)}


def test_models_are_told_apart(start):
    """Asked by name, others are not told."""
    with start() as run:
        run.log_text("one", name="w")
        for model in ("m", "m/2", "M"):
            run.register_model(model, artifact="w")
    assert [one.model for one in trackhub.models()] == ["M", "m", "m/2"]
    assert [one.model for one in trackhub.models(model="m")] == ["m"]
    assert trackhub.models(model="nothing") == []


def test_what_cannot_be_registered_says_what_to_do(start):
    """Nothing is written of it, and the run goes on."""
    with start(name="one") as run:
        with pytest.raises(ValueError, match="artifact 'w': this run has logged none of that name; log_artifact comes"):
            run.register_model("m", artifact="w")
        with pytest.raises(ModelNotFound, match="model 'm': this run has registered no version of it; register_model"):
            run.set_model_alias("m", "best")
        run.log_text("one", name="w")
        with pytest.raises(TypeError, match=r"aliases 'best': one alias goes in a list: aliases=\['best'\]"):
            run.register_model("m", artifact="w", aliases="best")
        for bad in ("", 7):
            with pytest.raises(TypeError, match="names are non-empty strings"):
                run.register_model(bad, artifact="w")
        run.register_model("digits", artifact="w")
    assert [one.model for one in trackhub.models()] == ["digits"]
    with pytest.raises(ModelNotFound, match="has registered no version of model 'digit'; did you mean"):
        trackhub.set_model_alias("digit", "best", run)
    with pytest.raises(RunNotFound):
        trackhub.set_model_alias("digits", "best", "two")
    with pytest.raises(TypeError, match="alias name ''"):
        trackhub.set_model_alias("digits", "", run)
    with pytest.raises(RunFinished):
        run.register_model("digits", artifact="w")


@pytest.mark.filterwarnings("ignore:trackhub:RuntimeWarning")
def test_a_full_disk_costs_a_warned_run_its_model_and_nothing_else(start, monkeypatch):
    """Where the library's errors are to be warnings, what could not be kept is not an error when it is registered."""

    def full(*_):
        raise trackhub.StoreError("no space left")

    with start(on_error="warn") as run:
        monkeypatch.setattr(ArtifactStore, "keep_bytes", full)
        run.log_text("one", name="w")
        run.register_model("m", artifact="w", aliases=["best"])
        run.set_model_alias("m", "best")
        run.log({"loss": 0.5}, step=1)
    assert trackhub.models() == []
    assert trackhub.runs()[0].metrics == {"loss": 0.5}


def test_a_disabled_run_registers_nothing(start):
    """And raises nothing."""
    with start(mode="disabled") as run:
        run.register_model("m", artifact="w", aliases=["best"])
        run.set_model_alias("m", "best")


def test_the_index_tells_what_the_journal_says(start):
    """Also once it is read from the cache."""
    with start() as run:
        run.log_text("one", name="w")
        run.register_model("m", artifact="w", aliases=["best"])
    told = trackhub.models()
    assert trackhub.models() == told
    [record] = read_detail(run.folder).summary.models
    assert (record.moves, record.time) == (told[0].moves, told[0].time)

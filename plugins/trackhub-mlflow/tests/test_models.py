"""Hold the registry to one version of each, to aliases that stand where they should, and to files that MLflow finds."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import mlflow
import pytest
from support.faultproxy import DROP, RESET, FaultProxy, answer
from support.logged import START, artifact, run_info
from trackhub_mlflow import modelling, registry
from trackhub_mlflow.names import escape_path

from trackhub.errors import Rejected, RetryLater
from trackhub.model.entities import AliasMove, ModelAlias, ModelVersion, RunEnd, RunRef

API = "/api/2.0/mlflow"
MS = 1_000_000


def version(model: str, name: str = "weights", number: int = 1, *, ms: int = 0) -> ModelVersion:
    return ModelVersion(model=model, artifact=name, version=number, time=START + ms * MS)


def alias(model: str, name: str = "champion", *, ms: int = 0) -> ModelAlias:
    return ModelAlias(model=model, alias=name, artifact="weights", version=1, time=START + ms * MS)


@pytest.fixture
def model(request: pytest.FixtureRequest) -> str:
    """Return a name of this test alone, which no rule escapes."""
    return "model of " + "".join(one if one.isalnum() else "-" for one in request.node.name)


@pytest.fixture
def begun(project: str, folder: Path) -> Callable[[Any], RunRef]:
    """Return a function that starts a run which has weights."""

    def begin(backend: Any) -> RunRef:
        ref = backend.trackhub_start_run(run_info(project))
        backend.trackhub_log_artifact(ref, artifact(folder, "weights", {"w.bin": ref.id.encode()}))
        return ref

    return begin


@pytest.fixture
def download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], dict[str, bytes]]:
    """Return a function that gives the files which MLflow's own download brings."""

    def download(backend: Any, uri: str) -> dict[str, bytes]:
        for key in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
            monkeypatch.setenv(key, backend._address.uri)
        place = Path(tempfile.mkdtemp(dir=tmp_path))
        found = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(place)))
        return {path.relative_to(found).as_posix(): path.read_bytes() for path in found.rglob("*") if path.is_file()}

    return download


def test_mlflow_finds_a_versions_files(backend: Any, project: str, model: str, folder: Path, download: Any):
    """By models:/name/number and models:/name@alias: a folder, a later content, odd names, and an only file."""
    ref = backend.trackhub_start_run(run_info(project))
    logged = [
        artifact(folder, "weights", {"w.bin": b"1", "deep er/é#.txt": b"2"}),
        artifact(folder, "weights", {"w.bin": b"3"}, version=2),
        artifact(folder, "a+b, (é)/w@v2", {"w": b"4"}),
        artifact(folder, "only.pt", {"only.pt": b"5"}),
        artifact(folder, "plots/only.pt", {"only.pt": b"6"}, version=2),
    ]
    for number, one in enumerate(logged, 1):
        backend.trackhub_log_artifact(ref, one)
        notes = backend.trackhub_register_model_version(ref, version(model, one.name, one.version))
        assert [note.kind for note in notes] == (["beside"] if "only" in one.name else [])
        held = download(backend, f"models:/{model}/{number}")
        assert held == {escape_path(file.path): file.source.read_bytes() for file in one.files}
    backend.trackhub_set_model_alias(ref, alias(model))
    assert download(backend, f"models:/{model}@champion")["w.bin"] == b"1"
    assert {(file.artifact, file.version) for file in backend.trackhub_list_artifacts(ref)} == {
        (one.name, one.version) for one in logged
    }


def test_a_source_that_a_database_would_cut_is_a_folder_above(
    backend: Any, raw_of: Any, begun: Any, model: str, monkeypatch: pytest.MonkeyPatch
):
    """And that is told."""
    monkeypatch.setattr(modelling, "_LONGEST_SOURCE", 10)
    ref = begun(backend)
    (note,) = backend.trackhub_register_model_version(ref, version(model))
    assert note.kind == "shortened"
    (held,) = raw_of(backend).search_model_versions(f"name = '{model}'")
    assert held.source == raw_of(backend).get_run(ref.id).info.artifact_uri


CALLS = ("registered-models/create", "model-versions/create", "model-versions/set-tag", "registered-models/alias")


@pytest.mark.parametrize("hit", [*product(CALLS, (DROP, RESET))], ids=lambda hit: f"{hit[0]} {hit[1].kind}")
def test_a_lost_answer_makes_no_second_version(
    open_at: Any, proxy: FaultProxy, begun: Any, model: str, hit: tuple[str, Any]
):
    """Whichever request it was, taken or not, another process comes to one version with the alias on it."""
    raw, ref = open_at(proxy.target)._client, begun(open_at(proxy.url))
    proxy.script(f"{API}/{hit[0]}", hit[1])
    failed = 0
    for call, given in (("register_model_version", version(model)), ("set_model_alias", alias(model))):
        for _ in range(2):
            try:
                getattr(open_at(proxy.url), f"trackhub_{call}")(ref, given)
            except RetryLater:
                failed += 1
    assert failed == 1
    (held,) = raw.search_model_versions(f"name = '{model}'")
    assert raw.get_registered_model(model).aliases == {"champion": held.version}
    (record,) = open_at(proxy.url).trackhub_read_models(model)
    assert (record.aliases, record.moves, record.time) == (("champion",), (AliasMove("champion", START),), START)


def made_late(raw: Any, model: str) -> Any:
    """Make a version again, as a request does that was given up and reaches the server later."""
    (first,) = raw.search_model_versions(f"name = '{model}'")
    return raw.create_model_version(model, first.source, first.run_id, tags=first.tags, await_creation_for=0)


def test_a_request_that_lands_late_leaves_one_version(backend: Any, raw_of: Any, begun: Any, model: str):
    """It is read as one at once; whatever comes next for it deletes the second, and keeps what was put on that."""
    raw, ref = raw_of(backend), begun(backend)
    backend.trackhub_register_model_version(ref, version(model))
    late = made_late(raw, model)
    raw.set_registered_model_alias(model, "kept", late.version)
    raw.set_model_version_tag(model, late.version, "owner", "ada")
    (record,) = backend.trackhub_read_models(model)
    assert (record.number, record.aliases) == ("1", ("kept",))
    backend.trackhub_register_model_version(ref, version(model, ms=9))
    (held,) = raw.search_model_versions(f"name = '{model}'")
    assert (int(held.version), held.tags["owner"]) == (1, "ada")
    assert {name: int(number) for name, number in raw.get_registered_model(model).aliases.items()} == {"kept": 1}


def test_a_search_that_lags_behind_makes_no_second_version(
    backend: Any, raw_of: Any, begun: Any, model: str, monkeypatch: pytest.MonkeyPatch
):
    """MLflow may search in a copy of its database: what was answered is not made again, and an alias finds its way."""
    ref = begun(backend)

    def behind(call: Callable[[], Any]) -> None:
        held = backend._client.search_model_versions(f"name = '{model}'")
        with monkeypatch.context() as lag:
            lag.setattr(backend._client, "search_model_versions", lambda *_, **__: held)
            call()

    def register() -> None:
        for _ in range(2):
            with pytest.raises(RetryLater, match="does not find it yet"):
                backend.trackhub_register_model_version(ref, version(model))

    behind(register)
    backend.trackhub_register_model_version(ref, version(model))
    behind(lambda: backend.trackhub_set_model_alias(ref, alias(model)))
    assert len(raw_of(backend).search_model_versions(f"name = '{model}'")) == 1
    assert [record.aliases for record in backend.trackhub_read_models(model)] == [("champion",)]


def test_the_runs_end_looks_for_what_landed_late(open_at: Any, proxy: FaultProxy, raw: Any, begun: Any, model: str):
    """Where a request got no answer, the end deletes what it made meanwhile."""
    backend = open_at(proxy.url)
    ref = begun(backend)
    proxy.script(f"{API}/model-versions/create", DROP)
    with pytest.raises(RetryLater):
        backend.trackhub_register_model_version(ref, version(model))
    backend.trackhub_register_model_version(ref, version(model))
    made_late(raw, model)
    backend.trackhub_finish_run(ref, RunEnd(status="finished", time=START))
    assert len(raw.search_model_versions(f"name = '{model}'")) == 1


def test_what_people_moved_stays_until_a_newer_move(backend: Any, raw_of: Any, begun: Any, model: str):
    """An older move of a run that was offline puts no alias back that was moved on MLflow's pages since."""
    raw, refs = raw_of(backend), [begun(backend) for _ in range(3)]
    for ref in refs:
        backend.trackhub_register_model_version(ref, version(model))
    backend.trackhub_set_model_alias(refs[0], alias(model, ms=20))
    raw.set_registered_model_alias(model, "champion", "3")
    backend.trackhub_set_model_alias(refs[1], alias(model, ms=10))
    assert [record.aliases for record in backend.trackhub_read_models(model)] == [(), (), ("champion",)]
    backend.trackhub_set_model_alias(refs[1], alias(model, ms=30))
    assert [record.aliases for record in backend.trackhub_read_models(model)] == [(), ("champion",), ()]
    assert [len(record.moves) for record in backend.trackhub_read_models(model)] == [1, 2, 0]


def test_a_move_that_is_overtaken_gives_way(
    backend: Any, open_at: Any, begun: Any, model: str, monkeypatch: pytest.MonkeyPatch
):
    """Another run's newer move, made between the question and the answer, stands in the end."""
    other = open_at(backend._address.uri)
    old, new = begun(backend), begun(backend)
    for ref in (old, new):
        backend.trackhub_register_model_version(ref, version(model))
    move = backend._client.set_registered_model_alias

    def overtaken(*args: Any) -> None:
        monkeypatch.setattr(backend._client, "set_registered_model_alias", move)
        other.trackhub_set_model_alias(new, alias(model, ms=20))
        move(*args)

    monkeypatch.setattr(backend._client, "set_registered_model_alias", overtaken)
    backend.trackhub_set_model_alias(old, alias(model, ms=10))
    assert [record.aliases for record in backend.trackhub_read_models(model)] == [(), ("champion",)]


def test_versions_of_other_clients_are_read_too(
    backend: Any, raw_of: Any, begun: Any, model: str, monkeypatch: pytest.MonkeyPatch
):
    """Of no run, of a run of theirs, of one of ours, and a copy of one of ours; all of them, page by page."""
    monkeypatch.setattr(registry, "_A_PAGE", 2)
    raw, ref = raw_of(backend), begun(backend)
    backend.trackhub_register_model_version(ref, version(model))
    backend.trackhub_set_model_alias(ref, alias(model))
    run = raw.create_run(raw.get_run(ref.id).info.experiment_id)
    for source, of in (
        ("s3://bucket/their model", None),
        (f"{run.info.artifact_uri}/net", run.info.run_id),
        (f"{raw.get_run(ref.id).info.artifact_uri}/weights", ref.id),
        ("s3://bucket/gone", None),
    ):
        raw.create_model_version(model, source, of, await_creation_for=0)
    raw.delete_model_version(model, "5")
    raw.copy_model_version(f"models:/{model}/1", model)
    raw.set_registered_model_alias(model, "theirs", "2")
    ours = raw.get_run(ref.id).data.tags["trackhub.run_id"]
    found = backend.trackhub_read_models(model)
    assert [(one.number, one.run_id, one.artifact, one.aliases, len(one.moves)) for one in found] == [
        ("1", ours, "weights", ("champion",), 1),
        ("2", "", "their model", ("theirs",), 0),
        ("3", run.info.run_id, "net", (), 0),
        ("4", ours, "weights", (), 0),
        ("6", ours, "1", (), 0),
    ]
    assert all(one.time is not None and one.model == model for one in found)
    assert [one for one in backend.trackhub_read_models(None) if one.model == model] == list(found)


def test_a_name_that_trackhub_would_escape_is_read_as_it_is(backend: Any, raw_of: Any, begun: Any, model: str):
    """MLflow takes more than a URI can hold; and a name of ours that looks like it is another model."""
    raw, theirs = raw_of(backend), f'it\'s "{model}" 100%'
    raw.create_registered_model(theirs)
    raw.create_model_version(theirs, "s3://bucket/a", await_creation_for=0)
    (found,) = backend.trackhub_read_models(theirs)
    assert (found.model, found.artifact) == (theirs, "a")
    ref = begun(backend)
    (note,) = backend.trackhub_register_model_version(ref, version(theirs))
    assert (note.kind, note.subject) == ("escaped", theirs)
    assert [one.artifact for one in backend.trackhub_read_models(theirs)] == ["weights", "a"]
    assert [one.model for one in backend.trackhub_read_models(None)].count(theirs) == 2


def test_a_version_needs_its_artifact_and_an_alias_its_version(backend: Any, begun: Any, model: str):
    """What was refused or skipped before is named, with the command that gives it again."""
    ref = begun(backend)
    with pytest.raises(Rejected, match=r"'weights' \(version 2\) is not there.*trackhub sync --rejected"):
        backend.trackhub_register_model_version(ref, version(model, number=2))
    with pytest.raises(Rejected, match=r"no version of artifact 'weights'.*trackhub sync --rejected"):
        backend.trackhub_set_model_alias(ref, alias(model))
    assert backend.trackhub_read_models(model) == ()


def test_a_prompt_of_the_same_name_is_refused(backend: Any, raw_of: Any, begun: Any):
    """MLflow keeps prompts and models under one roof; the refusal is final."""
    raw_of(backend).register_prompt("a-prompt", template="hello")
    with pytest.raises(Rejected, match="'a-prompt' is the name of a prompt"):
        backend.trackhub_register_model_version(begun(backend), version("a-prompt"))
    assert backend.trackhub_read_models("a-prompt") == ()


def test_a_server_without_a_registry_says_so(open_at: Any, proxy: FaultProxy, begun: Any, model: str):
    """One that serves runs refuses for good; one that answers nothing at all is asked later."""
    backend = open_at(proxy.url)
    ref = begun(backend)
    for path in ("model-versions", "registered-models"):
        proxy.script(f"{API}/{path}", answer(404, body=b"<html>"), times=9)
    with pytest.raises(Rejected, match="has no model registry"):
        backend.trackhub_register_model_version(ref, version(model))
    proxy.script("/", answer(404, body=b"<html>"), times=9)
    with pytest.raises(RetryLater):
        backend.trackhub_read_models(model)

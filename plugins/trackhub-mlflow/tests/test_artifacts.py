"""Hold artifacts to lying where people expect them, to replacing none, and to coming back byte by byte."""

from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.faultproxy import DROP, FaultProxy
from support.logged import artifact, run_info
from support.mlflow_server import MlflowServer
from support.oracle import differences
from trackhub_mlflow.places import copied, folder_of, folders, marks, places

from trackhub.errors import Rejected, RetryLater
from trackhub.model.entities import Artifact, ArtifactFile

PUT = "/api/2.0/mlflow-artifacts"


@pytest.mark.parametrize(
    ("name", "version", "paths", "stored"),
    [
        ("model.pt", 1, ["model.pt"], ["model.pt"]),
        ("weights", 1, ["model.pt"], ["weights/model.pt"]),
        ("plots/a.png", 1, ["plots/a.png"], ["plots/a.png"]),
        ("data", 1, ["a", "b/c"], ["data/a", "data/b/c"]),
        ("weights", 2, ["model.pt"], ["weights@v2/model.pt"]),
        ("model.pt", 3, ["model.pt"], ["model@v3.pt"]),
        ("plots/loss.png", 1, ["loss.png"], ["plots/loss.png"]),
        ("plots/loss.png", 2, ["loss.png"], ["plots/loss@v2.png"]),
        ("loss@v2.png", 1, ["loss@v2.png"], ["loss_x40_v2.png"]),
        ("weights@v2", 1, ["weights@v2"], ["weights_x40_v2"]),
        ("100%", 1, ["a#1?.txt"], ["100_x25_/a_x23_1_x3F_.txt"]),
        ("trackhub", 1, ["trackhub"], ["_x74_rackhub"]),
    ],
)
def test_a_file_lies_where_people_expect_it(name: str, version: int, paths: list[str], stored: list[str]):
    """A single file is its artifact; others are in a folder; a later version keeps the suffix, so that it is shown."""
    files = tuple(ArtifactFile(path=path, sha256="", size=0, source=Path()) for path in paths)
    assert list(places(Artifact(name=name, type="", time=0, files=files, version=version), set()).values()) == stored


@pytest.mark.parametrize(
    ("name", "number", "paths", "folder"),
    [
        ("weights", 1, ["w.bin"], "weights"),
        ("weights", 2, ["a/b", "c"], "weights@v2"),
        ("a/b:c", 1, ["d"], "a/b_x3A_c"),
        ("w", 3, ["w", "x"], "w@v3"),
        ("nothing", 2, [], "nothing@v2"),
        ("trackhub", 1, ["a"], "_x74_rackhub"),
        ("w.bin", 1, ["w.bin"], None),
        ("deep/w.bin", 2, ["w.bin"], None),
    ],
)
def test_an_artifacts_folder_is_known_by_its_files(name: str, number: int, paths: list[str], folder: str | None):
    """Wherever its files were put; one that is a file itself has none."""
    files = tuple(ArtifactFile(path=path, sha256="", size=0, source=Path()) for path in paths)
    made = Artifact(name=name, type="", time=0, version=number, files=files)
    assert folder_of(name, number, places(made, set())) == folder
    if paths:
        taken = set(places(made, set()).values())
        assert f"/{folder_of(name, number, places(made, taken))}/" in copied(name, number, paths[0])


SEGMENTS = st.sampled_from(["a", "b", "a@v2", "trackhub", "..", "", "#"])
PATHS = st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join)


@given(
    st.lists(st.tuples(PATHS, st.sets(SEGMENTS, min_size=1, max_size=3), st.booleans(), st.integers(1, 3)), max_size=8)
)
def test_no_file_replaces_another(logged: list[tuple[str, set[str], bool, int]]):
    """Whatever artifacts are called, each file has a place, and none is another's folder."""
    taken: set[str] = set()
    stored: list[str] = []
    for name, version in {(name, version) for name, _, _, version in logged}:
        paths = next(
            [name] if single else sorted(some)
            for own, some, single, number in logged
            if (own, number) == (name, version)
        )
        files = tuple(ArtifactFile(path=path, sha256="", size=0, source=Path()) for path in paths)
        made = places(Artifact(name=name, type="", time=0, files=files, version=version), taken)
        assert places(Artifact(name=name, type="", time=0, files=files, version=version), taken) == made
        taken.update(marks(made.values()))
        stored += made.values()
    assert len(set(stored)) == len(stored)
    assert not {folder for place in stored for folder in folders(place)} & set(stored)
    assert not any(place.partition("/")[0] == "trackhub" for place in stored)


def test_artifacts_come_back_byte_by_byte(backend: Any, project: str, folder: Path):
    """Odd names, versions, empty files and names that are another's folder are all there, given twice."""
    ref = backend.trackhub_start_run(run_info(project))
    logged = [
        artifact(folder, "a", {"a": b"1"}),
        artifact(folder, "a/b", {"a/b": b"2"}),
        artifact(folder, "a", {"a": b"3"}, version=2),
        artifact(folder, "data", {"x y/#1?.txt": b"4", "empty": b"", "é/..x": b"5"}),
        artifact(folder, "data", {"empty": b"6"}, version=2),
        artifact(folder, "trackhub", {"trackhub": b"7"}),
        artifact(folder, "n" * 300, {"m" * 300: b"8"}),
        artifact(folder, " %2e\n:", {"f": b"9"}),
    ]
    for _ in range(2):
        for one in logged:
            backend.trackhub_log_artifact(ref, one)
    assert differences(backend, ref, artifacts=logged) == []
    files = backend.trackhub_list_artifacts(ref)
    assert len({file.path for file in files}) == len(files)
    assert all(file.sha256 and file.size is not None for file in files)
    assert {"a", "a@v2", "data/x y/#1?.txt", "data@v2/empty", "trackhub"} <= {file.path for file in files}
    told = {(file.artifact, file.version, file.file): file.path for file in files}
    assert len(told) == len(files)
    assert (told["data", 1, "é/..x"], told["data", 2, "empty"]) == ("data/é/..x", "data@v2/empty")
    assert {(file.artifact, file.version, file.type, file.time) for file in files} == {
        (one.name, one.version, one.type, one.time) for one in logged
    }


def test_two_files_of_one_path_are_listed_apart(remote: Any, project: str, folder: Path, tmp_path: Path):
    """File b of artifact a, and artifact a/b: each has a path of its own, by which its bytes come back."""
    ref = remote.trackhub_start_run(run_info(project))
    for one in (artifact(folder, "a", {"b": b"1", "c": b"2"}), artifact(folder, "a/b", {"b": b"3"})):
        remote.trackhub_log_artifact(ref, one)
    found = {}
    for file in remote.trackhub_list_artifacts(ref):
        remote.trackhub_download_artifact(ref, file.path, str(tmp_path / "out"))
        found[file.artifact, file.file] = (file.path, (tmp_path / "out").read_bytes())
    assert found == {("a", "b"): ("a/b", b"1"), ("a", "c"): ("a/c", b"2"), ("a/b", "b"): ("a/b (2)", b"3")}


def test_the_manifest_outlives_the_process(remote: Any, open_at: Any, server: MlflowServer, project: str, folder: Path):
    """Another process knows what is there: it uploads nothing again and replaces nothing."""
    run = run_info(project)
    ref = remote.trackhub_start_run(run)
    first = artifact(folder, "a", {"a": b"1"})
    remote.trackhub_log_artifact(ref, first)
    other = open_at(server.url)
    for file in first.files:
        file.source.unlink()
    other.trackhub_log_artifact(ref, first)
    nested = artifact(folder, "a/b", {"c": b"2"})
    other.trackhub_log_artifact(ref, nested)
    assert {file.path for file in remote.trackhub_list_artifacts(ref)} == {"a", "a/b/c"}


@pytest.mark.parametrize("lost", [1, 2])
def test_an_upload_whose_answer_was_lost_is_made_again(
    open_at: Any, proxy: FaultProxy, project: str, folder: Path, lost: int
):
    """Whether the file or the manifest got no answer, the next attempt ends with one of each."""
    backend = open_at(proxy.url)
    ref = backend.trackhub_start_run(run_info(project))
    logged = artifact(folder, "a", {"a": b"1"})
    proxy.script(PUT, DROP, method="PUT", after=lost - 1)
    with pytest.raises(RetryLater):
        backend.trackhub_log_artifact(ref, logged)
    before = proxy.count(PUT)
    backend.trackhub_log_artifact(ref, logged)
    assert proxy.count(PUT) - before == 3 - lost  # what was answered is not sent again
    assert differences(backend, ref, artifacts=[logged]) == []


def test_a_large_file_is_streamed(remote: Any, project: str, folder: Path, tmp_path: Path):
    """Memory does not grow with the file, neither up nor down."""
    ref = remote.trackhub_start_run(run_info(project))
    logged = artifact(folder, "big", {"big": bytes(range(256)) * 160_000})
    tracemalloc.start()
    remote.trackhub_log_artifact(ref, logged)
    remote.trackhub_download_artifact(ref, "big", str(tmp_path / "back"))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 12_000_000
    assert hashlib.sha256((tmp_path / "back").read_bytes()).hexdigest() == logged.files[0].sha256


def test_a_file_of_others_is_listed_too(remote: Any, raw: Any, project: str, tmp_path: Path):
    """What MLflow's own client uploaded has no digest, and can be downloaded."""
    ref = remote.trackhub_start_run(run_info(project))
    raw.log_text(ref.id, "hello", "notes/a.txt")
    (file,) = remote.trackhub_list_artifacts(ref)
    assert (file.path, file.size, file.sha256) == ("notes/a.txt", 5, None)
    remote.trackhub_download_artifact(ref, "notes/a.txt", str(tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "hello"
    with pytest.raises(Rejected, match="no artifact file 'b'"):
        remote.trackhub_download_artifact(ref, "b", str(tmp_path / "out"))

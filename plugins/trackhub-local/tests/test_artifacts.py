"""Hold artifacts to lying under their own names, and to coming back whole whatever lies beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trackhub.errors import RetryLater, StoreError
from trackhub.model.entities import Artifact, ArtifactFile
from trackhub.testing import Bench

FolderOf = Callable[[Any], Path]


def lying(folder: Path) -> dict[str, bytes]:
    """Return every file below ``artifacts/`` by its place."""
    root = folder / "artifacts"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_files_lie_under_their_own_names(bench: Bench, folder_of: FolderOf):
    """A file that is called as its artifact lies there itself, others in the artifact's folder, versions beside."""
    run = bench.begin()
    run.artifact("cm.png", {"cm.png": b"1"})
    run.artifact("cm.png", {"cm.png": b"2"}, version=2)
    run.artifact("plots/roc.png", {"roc.png": b"3"})
    run.artifact("net", {"a.bin": b"4", "layers/b.bin": b"", ".hidden": b"5"})
    run.artifact("net", {"a.bin": b"6"}, version=2)
    assert lying(folder_of(run)) == {
        "cm.png": b"1",
        "cm@v2.png": b"2",
        "plots/roc.png": b"3",
        "net/a.bin": b"4",
        "net/layers/b.bin": b"",
        "net/.hidden": b"5",
        "net@v2/a.bin": b"6",
    }


def test_the_manifest_tells_what_each_file_is(bench: Bench, folder_of: FolderOf):
    """Name, type, version, time, and each file's place, size and digest."""
    run = bench.begin()
    run.artifact("net", {"A.bin": b"a", "a.bin": b"b"}, type="model")
    run.end()
    (entry,) = json.loads((folder_of(run) / "artifacts.json").read_bytes())["artifacts"]
    assert {key: entry[key] for key in ("name", "type", "version")} == {"name": "net", "type": "model", "version": 1}
    assert entry["files"] == [
        {"path": "A.bin", "place": "net/A.bin", "size": 1, "sha256": hashlib.sha256(b"a").hexdigest()},
        {"path": "a.bin", "place": "net/a~2.bin", "size": 1, "sha256": hashlib.sha256(b"b").hexdigest()},
    ]


def test_a_file_that_somebody_put_there_stays(bench: Bench, folder_of: FolderOf):
    """What nobody delivered is not overwritten, whether it is in the way as a file or as a folder."""
    run = bench.begin()
    root = folder_of(run) / "artifacts"
    (root / "notes.txt").mkdir(parents=True)
    (root / "cm.png").write_bytes(b"mine")
    (root / "net").write_bytes(b"mine, too")
    given = {"notes.txt": {"notes.txt": b"1"}, "cm.png": {"cm.png": b"2"}, "net": {"a": b"3", "b": b"4"}}
    for name, files in given.items():
        run.artifact(name, files)
    assert (root / "cm.png").read_bytes() == b"mine"
    assert (root / "net").read_bytes() == b"mine, too"
    assert run.contents() == {(name, path, 1): data for name, files in given.items() for path, data in files.items()}


def test_a_file_that_vanished_is_named_and_comes_back_with_the_next_delivery(bench: Bench, folder_of: FolderOf):
    """Reading says which file is gone; the artifact given again brings it."""
    run = bench.begin()
    run.artifact("net", {"a": b"1", "b": b"2"})
    place = folder_of(run) / "artifacts/net/a"
    place.unlink()
    target = bench.folder / "target"
    with pytest.raises(RetryLater, match=f"{place}: the file is gone"):
        bench.read.download(run.ref, "net/a", target)
    run.elsewhere()
    run.artifact("net", {"a": b"1", "b": b"2"})
    assert run.contents() == {("net", "a", 1): b"1", ("net", "b", 1): b"2"}


def test_a_file_that_changed_is_not_handed_out(bench: Bench, folder_of: FolderOf):
    """Its bytes are held against the digest; the error names it and nothing is left at the target."""
    run = bench.begin()
    run.artifact("net", {"a": b"1"})
    place = folder_of(run) / "artifacts/net/a"
    place.write_bytes(b"2")
    target = bench.folder / "target"
    with pytest.raises(RetryLater, match=f"{place}: its bytes are not those that were delivered"):
        bench.read.download(run.ref, "net/a", target)
    assert not target.exists()


def test_bytes_that_changed_in_the_store_are_refused(bench: Bench, folder_of: FolderOf):
    """A digest that does not fit is an error, and leaves nothing behind."""
    run = bench.begin()
    source = bench.folder / "source"
    source.write_bytes(b"other")
    file = ArtifactFile(path="a", sha256="0" * 64, size=5, source=source)
    with pytest.raises(StoreError, match=f"{source}: the bytes of 'a' have changed"):
        run.calls.log_artifact(run.ref, Artifact(name="net", type="file", time=0, files=(file,)))
    assert lying(folder_of(run)) == {}
    assert run.files() == {}


def test_another_content_of_a_version_is_another_version(bench: Bench):
    """Where two stores count versions otherwise, both contents stay; the note says which number one got."""
    run = bench.begin()
    run.artifact("net", {"a": b"1"}, version=1)
    run.artifact("net", {"a": b"2"}, version=1)
    run.artifact("net", {"a": b"2"}, version=1)
    assert run.contents() == {("net", "a", 1): b"1", ("net", "a", 2): b"2"}


def test_many_artifacts_write_the_manifest_seldom(bench: Bench, folder_of: FolderOf):
    """The manifest is written as often as the number of artifacts doubles, and at the end it is whole."""
    run = bench.begin()
    manifest = folder_of(run) / "artifacts.json"
    seen = set()
    for number in range(60):
        run.artifact(f"image{number}", {"x.png": b"%d" % number})
        seen.add(manifest.stat().st_ino if manifest.exists() else None)
        assert len(run.files()) == number + 1
    sizes = len(json.loads(manifest.read_bytes())["artifacts"])
    assert 30 <= sizes <= 60
    run.elsewhere()
    run.end()
    assert len(json.loads(manifest.read_bytes())["artifacts"]) == 60


def test_a_manifest_cannot_lead_out_of_the_folder(bench: Bench, folder_of: FolderOf):
    """A folder from a stranger's stick makes nobody read files of this machine."""
    run = bench.begin()
    run.artifact("net", {"a": b"1"})
    run.end()
    manifest = folder_of(run) / "artifacts.json"
    for place in ("../../secret", "/etc/passwd", "net//a", ""):
        said = json.loads(manifest.read_bytes())
        said["artifacts"][0]["files"][0]["place"] = place
        manifest.write_text(json.dumps(said))
        with pytest.raises(RetryLater, match=f"{manifest}: .* lies outside"):
            bench.read.files(run.ref)

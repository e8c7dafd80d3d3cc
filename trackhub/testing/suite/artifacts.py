"""Give files of every name and size; each comes back under its name, with its bytes."""

from __future__ import annotations

import hashlib
import random

from trackhub.testing.bench import Bench
from trackhub.testing.comparing import expect, same
from trackhub.testing.gates import needs
from trackhub.testing.sentences import states
from trackhub.testing.suite.samples import FILES

_READ = ("log_artifact", "list_artifacts", "download_artifact")


class Artifacts:
    """Check artifacts and their versions."""

    @states("A1")
    @needs(*_READ)
    def test_a_file_comes_back(self, bench: Bench) -> None:
        """Its bytes are those that were given, and what is told of them is true."""
        run = bench.begin()
        content = bytes(range(256)) * 3
        run.artifact("model.bin", {"model.bin": content})
        same("the contents", run.contents(), {("model.bin", "model.bin", 1): content})
        for file in run.files().values():
            expect(file.size in {None, len(content)}, f"its size is told as {file.size}")
            expect(file.sha256 in {None, hashlib.sha256(content).hexdigest()}, f"its digest is told as {file.sha256}")

    @states("A2")
    @needs(*_READ)
    def test_folders_stay(self, bench: Bench) -> None:
        """Files of one name in different folders are different files."""
        run = bench.begin()
        files = {"a.txt": b"top", "x/a.txt": b"in x", "x/y/a.txt": b"in y", "z/a.txt": b"in z"}
        run.artifact("folder", files)
        same("the contents", run.contents(), {("folder", path, 1): data for path, data in files.items()})

    @states("A3")
    @needs(*_READ)
    def test_an_empty_file_comes_back(self, bench: Bench) -> None:
        """A file without bytes is a file."""
        run = bench.begin()
        run.artifact("empty", {"__init__.py": b"", "x.py": b"x"})
        same("the contents", run.contents(), {("empty", "__init__.py", 1): b"", ("empty", "x.py", 1): b"x"})

    @states("A4")
    @needs(*_READ)
    def test_a_large_file_is_whole(self, bench: Bench) -> None:
        """Three megabytes and a bit come back, every byte."""
        run = bench.begin()
        content = random.Random(4).randbytes(3_000_001)  # noqa: S311 - any bytes will do
        run.artifact("large", {"large": content})
        held = run.contents().get(("large", "large", 1), b"")
        expect(held == content, f"{len(content)} bytes were given, {len(held)} came back, or others")

    @states("A5")
    @needs(*_READ)
    def test_files_come_back_under_their_names(self, bench: Bench) -> None:
        """Whatever a file system takes for a name."""
        run = bench.begin()
        run.artifact("odd files", FILES)
        same("the contents", run.contents(), {("odd files", path, 1): data for path, data in FILES.items()})

    @states("A5")
    @needs(*_READ)
    def test_artifacts_come_back_under_their_names(self, bench: Bench) -> None:
        """An artifact's name may have any characters, and need not be its file's."""
        run = bench.begin()
        for name, content in FILES.items():
            run.artifact(name, {"file": content})
        same("the contents", run.contents(), {(name, "file", 1): data for name, data in FILES.items()})

    @states("A6")
    @needs(*_READ)
    def test_a_later_content_is_another_version(self, bench: Bench) -> None:
        """A checkpoint that is written anew leaves the one before where it was."""
        run = bench.begin()
        run.artifact("weights", {"weights": b"first"}, version=1)
        run.artifact("weights", {"weights": b"second"}, version=2)
        run.elsewhere()
        run.artifact("weights", {"weights": b"third", "more": b"m"}, version=3)
        wanted = {
            ("weights", "weights", 1): b"first",
            ("weights", "weights", 2): b"second",
            ("weights", "weights", 3): b"third",
            ("weights", "more", 3): b"m",
        }
        same("the contents", run.contents(), wanted)

    @states("A7")
    @needs(*_READ)
    def test_the_same_version_again(self, bench: Bench) -> None:
        """A version that is given again, here or in another process, is there once."""
        run = bench.begin()
        for _ in range(2):
            run.artifact("weights", {"w": b"first"}, version=1)
            run.artifact("weights", {"w": b"second"}, version=2)
            run.artifact("weights", {"w": b"first"}, version=1)
            run.elsewhere()
        same("the contents", run.contents(), {("weights", "w", 1): b"first", ("weights", "w", 2): b"second"})

    @states("A8")
    @needs(*_READ)
    def test_artifacts_stay_apart(self, bench: Bench) -> None:
        """Equal file names, and names of which one is the other's folder, meet nowhere."""
        run = bench.begin()
        given = {
            ("a", "x.txt"): b"1",
            ("b", "x.txt"): b"2",
            ("a/b", "x.txt"): b"3",
            ("c", "c"): b"4",
            ("c/d", "d"): b"5",
        }
        for (name, path), content in given.items():
            run.artifact(name, {path: content})
        same("the contents", run.contents(), {(name, path, 1): data for (name, path), data in given.items()})

    @states("A9")
    @needs("log_artifact", "list_artifacts")
    def test_the_listing_tells_what_a_file_is(self, bench: Bench) -> None:
        """Which artifact, which file, which type, which version."""
        run = bench.begin()
        run.artifact("net", {"layers/one.bin": b"1", "two.bin": b"2"}, type="model")
        run.artifact("digits.csv", {"digits.csv": b"3"}, type="dataset")
        told = {(file.artifact, file.file, file.type, file.version) for file in bench.read.files(run.ref)}
        wanted = {
            ("net", "layers/one.bin", "model", 1),
            ("net", "two.bin", "model", 1),
            ("digits.csv", "digits.csv", "dataset", 1),
        }
        expect(told == wanted, f"told are {sorted(map(str, told))}")

    @states("A10")
    @needs("log_artifact", "list_artifacts")
    def test_listed_paths_are_unique(self, bench: Bench) -> None:
        """A path names one file."""
        run = bench.begin()
        run.artifact("a", {"a": b"1"})
        run.artifact("a", {"a": b"2", "b": b"3"}, version=2)
        run.artifact("a/b", {"b": b"4"})
        run.artifact("b", {"a/b": b"5", "b": b"6"})
        paths = [file.path for file in bench.read.files(run.ref)]
        same("how many paths there are", (len(paths), len(set(paths))), (6, 6))

    @states("A11")
    @needs(*_READ)
    def test_a_download_of_nothing_leaves_nothing(self, bench: Bench) -> None:
        """A path that is not listed is an error, not an empty file."""
        run = bench.begin()
        run.artifact("a", {"a": b"1"})
        target = bench.folder / "nothing"
        try:
            bench.read.download(run.ref, "no such file", target)
        except Exception:  # noqa: BLE001 - which error is not promised
            expect(not target.exists(), "a download that failed left a file")
        else:
            expect(condition=False, otherwise="a download of a path that is not listed raised nothing")

    @states("A12")
    @needs("log_artifact", "list_artifacts")
    def test_an_artifact_without_files(self, bench: Bench) -> None:
        """An empty folder is taken, and lists nothing."""
        run = bench.begin()
        run.artifact("empty folder", {})
        same("the listed files", [file.path for file in bench.read.files(run.ref)], [])

"""Lay out a store on disk: where each run's journal, artifacts and delivery records lie.

Below a store::

    runs/<project>/<run id>/journal/<writer>.seg
                            artifacts/<sha256>
                            delivery/<destination>.json, .lock, .holder.lock, .dead.jsonl
    runs/<project>/names/<name>     holds the run id that took the name
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from trackhub.errors import StoreError
from trackhub.model.ids import RUN_ID

_LONGEST_NAME = 200
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES, errno.EINVAL}
_FILLED_WITHIN_S = 0.5


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Name the places of one run."""

    path: Path

    @property
    def id(self) -> str:
        """Return the run's id."""
        return self.path.name

    @property
    def project(self) -> str:
        """Return the run's project."""
        return unquote(self.path.parent.name)

    @property
    def journal(self) -> Path:
        """Return where the segments lie."""
        return self.path / "journal"

    @property
    def artifacts(self) -> Path:
        """Return where artifacts lie under their digests."""
        return self.path / "artifacts"

    @property
    def delivery(self) -> Path:
        """Return where each destination's cursor lies."""
        return self.path / "delivery"

    def segments(self) -> list[Path]:
        """Return the segments there are, oldest first."""
        return sorted(self.journal.glob("*.seg"))

    @property
    def begun(self) -> bool:
        """Return whether there is a segment: who was killed before its first write has left only folders."""
        try:
            with os.scandir(self.journal) as found:
                return any(entry.name.endswith(".seg") for entry in found)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def create(self) -> None:
        """Make the folders; a new store keeps itself out of git.

        :raises StoreError: the file system does not let us.
        """
        root = self.path.parents[2]
        try:
            if not root.exists():
                root.mkdir(parents=True, exist_ok=True)
                (root / ".gitignore").write_text("# what trackhub keeps here is no source code\n*\n", encoding="ascii")
            for folder in (self.journal, self.artifacts, self.delivery):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{self.path}: {error.strerror}; pass store=, set TRACKHUB_STORE to a folder that can be written, "
                "or mend this one"
            ) from error


@dataclass(frozen=True, slots=True)
class Store:
    """Find the runs of a store."""

    path: Path

    def run(self, project: str, run_id: str) -> RunFolder:
        """Return a run's folder, there or not."""
        return RunFolder(self.path / "runs" / file_name(project) / run_id)

    def runs(self, project: str | None = None) -> Iterator[RunFolder]:
        """Yield the runs of one project or of all, oldest first within each project."""
        root = self.path / "runs"
        folders = [root / file_name(project)] if project is not None else sorted(root.glob("*"))
        for folder in folders:
            for path in sorted(folder.glob("*")):
                if RUN_ID.fullmatch(path.name) and RunFolder(path).begun:
                    yield RunFolder(path)

    def find(self, run_id: str) -> RunFolder | None:
        """Return the run of an id in whatever project it is."""
        if RUN_ID.fullmatch(run_id):
            for path in (self.path / "runs").glob(f"*/{run_id}"):
                return RunFolder(path)
        return None

    def take_name(self, project: str, wanted: str, run_id: str) -> str:
        """Return the wanted name, with a number behind it if another run has it already.

        :raises StoreError: the file system does not let us.
        """
        names = self.path / "runs" / file_name(project) / "names"
        number = 1
        try:
            names.mkdir(parents=True, exist_ok=True)
            while True:
                name = wanted if number == 1 else f"{wanted}-{number}"
                place = names / file_name(name)
                # Where another rank took it for the same run, it is this run's.
                if (not place.exists() and _take(place, run_id)) or _holder(place) == run_id:
                    return name
                number += 1
        except OSError as error:
            raise StoreError(
                f"{names}: {error.strerror}; pass store=, set TRACKHUB_STORE to a folder that can be written, "
                "or mend this one"
            ) from error

    def named(self, name: str) -> list[RunFolder]:
        """Return the runs of a name, one a project at the most."""
        found = []
        for place in (self.path / "runs").glob("*/names"):
            try:
                run_id = (place / file_name(name)).read_text(encoding="ascii")
            except OSError:
                continue
            if RUN_ID.fullmatch(run_id):
                found.append(RunFolder(place.parent / run_id))
        return found


def _take(place: Path, run_id: str) -> bool:
    """Return whether a name's file could be made, which nobody ever sees without the run's id in it."""
    part = place.with_name(f".{os.urandom(8).hex()}.part")
    try:
        part.write_text(run_id, encoding="ascii")
        os.link(part, place)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
    else:
        return True
    finally:
        part.unlink(missing_ok=True)
    try:
        with place.open("x", encoding="ascii") as file:
            file.write(run_id)
    except FileExistsError:
        return False
    return True


def _holder(place: Path) -> str:
    """Return which run has a name; where there are no links, its file may have been made a moment ago."""
    deadline = time.monotonic() + _FILLED_WITHIN_S
    while not (run_id := place.read_text(encoding="ascii", errors="replace")) and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    return run_id


def file_name(text: str) -> str:
    """Return a file name for any text, readable where it can be.

    >>> file_name("my project/v1"), file_name("..")
    ('my project%2Fv1', '%2E%2E')
    """
    quoted = quote(text, safe=" ()[]{}+=,@!~^&$#';", errors="backslashreplace")
    if set(quoted) == {"."} or quoted == "names":
        quoted = quoted.replace(".", "%2E").replace("n", "%6E", 1)
    if len(quoted) > _LONGEST_NAME:
        import hashlib  # noqa: PLC0415 - OpenSSL comes with it, which few trainings need of us

        quoted = f"{quoted[:150]}-{hashlib.sha256(text.encode(errors='backslashreplace')).hexdigest()[:16]}"
    return quoted

"""Copy users' files and texts into the run's folder under their SHA-256; the same content lies there once."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from trackhub.errors import StoreError
from trackhub.model.events import FileEntry
from trackhub.model.values import require_text
from trackhub.types import Durability

try:
    from fcntl import ioctl
except ImportError:  # Windows has no reflinks that a plain call could ask for
    ioctl = None  # type: ignore[assignment]

_FICLONE = 0x40049409
_CHUNK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


class ArtifactStore:
    """Keep bytes under their digest.

    A digest is always of what was stored, even when the source changes meanwhile. Bytes that were
    stored before a failure stay: they are whole, and the next attempt finds them there.

    :param folder: the run's ``artifacts`` folder, made when it is first needed.
    """

    def __init__(self, folder: Path, durability: Durability = "process") -> None:
        self._folder = folder
        # A whole store that lies in what is kept would hold itself, again with each run.
        self._own = [folder, *(above.parent for above in folder.parents[2:3] if above.name == "runs")]
        self._durable = durability == "disk"

    def keep(self, path: Path) -> tuple[FileEntry, ...]:
        """Store a file, or every file below a folder, sorted by path.

        Links are followed, but not into a folder that they lie in. A folder without files has no
        entry, so an empty one gives an empty tuple. The store that this lies in is left out.

        :raises FileNotFoundError: nothing is there, or a link leads nowhere; nothing was written.
        :raises ValueError: it is a pipe, a socket or a device, or a name is no UTF-8; nothing was written.
        :raises OSError: the source cannot be read.
        :raises StoreError: the file system took no more.
        """
        # All is looked at before anything is written.
        files = sorted(self._files(path))
        return tuple(self._store(name, source) for name, source in files)

    def keep_bytes(self, data: bytes, name: str) -> FileEntry:
        """Store bytes that are at hand, such as a traceback.

        :raises StoreError: the file system took no more.
        """
        import hashlib  # noqa: PLC0415 - OpenSSL comes with it, which few trainings need of us

        def fill(target: BinaryIO) -> str:
            target.write(data)
            return hashlib.sha256(data).hexdigest()

        return self._fill(require_text(name, name), fill)

    def locate(self, sha256: str) -> Path:
        """Return where the bytes of a digest lie, or would.

        :raises ValueError: it is no SHA-256 in lower-case hex digits.
        """
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"{sha256!r} is no SHA-256: give 64 lower-case hex digits")
        return self._folder / sha256

    def _files(self, path: Path) -> Iterator[tuple[str, Path]]:
        found = _look(path)
        if stat.S_ISREG(found.st_mode):
            yield _text(path.name or path.resolve().name, path), path
        else:
            yield from self._below(path, "", (_identity(found),))

    def _below(self, folder: Path, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[tuple[str, Path]]:
        for place in folder.iterdir():
            found = _look(place)
            name = f"{prefix}{_text(place.name, place)}"
            if stat.S_ISREG(found.st_mode):
                yield name, place
            elif _identity(found) not in above and not self._is_own(found):
                yield from self._below(place, f"{name}/", (*above, _identity(found)))

    def _is_own(self, found: os.stat_result) -> bool:
        return any(own.exists() and os.path.samestat(found, own.stat()) for own in self._own)

    def _store(self, name: str, source: Path) -> FileEntry:
        with source.open("rb") as opened:
            return self._fill(name, lambda target: _copy(opened, target))

    def _fill(self, name: str, fill: Callable[[BinaryIO], str]) -> FileEntry:
        part = self._folder / f".{os.urandom(8).hex()}.part"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with part.open("xb") as target:
                sha256 = fill(target)
                target.flush()
                size = os.fstat(target.fileno()).st_size
                if self._durable:
                    os.fsync(target.fileno())
            self._settle(part, self._folder / sha256, size)
        except _SourceError as error:
            raise error.cause from None
        except OSError as error:
            raise StoreError(
                f"{self._folder}: {error.strerror}; nothing of {name!r} was kept. Free some space or mend the folder, "
                "then log it again; TRACKHUB_ON_ERROR=warn lets a training go on without"
            ) from error
        finally:
            with contextlib.suppress(OSError):
                part.unlink()
        return FileEntry(path=name, sha256=sha256, size=size)

    def _settle(self, part: Path, place: Path, size: int) -> None:
        # Power loss can leave a file shorter than it was: such a one is replaced.
        if not (place.exists() and place.stat().st_size == size):
            part.replace(place)
        if self._durable:
            _sync_folder(self._folder)


class _SourceError(Exception):
    """Carry a failure to read the source past those of the store."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _look(path: Path) -> os.stat_result:
    """Return what a path leads to: a file or a folder."""
    try:
        found = path.stat()
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            what = "a link that leads nowhere" if path.is_symlink() else "no such file or folder"
            raise FileNotFoundError(errno.ENOENT, f"artifact: {what}; nothing was kept", str(path)) from error
        raise
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        raise ValueError(f"artifact {str(path)!r}: a pipe, socket or device is no file; nothing was kept")
    return found


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _text(name: str, path: Path) -> str:
    return require_text(name, f"artifact {path}")


def _copy(source: BinaryIO, target: BinaryIO) -> str:
    """Copy a file's bytes and return the digest of those copied."""
    import hashlib  # noqa: PLC0415 - OpenSSL comes with it, which few trainings need of us

    if _cloned(source, target):
        with Path(target.name).open("rb") as stored:
            return hashlib.file_digest(stored, "sha256").hexdigest()
    digest = hashlib.sha256()
    while chunk := _read(source):
        digest.update(chunk)
        target.write(chunk)
    return digest.hexdigest()


def _read(source: BinaryIO) -> bytes:
    try:
        return source.read(_CHUNK)
    except OSError as error:
        raise _SourceError(error) from error


def _cloned(source: BinaryIO, target: BinaryIO) -> bool:
    """Share the source's blocks, where the file system can."""
    if ioctl is None:
        return False
    try:
        ioctl(target.fileno(), _FICLONE, source.fileno())
    except OSError:  # another file system, or one without reflinks
        return False
    return True


def _sync_folder(folder: Path) -> None:
    # A rename is on the disk only when its folder is; Windows cannot open a folder.
    if os.name == "nt":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

"""Choose where an artifact's files lie: under their own names, wherever those are free on every file system."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from pathlib import PurePosixPath

from trackhub_local.names import component, same_place


class Taken:
    """Know which places under ``artifacts/`` are taken, as files and as folders."""

    def __init__(self, places: Iterable[str] = ()) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()
        for place in places:
            self.add(place)

    def add(self, place: str) -> None:
        """Take a place."""
        *folders, file = _parts(same_place(place))
        self._files.add(file)
        self._folders |= set(folders)

    def has(self, place: str) -> bool:
        """Return whether a file cannot lie there: a file or a folder does, or a file stands where a folder must."""
        file = same_place(place)
        return file in self._files or file in self._folders or self.blocks(place)

    def blocks(self, place: str) -> bool:
        """Return whether a file stands where one of the place's folders must."""
        return any(folder in self._files for folder in _parts(same_place(place))[:-1])


def places(name: str, files: list[str], version: int, taken: Taken) -> list[str]:
    """Return where the files of an artifact lie, each a path under ``artifacts/``.

    A file that is called as its artifact lies there itself; others lie in a folder of the artifact's name.

    >>> places("plots/cm.png", ["cm.png"], 1, Taken()), places("cm.png", ["cm.png"], 2, Taken(["cm.png"]))
    (['plots/cm.png'], ['cm@v2.png'])
    >>> places("net", ["a.bin", "b/A.bin", "A.bin"], 1, Taken())
    ['net/a.bin', 'net/b/A.bin', 'net/A~2.bin']
    >>> places("net/x", ["y"], 1, Taken(["net"]))
    ['net~2/x/y']
    """
    if len(files) == 1 and name.rpartition("/")[2] == files[0] and files[0]:
        return [_free(_file(name), version, taken)]
    folder = "/".join(component(part) for part in name.split("/"))
    if version > 1:
        folder = f"{folder}@v{version}"
    for number in count(1):
        root = folder if number == 1 else _numbered_root(folder, number)
        if not any(taken.has(f"{root}/{_file(path)}") for path in files):
            break
    own = Taken()
    found = []
    for path in files:
        place = _free(f"{root}/{_file(path)}", 1, own)
        own.add(place)
        found.append(place)
    return found


def _free(place: str, version: int, taken: Taken) -> str:
    path = PurePosixPath(place)
    if version > 1:
        path = path.with_name(f"{path.stem}@v{version}{path.suffix}")
    plain = candidate = str(path)
    for number in count(2):
        if not taken.has(candidate):
            break
        if taken.blocks(plain):
            candidate = _numbered_root(plain, number)
        else:
            candidate = str(path.with_name(f"{path.stem}~{number}{path.suffix}"))
    return candidate


def _numbered_root(place: str, number: int) -> str:
    first, slash, rest = place.partition("/")
    return f"{first}~{number}{slash}{rest}"


def _file(path: str) -> str:
    return "/".join(component(part) for part in path.split("/"))


def _parts(place: str) -> list[str]:
    """Return a place's folders, the outermost first, and the place itself."""
    parts = place.split("/")
    return ["/".join(parts[:number]) for number in range(1, len(parts) + 1)]

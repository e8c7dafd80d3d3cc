"""Find entry points in the metadata that installers leave on the path; imports no plugin.

``importlib.metadata`` does the same for every way to install, and brings parsers of mail, zip and CSV into
a training process, as much as trackhub itself. So folders are read here; who misses something there asks
:func:`everywhere`.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_METADATA = re.compile(r"([^-]+)(-.*)?\.(dist|egg)-info")


class EntryPoint(Protocol):
    """Name something that a distribution offers; those of ``importlib.metadata`` do, too."""

    @property
    def name(self) -> str:
        """Return its name."""

    @property
    def value(self) -> str:
        """Return where it is: a module, or ``module:name``."""

    @property
    def dist(self) -> Distribution | None:
        """Return the distribution, if it is one's."""

    def load(self) -> Any:
        """Import it."""


class FolderEntryPoint(NamedTuple):
    """Be an entry point of the distribution whose metadata is in a folder."""

    name: str
    value: str
    folder: Path

    @property
    def dist(self) -> Distribution:
        """Return the distribution."""
        from importlib.metadata import Distribution  # noqa: PLC0415 - for a message or a listing

        return Distribution.at(self.folder)

    def load(self) -> Any:
        """Import it."""
        return imported(self.value)


def in_folders(path: Sequence[str], group: str) -> Iterator[FolderEntryPoint]:
    """Yield a group's entry points in a path's folders; of a name's distributions the first counts, as in imports."""
    seen: set[str] = set()
    for place in path:
        try:
            folders = list(Path(place).absolute().iterdir())
        except OSError:  # a zip file, or nothing at all
            continue
        for folder in folders:
            match = _METADATA.fullmatch(folder.name)
            if match is None or (name := re.sub(r"[-_.]+", "-", match[1]).lower()) in seen:
                continue
            seen.add(name)
            try:
                lines = (folder / "entry_points.txt").read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeError):  # most offer nothing
                continue
            for point, value in _pairs(lines, group):
                yield FolderEntryPoint(point, value, folder)


def everywhere(group: str) -> Sequence[EntryPoint]:
    """Return a group's entry points, however they are installed: in a zip file, by an importer of its own."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - see above

    return tuple(entry_points(group=group))


def imported(value: str) -> Any:
    """Return what ``module`` or ``module:name`` stands for.

    >>> imported("os.path:join").__name__
    'join'
    """
    module, _, names = value.partition("[")[0].partition(":")
    start: Any = importlib.import_module(module.strip())
    return reduce(getattr, filter(None, names.strip().split(".")), start)


def _pairs(lines: Iterable[str], group: str) -> Iterator[tuple[str, str]]:
    inside = False
    for line in map(str.strip, lines):
        if line.startswith("["):
            inside = line == f"[{group}]"
        elif inside and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield name.strip(), value.strip()

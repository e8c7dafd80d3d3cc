"""Find the files that a 1.x run named or holds, from its operations to files that can be copied."""

from __future__ import annotations

import base64
import glob
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from trackhub_neptune.history.folder import Operation, operation_at
from trackhub_neptune.history.part import KeptFile, Part

_SLACK = 1_000_000_000  # file systems keep times coarsely


def copier(source: Path) -> Callable[[Path], None]:
    """Return what copies a file of this machine."""

    def copy(target: Path) -> None:
        shutil.copyfile(source, target)

    return copy


def named(attribute: str, extension: str) -> str:
    """Return the artifact's name of one file: its attribute, with the file's extension.

    >>> named("model/weights", "pt"), named("data/table.csv", "csv"), named("notes", "")
    ('model/weights.pt', 'data/table.csv', 'notes')
    """
    extension = extension.lstrip(".")
    return f"{attribute}.{extension}" if extension and not attribute.endswith(f".{extension}") else attribute


def one_file(part: Part, attribute: str, source: Path, extension: str, since: int | None) -> Iterator[KeptFile]:
    """Yield the file that was uploaded from a path, if it is still there; a note says if not."""
    if not source.is_absolute() or not source.is_file():
        part.note("file gone", attribute, f"only a reference to {source} was kept, and there is no such file any more")
        return
    stat = source.stat()
    _note_change(part, attribute, source, stat.st_mtime_ns, since)
    artifact = named(attribute, extension)
    yield KeptFile(artifact, Path(artifact).name, copier(source), stat.st_size, stat.st_mtime_ns)


def content(operation: Operation, attribute: str) -> KeptFile:
    """Return the file whose bytes are in the log itself."""
    artifact = named(attribute, str(operation.body.get("ext") or ""))
    coded = str(operation.body.get("file_content") or "")
    place = (operation.file, operation.offset)

    def write(target: Path) -> None:
        target.write_bytes(base64.b64decode(operation_at(*place)["file_content"]))

    return KeptFile(artifact, Path(artifact).name, write, decoded_size(coded), operation.time)


def decoded_size(coded: str) -> int:
    """Return how many bytes a text in base 64 stands for.

    >>> decoded_size("YWI="), decoded_size("")
    (2, 0)
    """
    return len(coded) * 3 // 4 - coded[-2:].count("=")


def file_set(part: Part, attribute: str, patterns: list[tuple[str, int | None]], gone: set[str]) -> Iterator[KeptFile]:
    """Yield the files that the patterns of a set match today.

    :param patterns: each with the time at which it was logged.
    :param gone: the paths that were deleted from the set.
    """
    found: dict[str, int | None] = {}
    for pattern, since in patterns:
        # The client made every pattern absolute; another would match whatever lies where we happen to run.
        matched = glob.glob(pattern, recursive=True) if Path(pattern).is_absolute() else []  # noqa: PTH207
        matches = sorted(path for match in matched for path in _walk(match))
        if not matches:
            part.note("file gone", attribute, f"only the pattern {pattern} was kept, and it matches no file any more")
        found.update((path, since) for path in matches)
    if not found:
        return
    root = os.path.dirname(next(iter(found))) if len(found) == 1 else os.path.commonpath(list(found))  # noqa: PTH120
    for path, since in sorted(found.items()):
        place = Path(path).relative_to(root).as_posix()
        if any(place == name or place.startswith(f"{name.rstrip('/')}/") for name in gone):
            continue
        stat = Path(path).stat()
        _note_change(part, attribute, Path(path), stat.st_mtime_ns, since)
        yield KeptFile(attribute, place, copier(Path(path)), stat.st_size, stat.st_mtime_ns)


def image(operation: Operation, attribute: str, place: int, value: dict[str, Any], file: str) -> KeptFile:
    """Return one image of a series, whose bytes are in the log itself."""

    def write(target: Path) -> None:
        logged = operation_at(operation.file, operation.offset)["values"][place]["value"]
        target.write_bytes(base64.b64decode(logged["data"] if isinstance(logged, dict) else logged))

    return KeptFile(attribute, file, write, decoded_size(value["data"]), operation.time, "image")


def suffix_of(coded: str) -> str:
    """Return the suffix of an image by its first bytes.

    >>> suffix_of("iVBORw0KGgo="), suffix_of("/9j/4AAQ"), suffix_of("YWJj")
    ('.png', '.jpg', '.bin')
    """
    starts = {"iVBORw0KGgo": ".png", "/9j/": ".jpg", "R0lGOD": ".gif", "UklGR": ".webp", "Qk": ".bmp"}
    return next((suffix for start, suffix in starts.items() if coded.startswith(start)), ".bin")


def _note_change(part: Part, attribute: str, source: Path, changed: int, since: int | None) -> None:
    if since is not None and changed > since + _SLACK:
        part.note("changed since", attribute, f"{source} was changed after it was logged; it is taken as it is now")


def _walk(match: str) -> Iterator[str]:
    if os.path.isfile(match):  # noqa: PTH113
        yield os.path.abspath(match)  # noqa: PTH100
    for root, _, names in os.walk(match):
        yield from (os.path.abspath(os.path.join(root, name)) for name in names)  # noqa: PTH100, PTH118

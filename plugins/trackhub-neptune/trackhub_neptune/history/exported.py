"""Find the files that an export names, among the folders that they may have been written to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from trackhub_neptune.history.part import KeptFile, Part
from trackhub_neptune.history.uploads import copier, named

SCOPES = {"models": "model", "model_versions": "model_version"}
"""The folders of the model registry, and what lies in them."""


class Shelves:
    """Know where the files of each project may lie: beside the data, or where the user says."""

    def __init__(self, told: Path | None, folders: dict[str, list[Path]]) -> None:
        """Take the user's folder, and every folder that was come across, by its name."""
        self._told = told
        self._folders = folders

    def of(self, data: Path) -> list[Path]:
        """Return the folders in which the files of an export's data may lie, the likeliest first.

        The exporter is given two folders, by default ``exports/data`` and ``exports/files``, and makes a folder of
        the same name for each project in both. Files of the model registry are told as lying below that, too.
        """
        project = data.parent if data.name in SCOPES else data
        base = project.parent.parent
        model = "model_files" if data.name in SCOPES else "files"
        told = [self._told, self._told / project.name] if self._told else []
        beside = [base / name / project.name for name in dict.fromkeys((model, "files", "model_files"))]
        found = [folder for folder in self._folders.get(project.name, []) if folder != project]
        return [folder for folder in dict.fromkeys([*told, *beside, *found, project]) if folder.is_dir()]


def keep(part: Part, attribute: str, kind: str, path: str, *, shelves: Iterable[Path], step: float | None) -> None:
    """Add a file, or the files of a set, to a part; a note says which are not there."""
    place = _find(path, shelves)
    if place is None:
        part.note(
            "file gone",
            attribute,
            f"the export names {path}, and nothing is there: say where files are by ?files=FOLDER",
        )
        return
    if kind == "file_series":
        name = f"{len(part.files):06d}" if step is None else f"{step}"
        part.files.append(_kept(attribute, name + place.suffix, place))
    elif kind == "file_set" or place.is_dir():
        part.files += [_kept(attribute, file.relative_to(place).as_posix(), file) for file in _walk(place)]
    elif kind == "artifact":
        part.note("reference", attribute, "only the list of its files was exported; Neptune never held their bytes")
        part.files.append(_kept(attribute, place.name, place))
    else:
        artifact = named(attribute, place.suffix)
        part.files.append(_kept(artifact, Path(artifact).name, place))


def _kept(artifact: str, file: str, place: Path) -> KeptFile:
    stat = place.stat()
    return KeptFile(artifact, file, copier(place), stat.st_size)


def _find(path: str, shelves: Iterable[Path]) -> Path | None:
    for shelf in shelves:
        place = shelf / path
        # The export's word must not lead out of its folder.
        if place.exists() and place.resolve().is_relative_to(shelf.resolve()):
            return place
    return None


def _walk(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*") if path.is_file())

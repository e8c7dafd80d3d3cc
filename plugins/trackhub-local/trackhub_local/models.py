"""Keep what a run registered in ``models.json``: versions of models, and every move of an alias to them.

Each run has its own file, so that no two writers meet; where an alias stands follows from the moves of all runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trackhub.errors import Rejected
from trackhub.model.entities import AliasMove, ModelAlias, ModelRecord, ModelVersion
from trackhub_local.document import Document, understood
from trackhub_local.times import told

_Place = tuple[str, str, int]


class Models:
    """Read and write one run's registrations."""

    def __init__(self, folder: Path) -> None:
        self._document = Document(folder / "models.json", "models")

    def register(self, version: ModelVersion) -> None:
        """Add a version, unless it is there."""
        entries = self._read()
        if _place(version) not in entries:
            head = {"model": version.model, "artifact": version.artifact, "version": version.version}
            self._write([*entries.values(), {**head, **told("registered", version.time), "moves": []}])

    def move(self, alias: ModelAlias) -> None:
        """Add a move of an alias to a version, unless it is there.

        :raises Rejected: no such version was registered.
        """
        entries = self._read()
        entry = entries.get(_place(alias))
        if entry is None:
            raise Rejected(
                f"{self._document.path}: {alias.artifact!r}, version {alias.version}, is no version of model "
                f"{alias.model!r} here: register it first"
            )
        moves = _moves(entry)
        if AliasMove(alias.alias, alias.time) not in moves:
            entry["moves"] = [*entry["moves"], {"alias": alias.alias, **told("time", alias.time)}]
            self._write(list(entries.values()))

    def records(self, run_id: str) -> list[ModelRecord]:
        """Return what was registered, without where the aliases stand: other runs say that too.

        :raises Damaged: the file is not as it was written.
        """
        entries = self._read()
        with understood(self._document.path):
            return [
                ModelRecord(
                    model=model,
                    run_id=run_id,
                    artifact=artifact,
                    version=version,
                    time=entry["registered_ns"],
                    moves=tuple(_moves(entry)),
                )
                for (model, artifact, version), entry in entries.items()
            ]

    def _read(self) -> dict[_Place, dict[str, Any]]:
        said = self._document.read()
        if said is None:
            return {}
        with understood(self._document.path):
            return {(one["model"], one["artifact"], one["version"]): dict(one) for one in said["models"]}

    def _write(self, entries: list[dict[str, Any]]) -> None:
        self._document.write({"models": entries})


def _place(version: ModelVersion | ModelAlias) -> _Place:
    return version.model, version.artifact, version.version


def _moves(entry: dict[str, Any]) -> list[AliasMove]:
    return [AliasMove(move["alias"], move["time_ns"]) for move in entry["moves"]]

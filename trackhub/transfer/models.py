"""Bring what a source's runs registered into their journals: only what these lack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from trackhub.model.entities import AliasMove, ModelRecord, Note
from trackhub.model.events import FileEntry, ModelAliasSet, ModelRegistered
from trackhub.query.summary import RunDetail

_MS = 1_000_000
_Place = tuple[str, str, int]


class Registering:
    """Find which events a journal lacks of what a source says was registered.

    :param detail: what the journal says, the run's files being brought.
    :ivar notes: versions of which the journal has no bytes.
    """

    def __init__(self, detail: RunDetail) -> None:
        self.notes: list[Note] = []
        self._contents: Mapping[tuple[str, int], tuple[FileEntry, ...]] = {
            (artifact.name, artifact.version): artifact.files for artifact in detail.artifacts
        }
        self._held: dict[_Place, ModelRecord] = {_place(record): record for record in detail.summary.models}

    def events(self, records: Iterable[ModelRecord], otherwise: int) -> Iterator[ModelRegistered | ModelAliasSet]:
        """Yield what the journal lacks, in order of time.

        :param otherwise: the time of what the source gives none for.
        """
        found: list[ModelRegistered | ModelAliasSet] = []
        for record in records:
            files = self._contents.get((record.artifact, record.version))
            if files is None:
                why = f"version {record.number or record.version} is of {record.artifact!r}, which is no artifact here"
                self.notes.append(Note(kind="unmatched model", subject=record.model, detail=why))
                continue
            held = self._held.get(_place(record))
            time = otherwise if record.time is None else record.time
            if held is None:
                found.append(ModelRegistered(time=time, model=record.model, artifact=record.artifact, files=files))
            known = {(move.alias, move.time // _MS) for move in held.moves} if held else set()
            found += [
                ModelAliasSet(
                    time=move.time, model=record.model, alias=move.alias, artifact=record.artifact, files=files
                )
                for move in _moves(record, time)
                if (move.alias, move.time // _MS) not in known
            ]
        yield from sorted(found, key=lambda event: event.time)


def _moves(record: ModelRecord, time: int) -> list[AliasMove]:
    """Return a version's moves; an alias that stands there and nobody says since when, does so from the beginning."""
    told = {move.alias for move in record.moves}
    return [*record.moves, *(AliasMove(alias, time) for alias in record.aliases if alias not in told)]


def _place(record: ModelRecord) -> _Place:
    return record.model, record.artifact, record.version

"""Find runs in a store, and list them as filters and orders want; reads the index and the journals."""

from __future__ import annotations

import os
from pathlib import Path

from trackhub.errors import RunNotFound
from trackhub.journal.artifacts import ArtifactStore
from trackhub.journal.store import RunFolder, Store
from trackhub.model.entities import StoredFile
from trackhub.query.index import RunIndex
from trackhub.query.order import Order
from trackhub.query.series import Series
from trackhub.query.summary import CRASHED_AFTER_S, RunSummary, read_detail
from trackhub.query.view import RunView, near
from trackhub.query.where import Where

_MOST_SHOWN = 5


def runs(
    source: str | os.PathLike[str] | None = None,
    *,
    project: str | None = None,
    where: str | None = None,
    order_by: str | None = None,
    limit: int | None = None,
    silence_s: float = CRASHED_AFTER_S,
) -> list[RunView]:
    """Return a store's runs, newest first unless ordered otherwise.

    :param source: the store's folder; the one that settings name if left out.
    :param where: such as ``metrics.acc > 0.9 and params.depth = 4``.
    :param order_by: such as ``metrics.acc desc, started``; runs without the value come last.
    :param limit: how many to return at most.
    :param silence_s: how long a run of another machine may write nothing before it counts as crashed.
    :raises QueryError: the filter or the order cannot be read; the message shows where.
    """
    store = Store(Path(source) if source is not None else _default_store())
    chosen = select(RunIndex(store, silence_s=silence_s).summaries(project), where=where, order_by=order_by)
    return [RunView(summary, StoreOrigin(store, summary)) for summary in chosen[:limit]]


def select(summaries: list[RunSummary], *, where: str | None, order_by: str | None) -> list[RunSummary]:
    """Return the runs that match, in order.

    :raises QueryError: the filter or the order cannot be read.
    """
    order = Order.parse(order_by) if order_by else None  # before the runs are looked at: a mistake shows at once
    if where:
        test = Where.parse(where)
        summaries = [summary for summary in summaries if test.matches(summary)]
    return order.sort(summaries) if order else summaries


def find(store: Store, text: str) -> RunFolder:
    """Return the run of an id, a name, ``project/name``, or the beginning of an id that no other shares.

    :raises RunNotFound: there is none, or there are several; the message names near matches.
    """
    if not store.path.is_dir():
        raise RunNotFound(f"no run {text!r}: there is no store at {store.path}; pass --store or set TRACKHUB_STORE")
    exact = store.find(text)
    found = [exact] if exact else store.named(text)
    if not found and "/" in text:
        project, _, name = text.partition("/")
        found = [folder for folder in store.named(name) if folder.project == project]
    found = found or [folder for folder in store.runs() if text and folder.id.startswith(text)]
    if len(found) == 1:
        return found[0]
    if found:
        shown = [f"{folder.id} in {folder.project}" for folder in found[:_MOST_SHOWN]]
        more = ", …" if len(found) > _MOST_SHOWN else ""
        raise RunNotFound(f"{text!r} may be any of {len(found)} runs: {', '.join(shown)}{more}; give a whole id")
    known = [name for run in RunIndex(store).summaries() for name in (run.name, run.id)]
    raise RunNotFound(f"no run {text!r} in {store.path}{near(text, known) or '; `trackhub ls` lists them'}")


class StoreOrigin:
    """Read what a summary does not hold from the run's folder."""

    def __init__(self, store: Store, summary: RunSummary) -> None:
        self._store = store
        self._summary = summary

    @property
    def folder(self) -> RunFolder:
        """Return the run's folder."""
        folder = self._store.run(self._summary.project, self._summary.id)
        return folder if folder.journal.is_dir() else self._store.find(self._summary.id) or folder

    def series(self, name: str) -> Series:
        """Return every point of a metric."""
        from trackhub.journal.columns import read_columns  # noqa: PLC0415 - needs NumPy, which lists do not

        return Series(name, *read_columns(self.folder, [name])[name])

    def files(self) -> tuple[StoredFile, ...]:
        """Return the files of each artifact's newest version."""
        newest = {artifact.name: artifact for artifact in read_detail(self.folder).artifacts}
        return tuple(
            StoredFile(path=f"{artifact.name}/{file.path}", size=file.size, sha256=file.sha256)
            for artifact in newest.values()
            for file in artifact.files
        )

    def fetch(self, file: StoredFile) -> Path:
        """Return where an artifact file's bytes lie."""
        return ArtifactStore(self.folder.artifacts).locate(str(file.sha256))


def _default_store() -> Path:
    from trackhub.settings import resolve  # noqa: PLC0415 - most callers have resolved them already

    return resolve().store

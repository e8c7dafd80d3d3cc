"""Move runs by hand: from wherever a plugin reads them into a store, and from a store into a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from trackhub import hub
from trackhub.backend import Destination
from trackhub.delivery.record import forget
from trackhub.delivery.report import DeliveryReport, DestinationReport
from trackhub.delivery.syncing import parents_of
from trackhub.errors import SettingsError
from trackhub.journal.store import RunFolder, Store
from trackhub.model.entities import Note
from trackhub.query.runs import find
from trackhub.redact import Redactor
from trackhub.run import Run
from trackhub.settings import Settings, resolve
from trackhub.transfer.advice import advice_on_file, others_at, store_in
from trackhub.transfer.importing import Progress
from trackhub.transfer.importing import import_runs as bring
from trackhub.transfer.report import ImportReport
from trackhub.transfer.stores import merge_store

_URL = re.compile(r"[a-z][a-z0-9-]+(\+[a-z0-9+-]+)?:.*", re.DOTALL)


def import_runs(
    source: str | os.PathLike[str],
    *,
    project: str | None = None,
    into: str | None = None,
    store: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Bring every run of a source into a store; only what is not there yet, so that it may be done again.

    :param source: a destination's URL or name, such as ``neptune:exports/``; or a folder that
        :func:`export_runs` wrote; or another store.
    :param project: which project of the source; of runs that belong to none, the one they get.
    :param into: the project they get here, whatever they had; a run that is here already stays where it is.
    :param progress: told how many runs are done, of how many, and the next one's name.
    :raises PluginError: no plugin reads such a source.
    :raises SettingsError: the source is none, or a project is needed.
    :raises StoreError: the store cannot be written.
    """
    settings = resolve(store=store)
    text, own = os.fspath(source), Store(settings.store.absolute())
    is_path = text not in settings.destinations and Path(text).exists()
    other = Store(Path(text).absolute())
    if is_path and next(other.runs(), None) is not None:
        if into is not None:
            raise SettingsError(
                f"{text}: runs of a store keep their project, which their journals name; leave out --into"
            )
        return merge_store(other, own, hub.new_import_header, project=project, progress=progress)
    if is_path and not Path(text).is_dir():
        raise SettingsError(f"{text}: {advice_on_file(Path(text))}")
    calls = hub.open_backend(_source(text, settings), settings)
    try:
        report = bring(
            calls,
            own,
            hub.new_import_header,
            project=project,
            into=into,
            redactor=Redactor(settings.redact, settings.redact_allow),
            progress=progress,
        )
    finally:
        calls.close()
    return _advised(report, Path(text), own.path) if is_path else report


def _advised(report: ImportReport, path: Path, own: Path) -> ImportReport:
    """Return a report on a folder that says what else lies there.

    :raises SettingsError: nothing of what was looked for is there, but something else.
    """
    if not report.runs and not report.notes and (others := others_at(path, own)):
        raise SettingsError(f"{path}: no run lies there that `trackhub export` wrote; import {' or '.join(others)}")
    if report.runs and (store := store_in(path, own)):
        note = Note(kind="another source", subject=str(store), detail="a store lies there, too; import it by itself")
        return msgspec.structs.replace(report, notes=(*report.notes, note))
    return report


def export_runs(
    runs: Run | RunFolder | str | Sequence[Run | RunFolder | str] | None,
    folder: str | os.PathLike[str],
    *,
    store: str | os.PathLike[str] | None = None,
    progress: Callable[[RunFolder, DestinationReport], None] | None = None,
) -> DeliveryReport:
    """Write runs as plain files into a folder, which :func:`import_runs` reads on any machine.

    :param runs: runs, ids, id prefixes or names; None for every run of the store. Parents come along.
    :raises PluginMissing: trackhub-local is not installed.
    :raises RunNotFound: no run is named so.
    """
    settings = resolve(store=store)
    own = Store(settings.store.absolute())
    some = [runs] if isinstance(runs, Run | RunFolder | str) else runs
    chosen = list(own.runs()) if some is None else [_folder(own, run) for run in some]
    url = _local(Path(folder).absolute())
    everything = list(dict.fromkeys(one for run in chosen for one in (*parents_of(run), run)))
    destination = Destination.parse(url)
    for run in everything:  # the folder may be another one than the last time: it says itself what it has
        forget(run, destination)
    try:
        return hub.sync(everything, [url], settings=settings, progress=progress)
    finally:
        for run in everything:
            forget(run, destination)


def _folder(store: Store, run: Run | RunFolder | str) -> RunFolder:
    if isinstance(run, Run):
        return run.folder
    return run if isinstance(run, RunFolder) else find(store, run)


def _source(text: str, settings: Settings) -> str:
    if text in settings.destinations:
        return text
    if Path(text).is_dir():
        return _local(Path(text).absolute())
    if _URL.fullmatch(text):
        return text
    raise SettingsError(
        f"{text!r}: no such folder; give one that `trackhub export` wrote, or a URL such as neptune:PATH, "
        "tensorboard:PATH or mlflow+http://host:5000"
    )


def _local(path: Path) -> str:
    if "?" in str(path):
        raise SettingsError(f"{path}: a URL ends its path at '?'; rename the folder, or give another one")
    return f"local:{path}"

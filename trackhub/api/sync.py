"""Deliver runs by hand: find them in a store, and have the hub bring them to destinations."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from trackhub import hub
from trackhub.delivery.report import DeliveryReport
from trackhub.journal.store import RunFolder, Store
from trackhub.query.runs import find
from trackhub.run import Run
from trackhub.settings import resolve


def sync(
    run_or_store: Run | RunFolder | str | os.PathLike[str] | None = None,
    to: str | Sequence[str] | None = None,
    *,
    store: str | os.PathLike[str] | None = None,
    rejected: bool = False,
    again: bool = False,
    watch: bool = False,
    timeout_s: float | None = None,
) -> DeliveryReport:
    """Deliver a run, or every run of a store, now and in this process.

    :param run_or_store: a run, its id, id prefix or name; or a store's folder; or nothing for the
        configured store.
    :param to: destinations, as URLs or names from the settings.
    :param rejected: give again what was refused, too, now that its cause is mended.
    :param again: forget how far each run was delivered, and ask the destinations what they have: they may be new ones
        at an old address.
    :raises RunNotFound: no run is named so.
    :raises SettingsError: there is no destination, or one cannot be used.
    """
    settings = resolve(to=to, store=store)
    own = Store(settings.store.absolute())
    what: Sequence[RunFolder] | Store = own
    if isinstance(run_or_store, Run):
        what = [run_or_store.folder]
    elif isinstance(run_or_store, RunFolder):
        what = [run_or_store]
    elif run_or_store is not None and (Path(run_or_store) / "runs").is_dir():
        what = Store(Path(run_or_store).absolute())
    elif run_or_store is not None:
        what = [find(own, os.fspath(run_or_store))]
    return hub.sync(
        what, settings.to, settings=settings, rejected=rejected, again=again, watch=watch, timeout_s=timeout_s
    )

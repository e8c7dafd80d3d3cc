"""Read which models were registered, and move their aliases: in a store's journals, or read from a vendor."""

from __future__ import annotations

import os
import time
from pathlib import Path

from trackhub import hub
from trackhub.journal.store import Store
from trackhub.model.entities import ModelRecord
from trackhub.model.naming import require_name
from trackhub.query.models import move_to, stored_models, vendor_models
from trackhub.query.runs import find
from trackhub.run import Run
from trackhub.settings import resolve


def models(source: str | os.PathLike[str] | None = None, *, model: str | None = None) -> list[ModelRecord]:
    """Return the versions of models that runs registered, with the aliases that stand on each.

    :param source: a store's folder, the configured store unless said; or a destination's URL or name.
    :param model: only of this one.
    :raises PluginError: the destination's plugin reads no models.

    >>> import trackhub
    >>> with trackhub.start_run(project="docs", name="first") as run:
    ...     run.log_text("weights", name="weights.txt")
    ...     run.register_model("digits", artifact="weights.txt", aliases=["champion"])
    >>> [(found.model, found.artifact, found.aliases) for found in models()]
    [('digits', 'weights.txt', ('champion',))]
    """
    settings = resolve()
    text = None if source is None else os.fspath(source)
    if text is not None and (text in settings.destinations or (":" in text and not Path(text).exists())):
        calls = hub.open_backend(text, settings)
        try:
            return vendor_models(calls, model)
        finally:
            calls.close()
    return stored_models(Store((settings.store if text is None else Path(text)).absolute()), model)


def set_model_alias(model: str, alias: str, run: Run | str, *, store: str | os.PathLike[str] | None = None) -> None:
    """Move an alias of a model to the newest version that a run registered, ended or not.

    It is written to that run's journal; `trackhub sync` tells the destinations, unless the run is being delivered.

    :param run: a run, its id, the unique beginning of one, or its name.
    :raises ModelNotFound: the run has registered no version of the model.
    :raises RunNotFound: there is no such run.
    """
    alias = require_name("alias", alias)
    folder = run.folder if isinstance(run, Run) else find(Store(resolve(store=store).store.absolute()), run)
    hub.append_to(folder, move_to(folder, model, alias, time=time.time_ns()))

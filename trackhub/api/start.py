"""Start runs: resolve the settings, and have the hub do the rest."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from trackhub import hub
from trackhub.errors import StoreError
from trackhub.model.naming import tag_texts
from trackhub.model.outcome import ending_of
from trackhub.model.values import flatten
from trackhub.run import Run, current_run
from trackhub.settings import resolve
from trackhub.types import DeliveryMode, Durability, Mode, OnError, Resume

__all__ = ["current_run", "start_run"]


def start_run(
    *,
    project: str | None = None,
    name: str | None = None,
    to: str | Sequence[str] | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    parent: Run | str | None = None,
    group: str | None = None,
    id: str | None = None,  # noqa: A002
    resume: Resume | None = None,
    store: str | os.PathLike[str] | None = None,
    mode: Mode | None = None,
    durability: Durability | None = None,
    delivery: DeliveryMode | None = None,
    capture: bool | None = None,
    on_error: OnError | None = None,
) -> Run:
    """Start a run, or open one again; every argument is optional and may stand in the settings.

    :param to: destinations, as URLs or names from the settings; ``[]`` keeps the journal only.
    :param parent: the run this one belongs under, or its id.
    :param id: 32 lower-case hex digits; a new one unless said.
    :param resume: whether ``id`` may ("allow") or must be a run that is there already.
    :param store: the folder of the journals, ``.trackhub`` unless said.
    :param capture: describe code, packages, host and devices.
    :raises TypeError: what is given is of a kind that it cannot be; ValueError likewise. Nothing was written.
    :raises SettingsError: a setting or a destination cannot be used.
    :raises RunExists: the id is taken and ``resume`` is "never".
    :raises RunNotFound: ``resume`` is "must" and there is no such run.

    >>> with start_run(project="digits", name="forest", params={"model": {"depth": 4}}) as run:
    ...     run.log({"loss": 0.3, "acc": 0.9}, step=1)
    >>> run.status
    'finished'
    """
    # A mistake in what is given shows before there is a run.
    texts = tag_texts(tags or {})
    list(flatten(params or {}))
    settings = resolve(
        project=project,
        to=to,
        run_id=id,
        resume=resume,
        store=store,
        mode=mode,
        durability=durability,
        delivery=delivery,
        capture=capture,
        on_error=on_error,
    )
    try:
        run = hub.begin_run(
            settings,
            name=name,
            parent=parent.id if isinstance(parent, Run) else parent,
            group=group,
        )
        run.make_current()
        try:
            run.log_params(params or {})
            run.set_tags(texts)
        except BaseException as error:
            with contextlib.suppress(StoreError):  # what is wrong with the training comes out first
                run.end(*ending_of(error))
            raise
    except StoreError as error:
        if settings.on_error == "raise":
            raise
        warnings.warn(f"trackhub: {error} (nothing of this run is kept)", RuntimeWarning, stacklevel=2)
        nothing = replace(settings, mode="disabled")
        run = hub.begin_run(nothing, name=name, parent=None, group=None)
    return run

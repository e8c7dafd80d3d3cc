"""Read runs: from a store's journals, or from a vendor through its plugin."""

from __future__ import annotations

import os
from pathlib import Path

from trackhub import hub
from trackhub.query.runs import runs as stored_runs
from trackhub.query.vendor import vendor_runs
from trackhub.query.view import RunView
from trackhub.settings import resolve


def runs(
    source: str | os.PathLike[str] | None = None,
    *,
    project: str | None = None,
    where: str | None = None,
    order_by: str | None = None,
) -> list[RunView]:
    """Return runs of a store, or of a vendor by its URL; the same views from both.

    :param source: a store's folder, the configured store unless said; or a destination's URL or name.
    :param project: only of this one; every project, where neither this nor a setting names one.
    :param where: a filter such as ``metrics.acc > 0.9 and params.depth = 4``.
    :param order_by: such as ``metrics.acc desc``.
    """
    settings = resolve(project=project)
    text = None if source is None else os.fspath(source)
    if text is not None and (text in settings.destinations or (":" in text and not Path(text).exists())):
        calls = hub.open_backend(text, settings)
        return vendor_runs(calls, settings.project, where=where, order_by=order_by)
    store = settings.store if text is None else Path(text)
    return stored_runs(store, project=project, where=where, order_by=order_by)

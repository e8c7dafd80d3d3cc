"""Make a run's record of what Neptune holds of it; pure but for texts that are kept apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from trackhub.model.entities import RunRecord, RunRef
from trackhub_neptune import known as keep
from trackhub_neptune.known import Known
from trackhub_neptune.names import key_of
from trackhub_neptune.values import last_value


def record_of(known: Known, page: str | None, exact: Mapping[str, object] | None = None) -> RunRecord:
    """Return a run's record.

    :param exact: last values that a series' own last row does not tell, by the series' key.
    """
    told: dict[str, Any] = known.json(keep.RUN) or {}
    end: dict[str, Any] = known.json(keep.END) or {}
    name = known.held.get("sys/name") or known.held.get("sys/id")
    return RunRecord(
        id=told.get("id") or _their_id(known),
        name=told.get("name") or str(name.value if name else known.run),
        project=told.get("project") or "",
        status=end.get("status") or "running",
        started=told.get("started"),
        ended=end.get("time"),
        reason=end.get("reason") or "",
        params=_params(known),
        tags={name: str(value) for name, value in _exact(known, keep.TAGS).items()},
        metrics=_metrics(known, exact or {}),
        parent=told.get("parent"),
        group=told.get("group"),
        environment=known.json(keep.ENVIRONMENT) or {},
        ref=RunRef(id=known.run, url=page, position=known.tail.position or None),
    )


def _their_id(known: Known) -> str:
    held = known.held.get("sys/custom_run_id") or known.held.get("sys/id")
    return str(held.value) if held else known.run


def _params(known: Known) -> dict[str, Any]:
    return _exact(known, keep.PARAMS)


def _exact(known: Known, folder: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path, held in known.below(folder).items():
        if held.kind in ("string", "int", "float", "bool"):
            beside = known.text(f"trackhub/{folder}/{path}")
            found[known.name(path)] = json.loads(beside) if beside else held.value
    for path in known.below(f"trackhub/{folder}"):
        if known.name(path) not in found:
            found[known.name(path)] = known.json(f"trackhub/{folder}/{path}")
    return found


def _metrics(known: Known, exact: Mapping[str, object]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path, held in known.below(keep.METRICS).items():
        if held.kind == "floats":
            whole = f"{keep.METRICS}/{path}"
            last = exact.get(key_of(whole))
            found[known.name(path)] = last_value(held.value, known.kind(whole) or "") if last is None else last
    for path in known.below(keep.KINDS):
        key = key_of(f"{keep.METRICS}/{path}")
        if known.name(path) not in found and key in exact:
            found[known.name(path)] = exact[key]
    return found

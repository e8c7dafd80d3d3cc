"""Turn a run as the SDK tells it into the record that people read; nothing here asks the server."""

from __future__ import annotations

import json
from typing import Any

from trackhub.model.entities import Note, RunRecord, RunRef
from trackhub.types import Scalar
from trackhub_wandb.mapping import our_status
from trackhub_wandb.names import is_cut, unescape
from trackhub_wandb.rows import EXACT, POINTS, points_of
from trackhub_wandb.times import time_of
from trackhub_wandb.truth import Truth


def record_of(found: dict[str, Any]) -> RunRecord:
    """Return a run's record; of a run that is not ours, what W&B's own fields say."""
    truth = Truth.read(found["config"])
    ours = bool(truth.run_id)
    summary: dict[str, Any] = found["summary"] or {}
    metrics, notes = _metrics(summary, ours=ours)
    ref = RunRef(id=f"{found['project']}/{found['id']}", url=found["url"])
    if not ours:
        return RunRecord(
            id=found["id"],
            name=found["name"] or found["id"],
            project=found["project"],
            status=our_status(found["state"]),
            started=time_of(found["created"]),
            params=truth.params,
            tags=dict.fromkeys(found["tags"], "") | ({"notes": found["notes"]} if found["notes"] else {}),
            metrics=metrics,
            group=found["group"],
            ref=ref,
            notes=notes,
        )
    return RunRecord(
        id=truth.run_id,
        name=truth.name,
        project=truth.project,
        status=truth.status or "running",
        started=truth.started,
        ended=truth.ended,
        params=truth.params,
        tags=truth.tags,
        metrics=metrics,
        points=summary.get(POINTS, 0),
        parent=truth.parent,
        group=truth.group,
        ref=ref,
        reason=truth.reason,
        environment=json.loads(truth.environment or "{}"),
        notes=notes,
    )


def _metrics(summary: dict[str, Any], *, ours: bool) -> tuple[dict[str, Scalar], tuple[Note, ...]]:
    """Return the last value of each metric, which W&B's summary tells."""
    words = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
    exact: dict[str, Any] = json.loads(summary[EXACT]) if summary.get(EXACT) else {}
    metrics: dict[str, Scalar] = {}
    notes = []
    for key, held in summary.items():
        value = words.get(held, held) if isinstance(held, str) else held
        if key.startswith(("_step", "_runtime", "_timestamp", "_wandb", "trackhub/")):
            continue
        if ours and is_cut(key):
            notes.append(Note(kind="beside", subject=key, detail="the last value of a metric whose name is long"))
        elif isinstance(value, int | float):
            name = unescape(key) if ours else key
            told = next(points_of({key: value, **_told(key, exact)}), None) if ours and key in exact else None
            metrics[name] = told.value if told else value
    return metrics, tuple(notes)


def _told(key: str, exact: dict[str, Any]) -> dict[str, Any]:
    return {POINTS: 0, "trackhub/step": 0, "_timestamp": 0, EXACT: json.dumps({key: exact[key]})}

"""Make what TensorBoard shows of a run beside its scalars: texts, images, and its row of the HPARAMS page."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trackhub.model.entities import Artifact, RunEnd, RunInfo
from trackhub_tensorboard import events
from trackhub_tensorboard.names import ABOUT, ARTIFACTS
from trackhub_tensorboard.pictures import cell, fenced, markdown, picture
from trackhub_tensorboard.shelf import is_alone
from trackhub_tensorboard.state import State

RUN, END, ENVIRONMENT = f"{ABOUT}run", f"{ABOUT}end", f"{ABOUT}environment"


def about(run: RunInfo) -> str:
    """Return what a run is, as a table."""
    rows = {"id": run.id, "name": run.name, "project": run.project, "started": _when(run.started)}
    if run.group is not None:
        rows["group"] = run.group
    if run.parent is not None:
        rows["parent"] = run.parent.id
    return "\n".join(["| run | |", "|---|---|", *(f"| {key} | {cell(text)} |" for key, text in rows.items())])


def ending(end: RunEnd) -> str:
    """Return how a run ended."""
    return f"**{end.status}** at {_when(end.time)}" + (f"\n\n{fenced(end.reason)}" if end.reason else "")


def environment(values: Mapping[str, Any]) -> str:
    """Return what ran."""
    return fenced(json.dumps(values, indent=2, ensure_ascii=False), "json")


def hparam(value: Any) -> str | bool | float:
    """Return a param as the HPARAMS page takes it: text, flag or number; NaN and infinity would break the page.

    >>> hparam(3), hparam(True), hparam([1, "a"]), hparam(None), hparam(float("nan"))
    (3.0, True, '[1, "a"]', 'null', 'NaN')
    """
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int | float) and math.isfinite(events.double(value)):
        return float(value)
    return json.dumps(value, ensure_ascii=False)


def front(state: State) -> bytes:
    """Return the event file of a run's row on the HPARAMS page, as it now stands."""
    started = state.run["started"]
    values = {name: hparam(value) for name, value in state.params.items()}
    parts = [events.opening(started), events.session_start(values, started)]
    if state.end is not None:
        parts.append(events.session_end(state.end["status"], state.end["time"]))
    return b"".join(parts)


def file_events(artifact: Artifact, path: str, kept: Path) -> list[bytes]:
    """Return the event of one file, if TensorBoard can show it: an image, or a short text."""
    tag = ARTIFACTS + (artifact.name if is_alone(artifact, path) else f"{artifact.name}/{path}")
    found = picture(kept)
    if found is not None:
        return [events.image(tag, *found, artifact.version, artifact.time)]
    text = markdown(kept, path)
    return [] if text is None else [events.text(tag, text, artifact.version, artifact.time)]


def _when(time: int) -> str:
    moment = datetime.datetime.fromtimestamp(time / 1e9, datetime.UTC)
    return moment.isoformat(sep=" ", timespec="milliseconds")

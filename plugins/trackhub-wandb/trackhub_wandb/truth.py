"""Hold what is true of a run, and write it into W&B's config and read it from there; nothing here asks the server.

W&B's own fields show what they can. Beside the params, one entry of the config, ``trackhub``, holds the rest in words
that no server and no SDK changes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from trackhub.model.entities import RunEnd, RunInfo
from trackhub.types import Status, Value
from trackhub_wandb.mapping import exact_text, shown_name, shown_value, tag_text
from trackhub_wandb.names import OURS, escape, is_cut, unescape
from trackhub_wandb.times import text_of, time_of

NOTES = "notes"
JOB_TYPE = "job_type"
_FIELDS = (NOTES, JOB_TYPE)


@dataclass
class Truth:
    """Hold what a run's config says; a run that is not ours has no ``run_id``."""

    run_id: str = ""
    name: str = ""
    project: str = ""
    started: int | None = None
    parent: str | None = None
    group: str | None = None
    status: Status | None = None
    ended: int | None = None
    reason: str = ""
    environment: str = ""
    params: dict[str, Value] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, run: RunInfo) -> Truth:
        """Return what is true of a run that begins."""
        parent = run.parent.id if run.parent else None
        return cls(run.id, run.name, run.project, run.started, parent, run.group)

    @classmethod
    def read(cls, config: dict[str, Any]) -> Truth:
        """Return what a config says."""
        ours: dict[str, Any] = config.get(OURS) or {}
        exact: dict[str, str] = ours.get("exact") or {}
        names: dict[str, str] = ours.get("names") or {}
        params: dict[str, Value] = {}
        for key, value in config.items():
            if key != OURS and not key.startswith("_wandb"):
                name = json.loads(names[key]) if key in names else unescape(key)
                params[name] = json.loads(exact[key]) if key in exact else value
        ended = ours.get("ended")
        return cls(
            run_id=ours.get("run_id", ""),
            name=_read(ours.get("name")),
            project=_read(ours.get("project")),
            started=time_of(ours["started"]) if ours.get("started") else None,
            parent=ours.get("parent") or None,
            group=_read(ours["group"]) if "group" in ours else None,
            status=ours.get("status") or None,
            ended=time_of(ended) if ended else None,
            reason=_read(ours.get("reason")),
            environment=ours.get("environment") or "",
            params=params,
            tags=json.loads(ours.get("tags") or "{}"),
        )

    def end(self, end: RunEnd) -> None:
        """Take in how the run ended."""
        self.status, self.ended, self.reason = end.status, end.time, end.reason

    def reopen(self) -> bool:
        """Take in that the run goes on; return whether that is news."""
        news = self.status is not None
        self.status, self.ended, self.reason = None, None, ""
        return news

    @property
    def exit_code(self) -> int | None:
        """Return the exit code that tells W&B how the run ended, or None while it goes on."""
        return None if self.status is None else int(self.status != "finished")

    def config(self) -> dict[str, Any]:
        """Return the whole config."""
        exact, names, shown = {}, {}, {}
        for name, value in self.params.items():
            key = escape(name)
            shown[key] = shown_value(value)
            text = exact_text(value)
            if text is not None:
                exact[key] = text
            if is_cut(key):
                names[key] = json.dumps(name)
        told = {
            "run_id": self.run_id,
            "name": json.dumps(self.name),
            "project": json.dumps(self.project),
            "started": None if self.started is None else text_of(self.started),
            "parent": self.parent,
            "group": None if self.group is None else json.dumps(self.group),
            "status": self.status,
            "ended": None if self.ended is None else text_of(self.ended),
            "reason": json.dumps(self.reason) if self.reason else None,
            "environment": self.environment,
            "tags": json.dumps(self.tags) if self.tags else None,
            "exact": exact,
            "names": names,
        }
        return {**shown, OURS: {key: value for key, value in told.items() if value}}

    def shown(self) -> dict[str, Any]:
        """Return W&B's own fields: what its pages show of a run."""
        tags = {tag_text(name, value): None for name, value in self.tags.items() if name not in _FIELDS}
        group = self.parent if self.group is None else self.group
        return {
            "name": shown_name(self.name) or self.run_id,
            "tags": list(tags),
            "notes": self.tags.get(NOTES),
            "job_type": _short(self.tags.get(JOB_TYPE)),
            "group": _short(group),
        }


def _short(text: str | None) -> str | None:
    return None if text is None else shown_name(text)


def _read(text: str | None) -> str:
    return str(json.loads(text)) if text else ""

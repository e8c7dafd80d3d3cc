"""Hold what the server was given: experiments, their values, assets, times and status; filled by the routes."""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from comet_server.behaviour import Behaviour


@dataclass(frozen=True, slots=True)
class MetricRow:
    """Hold one value of a metric; rows are only ever added."""

    name: str
    value: Any
    step: int | None
    epoch: int | None
    time: int
    context: str | None
    arrived: float
    offset: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Hold the newest value of a param or an other."""

    value: str
    time: int


@dataclass(frozen=True, slots=True)
class Asset:
    """Hold one file."""

    id: str
    name: str
    kind: str
    content: bytes
    step: int | None
    metadata: str | None
    arrived: float
    created: int


@dataclass(slots=True)
class Experiment:
    """Hold one experiment."""

    key: str
    workspace: str
    project: str
    start: int
    end: int
    running: bool = True
    crashed: bool = False
    error: str | None = None
    deleted: bool = False
    metrics: list[MetricRow] = field(default_factory=list)
    params: dict[str, Summary] = field(default_factory=dict)
    others: dict[str, Summary] = field(default_factory=dict)
    tags: dict[str, None] = field(default_factory=dict)
    assets: list[Asset] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    git: dict[str, Any] = field(default_factory=dict)
    output: list[str] = field(default_factory=list)

    @property
    def name(self) -> str | None:
        """Return the name, which is an other."""
        held = self.others.get("Name")
        return held.value if held else None


class NotThereError(LookupError):
    """Say that there is no such experiment."""


class State:
    """Hold all experiments of all workspaces; safe to use from several threads, under its lock.

    :ivar values: how many metric values were taken, over all.
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.lock = threading.RLock()
        self.experiments: dict[str, Experiment] = {}
        self.values = 0
        self._offsets = itertools.count(1)
        self._window = (0.0, 0)

    def of(self, key: Any) -> Experiment:
        """Return an experiment by its key."""
        found = self.experiments.get(str(key))
        if found is None or found.deleted:
            raise NotThereError(f"no such experiment: {key}")
        return found

    def create(self, key: str, workspace: str, project: str) -> Experiment:
        """Make an experiment."""
        made = Experiment(key, workspace, self.project_name(workspace, project), now_ms(), now_ms())
        self.experiments[key] = made
        return made

    def project_name(self, workspace: str, project: str) -> str:
        """Return the name under which a project is known: that of the first one that it equals."""
        if self.behaviour.folds_names:
            for held in self.experiments.values():
                if held.workspace == workspace and held.project.casefold() == project.casefold():
                    return held.project
        return project

    def add_metrics(self, experiment: Experiment, values: list[dict[str, Any]]) -> None:
        """Append values; those that are there already come to be there twice."""
        self.touch(experiment)
        cut = self.behaviour.longest_name
        for value in values:
            row = MetricRow(
                name=str(value["metricName"])[:cut],
                value=value["metricValue"],
                step=value.get("step"),
                epoch=value.get("epoch"),
                time=value.get("timestamp") or now_ms(),
                context=value.get("context"),
                arrived=time.monotonic(),
                offset=next(self._offsets),
            )
            experiment.metrics.append(row)
        self.values += len(values)

    def put(self, held: dict[str, Summary], name: str, value: Any, when: int | None) -> None:
        """Set a param or an other: the last one counts."""
        text = value if isinstance(value, str) else _json_text(value)
        held[name[: self.behaviour.longest_name]] = Summary(text[: self.behaviour.longest_value], when or now_ms())

    def add_asset(self, experiment: Experiment, asset: Asset, *, overwrite: bool) -> None:
        """Keep a file; another one of the same id takes its place, or not."""
        self.touch(experiment)
        if not self.behaviour.keeps_copies:
            experiment.assets = [held for held in experiment.assets if held.id != asset.id]
        if overwrite:
            experiment.assets = [held for held in experiment.assets if held.name != asset.name]
        experiment.assets.append(asset)

    def touch(self, experiment: Experiment) -> None:
        """Do what a write does to an experiment that has ended."""
        if self.behaviour.revives and not experiment.running:
            experiment.running, experiment.crashed, experiment.end = True, False, now_ms()

    def over_rate(self, values: int) -> float | None:
        """Return how many seconds to wait where the limit is exceeded, and count the values where it is not."""
        if self.behaviour.values_a_minute is None:
            return None
        began, count = self._window
        if time.monotonic() - began > 1.0:
            began, count = time.monotonic(), 0
        if count and count + values > self.behaviour.values_a_minute / 60:
            return max(0.0, began + 1.0 - time.monotonic())
        self._window = (began, count + values)
        return None


def now_ms() -> int:
    """Return the server's time."""
    return time.time_ns() // 1_000_000


def _json_text(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)

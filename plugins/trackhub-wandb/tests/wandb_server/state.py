"""Hold what the server was given: projects, runs, their lines and files; written and read by the routes."""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from wandb_server.behaviour import KINDEST, Behaviour


class Refused(Exception):  # noqa: N818  it is an answer
    """Say that a request asks for what cannot be."""


@dataclass
class Line:
    """Hold one line of a run's history, and when it came."""

    text: str
    came: float


@dataclass
class Run:
    """Hold one run, as W&B calls its parts.

    :ivar name: the id that the client chose; ``id`` is the server's.
    :ivar gaps: how often rows came for lines behind a gap; no client of good faith does so.
    :ivar copies: how many lines were sent again.
    """

    id: str
    name: str
    entity: str
    project: str
    config: str = "{}"
    summary: str = "{}"
    display_name: str | None = None
    notes: str | None = None
    description: str | None = None
    group: str | None = None
    job_type: str | None = None
    tags: list[str] = field(default_factory=list)
    state: str = "running"
    exit_code: int | None = None
    created: float = field(default_factory=time.time)
    history: list[Line] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    gaps: int = 0
    copies: int = 0

    def put_lines(self, offset: int, texts: list[str], *, keeps_copies: bool) -> None:
        """Take lines of the history, the first one at a place."""
        now = time.monotonic()
        if offset > len(self.history):
            self.gaps += 1
            raise Refused(f"line {offset} of a history of {len(self.history)} lines")
        for place, text in enumerate(texts, offset):
            if place < len(self.history) and not keeps_copies:
                self.copies += 1
                self.history[place].text = text
            else:
                self.copies += place < len(self.history)
                self.history.append(Line(text, now))

    def lines(self, lag_s: float) -> list[str]:
        """Return the lines that can be seen."""
        newest = time.monotonic() - lag_s
        return [line.text for line in self.history if line.came <= newest]


@dataclass
class ArtifactVersion:
    """Hold one version of an artifact; ``index`` is None until it is committed."""

    id: str
    entity: str
    project: str
    type: str
    collection: str
    digest: str
    run: str
    client_id: str
    metadata: str | None = None
    description: str | None = None
    index: int | None = None
    aliases: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    manifests: list[str] = field(default_factory=list)
    created: float = field(default_factory=time.time)


class State:
    """Hold everything; take the lock around what belongs together."""

    def __init__(self, behaviour: Behaviour = KINDEST) -> None:
        self.behaviour = behaviour
        self.lock = threading.RLock()
        self.runs: dict[tuple[str, str, str], Run] = {}
        self.projects: dict[tuple[str, str], float] = {}
        self.artifacts: dict[str, ArtifactVersion] = {}
        self.blobs: dict[str, bytes] = {}
        self._numbers = itertools.count(1)

    def new_id(self, kind: str) -> str:
        """Return an id that nothing has."""
        return f"{kind}-{next(self._numbers)}"

    def project_name(self, entity: str, project: str) -> str:
        """Return the name under which a project is held."""
        if self.behaviour.folds_names:
            for known_entity, known in self.projects:
                if known_entity == entity and known.lower() == project.lower():
                    return known
        return project

    def run(self, entity: str, project: str, name: str) -> Run | None:
        """Return a run."""
        return self.runs.get((entity, self.project_name(entity, project), name))

    def need(self, entity: str, project: str, name: str) -> Run:
        """Return a run that must be there."""
        found = self.run(entity, project, name)
        if found is None:
            raise Refused(f"run {entity}/{project}/{name} not found")
        return found

    def by_id(self, run_id: str) -> Run:
        """Return the run of the server's own id."""
        for run in self.runs.values():
            if run.id == run_id:
                return run
        raise Refused(f"run {run_id} not found")

    def make(self, entity: str, project: str, name: str) -> Run:
        """Make a run, and its project where it is the first."""
        project = self.project_name(entity, project)
        self.projects.setdefault((entity, project), time.time())
        run = Run(self.new_id("run"), name, entity, project)
        self.runs[entity, project, name] = run
        return run

    def wrote(self, run: Run) -> None:
        """Take notice that something was written to a run."""
        if self.behaviour.revives:
            run.state = "running"

    def told(self, run: Run) -> dict[str, Any]:
        """Return what the server tells of a run's rows: how many, and the last step."""
        return {
            "historyLineCount": len(run.lines(self.behaviour.lines_lag_s)),
            "lines": run.lines(self.behaviour.steps_lag_s),
        }

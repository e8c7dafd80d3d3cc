"""List what can happen to a run; the journal stores these and lanes route them to backends.

The rules that keep every journal readable for ever: a new field has a default, a field never
changes its type, an event type is never removed. Times are UTC nanoseconds since the epoch.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from trackhub.types import EndStatus, Scalar, Step


class _Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event"):
    time: int


class RunStarted(_Event, frozen=True, tag="run_started"):
    """Begin a run; the first event of its first attempt."""

    id: str
    name: str
    project: str
    attempt: str
    parent: str | None = None
    group: str | None = None
    rank: int | None = None


class RunResumed(_Event, frozen=True, tag="run_resumed"):
    """Open a run again, after a preemption or beside other ranks."""

    attempt: str
    rank: int | None = None


class ParamsLogged(_Event, frozen=True, tag="params_logged"):
    """Set params under dotted keys, each once unless ``overwrite``."""

    params: dict[str, Any]
    overwrite: bool = False


class MetricsLogged(_Event, frozen=True, tag="metrics_logged"):
    """Log one or more metrics that share a step and a time; stored as a row, not as msgpack."""

    metrics: dict[str, Scalar]
    step: Step = None


class TagsSet(_Event, frozen=True, tag="tags_set"):
    """Set or replace tags."""

    tags: dict[str, str]


class FileEntry(msgspec.Struct, frozen=True):
    """Name one file of an artifact; the bytes lie in the store under their SHA-256."""

    path: str
    sha256: str
    size: int


class ArtifactLogged(_Event, frozen=True, tag="artifact_logged"):
    """Keep named bytes: one file, or a folder's files."""

    name: str
    type: str
    files: tuple[FileEntry, ...]


class ModelRegistered(_Event, frozen=True, tag="model_registered"):
    """Make an artifact of the run a version of a model; its content says which version of the artifact."""

    model: str
    artifact: str
    files: tuple[FileEntry, ...]


class ModelAliasSet(_Event, frozen=True, tag="model_alias_set"):
    """Move an alias of a model to a version that the run registered."""

    model: str
    alias: str
    artifact: str
    files: tuple[FileEntry, ...]


class EnvironmentCaptured(_Event, frozen=True, tag="environment_captured"):
    """Describe what ran: code, host, packages, devices."""

    environment: dict[str, Any]


class RunEnded(_Event, frozen=True, tag="run_ended"):
    """End one attempt of a run; ``inferred`` when another process noticed that it had vanished."""

    status: EndStatus
    attempt: str
    reason: str = ""
    inferred: bool = False


class UnknownEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="unknown"):
    """Carry an event that a newer trackhub wrote, every field of it."""

    time: int
    type: str
    fields: dict[str, Any]


KnownEvent: TypeAlias = (
    RunStarted
    | RunResumed
    | ParamsLogged
    | MetricsLogged
    | TagsSet
    | ArtifactLogged
    | ModelRegistered
    | ModelAliasSet
    | EnvironmentCaptured
    | RunEnded
)
Event: TypeAlias = KnownEvent | UnknownEvent

"""Hold projects, runs, attributes and files, and apply operations by Neptune's rules; from requests, to answers."""

from __future__ import annotations

import copy
import math
import re
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from neptune_server.rules import Rules

_ODD = re.compile(r"[^\w\-. /:,@+=()']|^/|/\Z|//|^ | \Z")
_SERIES = {"floatSeries", "stringSeries"}
_LONGEST_PATH = 1024
_STEPS = 1_000_000_000_000
_INT32 = 2**31


@dataclass(frozen=True, slots=True)
class Point:
    """Hold a point of a series; the step is in millionths."""

    step: int
    ms: int
    value: Any


@dataclass(slots=True)
class Attribute:
    """Hold one attribute: a value, or points, by its type as Neptune calls it."""

    type: str
    value: Any = None
    points: list[Point] = field(default_factory=list)


@dataclass(slots=True)
class Run:
    """Hold a run.

    :ivar refused: what was not taken, as pairs of a path and a code.
    """

    id: str
    sys_id: str
    custom_id: str | None
    project: str
    attributes: dict[str, Attribute] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)
    seen: dict[str, Attribute] = field(default_factory=dict)
    reads_left: int = 0
    creation: bytes = b""

    def copy(self) -> Run:
        """Return the run as it is now; later writes do not change it."""
        return copy.deepcopy(self)


class State:
    """Hold what a server knows; safe from several threads.

    :ivar blobs: the content of files, by run and path (2.x) or by storage path (3.x).
    """

    def __init__(self, rules: Rules, projects: Iterable[str]) -> None:
        self.rules = rules
        self.lock = threading.RLock()
        self.projects = {name: str(uuid.uuid5(uuid.NAMESPACE_URL, name)) for name in projects}
        self.runs: dict[str, Run] = {}
        self.blobs: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}

    def project_of(self, identifier: str) -> str | None:
        """Return a project's qualified name, by that name or its id."""
        for name, project_id in self.projects.items():
            if identifier in (name, project_id):
                return name
        return None

    def create(self, project: str, custom_id: str | None) -> tuple[Run, bool]:
        """Return the run of a custom id, and whether it is new; without one, always a new run."""
        with self.lock:
            for run in self.runs.values():
                if custom_id is not None and (run.project, run.custom_id) == (project, custom_id):
                    return run, False
            number = sum(run.project == project for run in self.runs.values()) + 1
            key = project.rpartition("/")[2][:3].upper()
            run = Run(str(uuid.uuid4()), f"{key}-{number}", custom_id, project)
            now = int(time.time() * 1000)
            run.attributes = {
                "sys/id": Attribute("string", run.sys_id),
                "sys/creation_time": Attribute("datetime", now),
                "sys/modification_time": Attribute("datetime", now),
                "sys/state": Attribute("experimentState", "running"),
                "sys/failed": Attribute("bool", value=False),
                "sys/trashed": Attribute("bool", value=False),
            }
            if custom_id is not None:
                run.attributes["sys/custom_run_id"] = Attribute("string", custom_id)
            self.runs[run.id] = run
            return run, True

    def run_of(self, identifier: str) -> Run | None:
        """Return a run by its id, or by ``workspace/project/SYS-1`` or ``CUSTOM/workspace/project/id``."""
        with self.lock:
            if identifier in self.runs:
                return self.runs[identifier]
            for run in self.runs.values():
                if identifier in (f"{run.project}/{run.sys_id}", f"CUSTOM/{run.project}/{run.custom_id}"):
                    return run
        return None

    def runs_in(self, project: str) -> list[Run]:
        """Return a project's runs, the newest first."""
        with self.lock:
            return [run for run in self.runs.values() if run.project == project][::-1]

    def read(self, run: Run) -> dict[str, Attribute]:
        """Return what a reader sees of a run: all of it, or what was there some reads ago."""
        with self.lock:
            if run.reads_left > 0:
                run.reads_left -= 1
                return run.seen
            run.seen = copy.deepcopy(run.attributes) if self.rules.reads_behind else run.attributes
            return run.seen

    def touch(self, run: Run) -> None:
        """Note that a run is written to: where readers are behind, the next ones see what was there before."""
        if self.rules.reads_behind and run.reads_left == 0:
            run.seen = copy.deepcopy(run.attributes)
            run.reads_left = self.rules.reads_behind

    # ---- writing -------------------------------------------------------------------------

    def assign(self, run: Run, path: str, kind: str, value: Any) -> str | None:
        """Set an attribute; return a code where it is refused."""
        code = self._trouble(run, path, kind) or self._bad_value(kind, value)
        if code is None:
            run.attributes[path] = Attribute(kind, value)
        return self._noted(run, path, code)

    def extend(self, run: Run, path: str, values: Iterable[str]) -> str | None:
        """Add to a set of strings."""
        code = self._trouble(run, path, "stringSet")
        if code is None:
            held = run.attributes.setdefault(path, Attribute("stringSet", []))
            held.value = [*held.value, *(value for value in values if value not in held.value)]
        return self._noted(run, path, code)

    def append(self, run: Run, path: str, kind: str, points: list[Point]) -> list[str | None]:
        """Append points to a series; return a code for each that is refused."""
        trouble = self._trouble(run, path, kind)
        if trouble is not None:
            return [self._noted(run, path, trouble) for _ in points]
        before = run.attributes.get(path, Attribute(kind)).points
        taken: list[Point] = []
        codes: list[str | None] = []
        for point in points:
            last = taken[-1] if taken else before[-1] if before else None
            code = self._bad_point(last, point, kind)
            codes.append(self._noted(run, path, code))
            if code is None:
                taken.append(point)
        if self.rules.refuses_whole_calls and any(codes):
            first = next(code for code in codes if code)
            return [code or first for code in codes]
        if taken:
            run.attributes.setdefault(path, Attribute(kind)).points += taken
        return codes

    def _noted(self, run: Run, path: str, code: str | None) -> str | None:
        if code is not None:
            run.refused.append((path, code))
        return code

    def _trouble(self, run: Run, path: str, kind: str) -> str | None:
        if not path:
            return "FIELD_PATH_EMPTY"
        if len(path.encode("utf-8", "surrogatepass")) > _LONGEST_PATH:
            return "FIELD_PATH_EXCEEDS_SIZE_LIMIT"
        if path in ("sys/id", "sys/creation_time", "sys/custom_run_id"):
            return "FIELD_PATH_NON_WRITABLE"
        if self.rules.refuses_odd_names and _ODD.search(path):
            return "FIELD_PATH_INVALID"
        held = run.attributes.get(path)
        if held is not None and held.type != kind:
            return "FIELD_TYPE_CONFLICTING"
        if held is None and self.rules.refuses_nested_names and any(_nested(path, other) for other in run.attributes):
            return "FIELD_PATH_INVALID"
        return None

    def _bad_value(self, kind: str, value: Any) -> str | None:
        if kind == "float" and not math.isfinite(value) and not self.rules.takes_nan:
            return "FLOAT_VALUE_NAN_INF_UNSUPPORTED"
        if kind == "string" and len(value) > self.rules.longest_string:
            return "STRING_VALUE_EXCEEDS_SIZE_LIMIT"
        return None

    def _bad_point(self, last: Point | None, point: Point, kind: str) -> str | None:
        if not 0 <= point.step < _STEPS * 1_000_000:
            return "SERIES_STEP_TOO_LARGE"
        if last is not None and point.step <= last.step:
            same = point == last and not self.rules.mute_duplicates
            return "SERIES_POINT_DUPLICATE" if same else "SERIES_STEP_NON_INCREASING"
        if last is not None and point.ms < last.ms and not self.rules.times_may_go_back:
            return "SERIES_TIMESTAMP_DECREASING"
        if kind == "floatSeries" and not math.isfinite(point.value) and not self.rules.takes_nan:
            return "FLOAT_VALUE_NAN_INF_UNSUPPORTED"
        return None


def fits_32_bits(value: int) -> bool:
    """Return whether 2.x can hold an integer."""
    return -_INT32 <= value < _INT32


def paths_below(run: Run, prefix: str) -> Iterator[str]:
    """Yield a run's attributes in a folder."""
    yield from (path for path in run.attributes if path.startswith(f"{prefix}/"))


def _nested(one: str, other: str) -> bool:
    return one.startswith(f"{other}/") or other.startswith(f"{one}/")

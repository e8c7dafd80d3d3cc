"""Be backends that keep what they are given in memory, and fail on demand."""

from __future__ import annotations

from collections import Counter
from typing import Any

from trackhub import hookimpl
from trackhub.backend import Destination, Limits
from trackhub.model.entities import Artifact, Batch, MetricPoint, Note, Param, RunEnd, RunInfo, RunRef, Tag
from trackhub.plugins.lanehooks import LaneHooks


class FakeBackend:
    """Hold runs as an idempotent vendor does; ``fail`` maps a hook to the errors it raises next."""

    def __init__(self) -> None:
        self.runs: dict[str, RunInfo] = {}
        self.points: list[MetricPoint] = []
        self.batches: list[Batch] = []
        self.params: dict[str, Param] = {}
        self.tags: dict[str, Tag] = {}
        self.artifacts: list[Artifact] = []
        self.environments: list[dict[str, Any]] = []
        self.ends: list[RunEnd] = []
        self.position: str | None = None
        self.calls: Counter[str] = Counter()
        self.fail: dict[str, list[BaseException | None]] = {}
        self.fail_after: dict[str, list[BaseException | None]] = {}
        self.poison: set[str] = set()
        self.poison_error: type[Exception] = ValueError
        self.closed = False

    def _begin(self, hook: str) -> None:
        self.calls[hook] += 1
        self._raise(self.fail, hook)

    def _raise(self, plan: dict[str, list[BaseException | None]], hook: str) -> None:
        errors = plan.get(hook)
        if errors:
            error = errors.pop(0)
            if error is not None:
                raise error

    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        self._begin("start_run")
        self.runs[run.id] = run
        self._raise(self.fail_after, "start_run")
        return RunRef(id=f"vendor-{run.id}", url=f"http://vendor/{run.id}", position=self.position)

    @hookimpl
    def trackhub_log_params(self, ref: RunRef, params: tuple[Param, ...]) -> None:
        self._begin("log_params")
        self._check([param.name for param in params])
        self.params |= {param.name: param for param in params}

    @hookimpl
    def trackhub_log_metrics(self, ref: RunRef, points: tuple[MetricPoint, ...], batch: Batch) -> tuple[Note, ...]:
        self._begin("log_metrics")
        self._check([point.name for point in points])
        self.batches.append(batch)
        # As a vendor with a dense sequence does: what stands at a place already stays.
        for index, point in enumerate(points, batch.start):
            if index == len(self.points):
                self.points.append(point)
            elif index > len(self.points):
                raise AssertionError(f"a gap before point {index}")
        self.position = batch.position or self.position
        self._raise(self.fail_after, "log_metrics")
        return (Note(kind="seen", subject=points[0].name, detail="as it is"),)

    @hookimpl
    def trackhub_set_tags(self, ref: RunRef, tags: tuple[Tag, ...]) -> None:
        self._begin("set_tags")
        self.tags |= {tag.name: tag for tag in tags}

    @hookimpl
    def trackhub_log_artifact(self, ref: RunRef, artifact: Artifact) -> None:
        self._begin("log_artifact")
        self.artifacts.append(artifact)

    @hookimpl
    def trackhub_log_environment(self, ref: RunRef, environment: dict[str, Any]) -> None:
        self._begin("log_environment")
        self.environments.append(environment)

    @hookimpl
    def trackhub_finish_run(self, ref: RunRef, end: RunEnd) -> None:
        self._begin("finish_run")
        self.ends.append(end)

    @hookimpl
    def trackhub_close(self) -> None:
        self.closed = True

    def _check(self, names: list[str]) -> None:
        bad = self.poison.intersection(names)
        if bad:
            raise self.poison_error(f"{min(bad)!r} cannot be taken")


class MetricsOnly:
    """Be a backend that knows points and nothing else."""

    def __init__(self) -> None:
        self.points: list[MetricPoint] = []

    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        return RunRef(id=run.id)

    @hookimpl
    def trackhub_log_metrics(self, points: tuple[MetricPoint, ...]) -> None:
        self.points += points


def calls_to(backend: object, *, points: int = 1000, url: str = "fake://vendor") -> LaneHooks:
    """Return a backend's façade, as the plugins module makes it."""
    return LaneHooks(backend, Destination.parse(url), Limits(points=points, params=3, tags=3), "the fake plugin")

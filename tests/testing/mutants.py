"""Be backends with one planted fault each; the suite must find each on the sentence that it breaks."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from testing.reference import CAPABILITIES, Held, ReferenceBackend, now, offer

from trackhub import hookimpl
from trackhub.backend import BackendSpec, Destination, Options
from trackhub.errors import Rejected, RetryLater
from trackhub.model.entities import (
    AliasMove,
    Artifact,
    Batch,
    MetricColumns,
    MetricPoint,
    ModelAlias,
    ModelRecord,
    ModelVersion,
    Param,
    RunEnd,
    RunInfo,
    RunRecord,
    RunRef,
    Tag,
)

MUTANTS: dict[str, tuple[type[ReferenceBackend], str]] = {}
"""Each mutant by its scheme, with the sentence that it breaks."""
_LIES = {"lies-about-capabilities": {"capabilities": CAPABILITIES[:-1]}}


def breaks(code: str) -> Callable[[type[ReferenceBackend]], type[ReferenceBackend]]:
    """Enter a mutant into the table."""

    def enter(mutant: type[ReferenceBackend]) -> type[ReferenceBackend]:
        scheme = re.sub(r"(?<!^)(?=[A-Z])|(?<=[a-z])(?=\d)", "-", mutant.__name__).lower()
        MUTANTS[scheme] = (mutant, code)
        return mutant

    return enter


class PointMutant(ReferenceBackend):
    """Change each point on its way in."""

    def change(self, point: MetricPoint) -> MetricPoint:
        return point

    def put(self, held: Held, points: tuple[MetricPoint, ...], batch: Batch) -> None:
        super().put(held, tuple(self.change(point) for point in points), batch)


class RecordMutant(ReferenceBackend):
    """Change what is told of a run."""

    def change(self, record: RunRecord) -> dict[str, Any]:
        return {}

    def record_of(self, held: Held) -> RunRecord:
        record = super().record_of(held)
        return msgspec.structs.replace(record, **self.change(record))


# ---- offering and starting -------------------------------------------------------------------


@breaks("O2")
class LiesAboutCapabilities(ReferenceBackend):
    """Its spec names one hook less."""


@breaks("O4")
class ConnectsInTheFactory(ReferenceBackend):
    def __init__(self, destination: Destination, options: Options) -> None:
        super().__init__(destination, options)
        with socket.socket() as probe:
            probe.connect_ex(("127.0.0.1", 9))


@breaks("S1")
class ReturnsAnEmptyId(ReferenceBackend):
    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        super().trackhub_start_run(run)
        return RunRef(id="")


@breaks("S2")
class MakesARunAtEachStart(ReferenceBackend):
    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        held = Held(id=f"{run.id}-{now()}", info=run)
        self.vendor.save(held)
        return self.ref_of(held)


@breaks("S3")
class RemembersRunsInMemory(ReferenceBackend):
    def __init__(self, destination: Destination, options: Options) -> None:
        super().__init__(destination, options)
        self.made: dict[str, RunRef] = {}

    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        if run.id not in self.made:
            held = Held(id=f"{run.id}-{now()}", info=run)
            self.vendor.save(held)
            self.made[run.id] = self.ref_of(held)
        return self.made[run.id]


@breaks("S4")
class FindsRunsByName(ReferenceBackend):
    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        named = [held for held in self.vendor.all() if held.info.name == run.name and held.info.group == run.group]
        return self.ref_of(named[0]) if named else super().trackhub_start_run(run)


@breaks("S5")
class SimplifiesProjects(RecordMutant):
    def change(self, record: RunRecord) -> dict[str, Any]:
        return {"project": record.project.replace("/", "-")}


@breaks("S6")
class StartsNow(RecordMutant):
    def change(self, record: RunRecord) -> dict[str, Any]:
        return {"started": now()}


@breaks("S7")
class ForgetsTheGroup(RecordMutant):
    def change(self, record: RunRecord) -> dict[str, Any]:
        return {"group": None}


@breaks("S8")
class ReopensWhatHasEnded(ReferenceBackend):
    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        return super().trackhub_start_run(msgspec.structs.replace(run, resumed=True))


@breaks("S9")
class HasACurrentRun(ReferenceBackend):
    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        self.current = super().trackhub_start_run(run)
        return self.current

    @hookimpl
    def trackhub_log_metrics(self, ref: RunRef, points: tuple[MetricPoint, ...], batch: Batch) -> Any:
        return super().trackhub_log_metrics(getattr(self, "current", ref), points, batch)


# ---- points ----------------------------------------------------------------------------------


@breaks("M1")
class DropsEveryTenth(ReferenceBackend):
    @hookimpl
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        points = super().trackhub_read_metrics(ref)
        return tuple(point for place, point in enumerate(points) if place % 10 != 9)


@breaks("M2")
class Reorders(PointMutant):
    def put(self, held: Held, points: tuple[MetricPoint, ...], batch: Batch) -> None:
        super().put(held, points[::-1], batch)


@breaks("M2")
class SortsBySteps(ReferenceBackend):
    @hookimpl
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        return tuple(sorted(super().trackhub_read_metrics(ref), key=lambda point: point.step or 0))


@breaks("M3")
class MergesRepeatedSteps(ReferenceBackend):
    @hookimpl
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        points = super().trackhub_read_metrics(ref)
        return tuple({(p.name, (n if p.step is None else p.step)): p for n, p in enumerate(points)}.values())


@breaks("M4")
class TakesOnlyHigherSteps(ReferenceBackend):
    @hookimpl
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        highest: dict[str, Any] = {}
        kept = []
        for point in super().trackhub_read_metrics(ref):
            if point.step is None or point.step >= highest.get(point.name, point.step):
                highest[point.name] = highest.get(point.name, 0) if point.step is None else point.step
                kept.append(point)
        return tuple(kept)


@breaks("M5")
class DropsMissingSteps(ReferenceBackend):
    @hookimpl
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        return tuple(point for point in super().trackhub_read_metrics(ref) if point.step is not None)


@breaks("M5")
class MakesUpSteps(PointMutant):
    def change(self, point: MetricPoint) -> MetricPoint:
        return point if point.step is not None else msgspec.structs.replace(point, step=0)


@breaks("M6")
class CutsFractionsOfSteps(PointMutant):
    def change(self, point: MetricPoint) -> MetricPoint:
        return msgspec.structs.replace(point, step=int(point.step)) if isinstance(point.step, float) else point


@breaks("M7")
class HasStepsOf32Bits(PointMutant):
    def change(self, point: MetricPoint) -> MetricPoint:
        if not isinstance(point.step, int):
            return point
        return msgspec.structs.replace(point, step=max(-(2**31), min(2**31 - 1, point.step)))


@breaks("M8")
class CastsStepsToFloat(PointMutant):
    def change(self, point: MetricPoint) -> MetricPoint:
        exact = isinstance(point.step, int) and abs(point.step) < 2**53
        return msgspec.structs.replace(point, step=float(point.step)) if exact else point


@breaks("M9")
class MergesEqualPoints(ReferenceBackend):
    @hookimpl
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        return tuple({repr(point): point for point in super().trackhub_read_metrics(ref)}.values())


@breaks("M10")
class TakesLessThanItsLimit(ReferenceBackend):
    @hookimpl
    def trackhub_log_metrics(self, ref: RunRef, points: tuple[MetricPoint, ...], batch: Batch) -> Any:
        if len(points) >= self.limits.points:
            raise Rejected("too many")
        return super().trackhub_log_metrics(ref, points, batch)


@breaks("M11")
class ReadsOnePage(ReferenceBackend):
    @hookimpl
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        return super().trackhub_read_metrics(ref)[:1000]


@breaks("T1")
class RoundsTimesToSeconds(PointMutant):
    def change(self, point: MetricPoint) -> MetricPoint:
        return msgspec.structs.replace(point, time=point.time // 10**9 * 10**9)


@breaks("T1")
class TakesTheTimeOfDelivery(PointMutant):
    def change(self, point: MetricPoint) -> MetricPoint:
        return msgspec.structs.replace(point, time=now())


@breaks("T2")
class DropsTimesThatGoBack(ReferenceBackend):
    def put(self, held: Held, points: tuple[MetricPoint, ...], batch: Batch) -> None:
        super().put(held, points, batch)
        kept: list[MetricPoint] = []
        for point in held.points.values():
            if not kept or point.time >= kept[-1].time:
                kept.append(point)
        held.points = dict(enumerate(kept))


@breaks("V1")
class KeepsFloatsOf32Bits(PointMutant):
    def change(self, point: MetricPoint) -> MetricPoint:
        if not isinstance(point.value, float) or abs(point.value) > 3e38:
            return point
        return msgspec.structs.replace(point, value=struct.unpack("f", struct.pack("f", point.value))[0])


@breaks("V2")
class IgnoresNan(ReferenceBackend):
    @hookimpl
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        return tuple(point for point in super().trackhub_read_metrics(ref) if point.value == point.value)


@breaks("V3")
class LosesInfinity(PointMutant):
    def change(self, point: MetricPoint) -> MetricPoint:
        infinite = isinstance(point.value, float) and point.value in {float("inf"), float("-inf")}
        return msgspec.structs.replace(point, value=1.7976931348623157e308) if infinite else point


@breaks("V4")
class CastsIntsToFloat(PointMutant):
    def change(self, point: MetricPoint) -> MetricPoint:
        small = type(point.value) is int and abs(point.value) <= 2**53
        return msgspec.structs.replace(point, value=float(point.value)) if small else point


@breaks("V5")
class HasIntsOf64Bits(PointMutant):
    def change(self, point: MetricPoint) -> MetricPoint:
        if type(point.value) is not int:
            return point
        return msgspec.structs.replace(point, value=max(-(2**63), min(2**63 - 1, point.value)))


@breaks("V6")
class CastsBoolsToInt(PointMutant):
    def change(self, point: MetricPoint) -> MetricPoint:
        return msgspec.structs.replace(point, value=int(point.value)) if isinstance(point.value, bool) else point


@breaks("V7")
class GivesASeriesTheKindOfItsFirst(ReferenceBackend):
    @hookimpl
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        points = super().trackhub_read_metrics(ref)
        kinds: dict[str, type] = {}
        for point in points:
            kinds.setdefault(point.name, type(point.value))
        return tuple(
            msgspec.structs.replace(p, value=int(p.value))
            if kinds[p.name] is int and p.value == p.value and abs(p.value) < 2**70
            else p
            for p in points
        )


# ---- names -----------------------------------------------------------------------------------


@breaks("N1")
class TruncatesNames(PointMutant):
    def change(self, point: MetricPoint) -> MetricPoint:
        return msgspec.structs.replace(point, name=point.name[:250])


@breaks("N1")
class LosesUnicode(PointMutant):
    def change(self, point: MetricPoint) -> MetricPoint:
        point.name.encode()
        return msgspec.structs.replace(point, name=point.name.encode("ascii", "replace").decode())


@breaks("N2")
class MapsTwoNamesToOne(ReferenceBackend):
    @hookimpl
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        first: dict[str, str] = {}
        return tuple(
            msgspec.structs.replace(p, name=first.setdefault(p.name.casefold(), p.name))
            for p in super().trackhub_read_metrics(ref)
        )


@breaks("N3")
class SplitsParamsAtDots(RecordMutant):
    def change(self, record: RunRecord) -> dict[str, Any]:
        return {"params": {name.rpartition(".")[2] or name: value for name, value in record.params.items()}}


@breaks("N4")
class StripsTags(RecordMutant):
    def change(self, record: RunRecord) -> dict[str, Any]:
        return {"tags": {name.strip(): text for name, text in record.tags.items()}}


@breaks("N5")
class KeepsParamsAmongTags(RecordMutant):
    def change(self, record: RunRecord) -> dict[str, Any]:
        return {"params": {name: record.tags.get(name, value) for name, value in record.params.items()}}


@breaks("N6")
class LetsTagsRenameItsRuns(ReferenceBackend):
    @hookimpl
    def trackhub_set_tags(self, ref: RunRef, tags: tuple[Tag, ...]) -> None:
        super().trackhub_set_tags(ref, tags)
        held = self.held(ref)
        held.status = held.tags.get("trackhub.status", held.status)
        self.vendor.save(held)


# ---- params and tags -------------------------------------------------------------------------


@breaks("P1")
class MakesParamsText(RecordMutant):
    def change(self, record: RunRecord) -> dict[str, Any]:
        return {"params": {name: str(value) for name, value in record.params.items()}}


@breaks("P2")
class ReadsTextsAsJson(RecordMutant):
    def change(self, record: RunRecord) -> dict[str, Any]:
        def read(value: Any) -> Any:
            try:
                return json.loads(value) if isinstance(value, str) else value
            except ValueError:
                return value

        return {"params": {name: read(value) for name, value in record.params.items()}}


@breaks("P3")
class RefusesTheSameParam(ReferenceBackend):
    @hookimpl
    def trackhub_log_params(self, ref: RunRef, params: tuple[Param, ...]) -> None:
        known = self.held(ref).params
        if any(param.name in known and not param.overwritten for param in params):
            raise Rejected("a param is there already")
        super().trackhub_log_params(ref, params)


@breaks("P4")
class KeepsTheFirstParam(ReferenceBackend):
    @hookimpl
    def trackhub_log_params(self, ref: RunRef, params: tuple[Param, ...]) -> None:
        known = self.held(ref).params
        super().trackhub_log_params(ref, tuple(p for p in params if not p.overwritten or p.name not in known))


@breaks("P5")
class LetsTheSecondParamWin(ReferenceBackend):
    @hookimpl
    def trackhub_log_params(self, ref: RunRef, params: tuple[Param, ...]) -> None:
        super().trackhub_log_params(ref, tuple(msgspec.structs.replace(p, overwritten=True) for p in params))


@breaks("P6")
class CutsParams(RecordMutant):
    def change(self, record: RunRecord) -> dict[str, Any]:
        return {"params": {n: v[:6000] if isinstance(v, str) else v for n, v in record.params.items()}}


@breaks("P7")
class RefusesManyParams(ReferenceBackend):
    @hookimpl
    def trackhub_log_params(self, ref: RunRef, params: tuple[Param, ...]) -> None:
        if len(params) >= self.limits.params:
            raise Rejected("too many")
        super().trackhub_log_params(ref, params)


@breaks("G1")
class DropsEmptyTags(RecordMutant):
    def change(self, record: RunRecord) -> dict[str, Any]:
        return {"tags": {name: text for name, text in record.tags.items() if text}}


@breaks("G2")
class KeepsTheFirstTag(ReferenceBackend):
    @hookimpl
    def trackhub_set_tags(self, ref: RunRef, tags: tuple[Tag, ...]) -> None:
        known = self.held(ref).tags
        super().trackhub_set_tags(ref, tuple(tag for tag in tags if tag.name not in known))


@breaks("G3")
class ReplacesAllTags(ReferenceBackend):
    @hookimpl
    def trackhub_set_tags(self, ref: RunRef, tags: tuple[Tag, ...]) -> None:
        held = self.held(ref)
        held.tags = {}
        self.vendor.save(held)
        super().trackhub_set_tags(ref, tags)


@breaks("G4")
class CutsTags(RecordMutant):
    def change(self, record: RunRecord) -> dict[str, Any]:
        return {"tags": {name: text[:8000] for name, text in record.tags.items()}}


@breaks("G5")
class RefusesManyTags(ReferenceBackend):
    @hookimpl
    def trackhub_set_tags(self, ref: RunRef, tags: tuple[Tag, ...]) -> None:
        if len(tags) >= self.limits.tags:
            raise Rejected("too many")
        super().trackhub_set_tags(ref, tags)


# ---- artifacts and surroundings --------------------------------------------------------------


class ArtifactMutant(ReferenceBackend):
    """Change each artifact on its way in."""

    def change(self, artifact: Artifact) -> Artifact:
        return artifact

    @hookimpl
    def trackhub_log_artifact(self, ref: RunRef, artifact: Artifact) -> None:
        super().trackhub_log_artifact(ref, self.change(artifact))


@breaks("A1")
class TellsAWrongSize(ReferenceBackend):
    def keep(self, ref: RunRef, held: Held, stored: Any, source: Path) -> None:
        super().keep(ref, held, msgspec.structs.replace(stored, size=stored.size + 1), source)


@breaks("A2")
class ForgetsFolders(ArtifactMutant):
    def change(self, artifact: Artifact) -> Artifact:
        files = tuple(msgspec.structs.replace(file, path=Path(file.path).name) for file in artifact.files)
        return msgspec.structs.replace(artifact, files=files)


@breaks("A3")
class ForgetsEmptyFiles(ArtifactMutant):
    def change(self, artifact: Artifact) -> Artifact:
        return msgspec.structs.replace(artifact, files=tuple(file for file in artifact.files if file.size))


@breaks("A4")
class CutsLargeFiles(ReferenceBackend):
    def keep(self, ref: RunRef, held: Held, stored: Any, source: Path) -> None:
        super().keep(ref, held, stored, source)
        with self.vendor.file(ref, stored.path).open("r+b") as file:
            file.truncate(min(stored.size, 1 << 20))


@breaks("A5")
class SimplifiesFileNames(ArtifactMutant):
    def change(self, artifact: Artifact) -> Artifact:
        files = tuple(
            msgspec.structs.replace(file, path=file.path.replace("#", "_").replace(" ", "_")) for file in artifact.files
        )
        return msgspec.structs.replace(artifact, files=files)


@breaks("A6")
class OverwritesSameNamed(ArtifactMutant):
    def change(self, artifact: Artifact) -> Artifact:
        return msgspec.structs.replace(artifact, version=1)


@breaks("A7")
class KeepsTheSameTwice(ReferenceBackend):
    def keep(self, ref: RunRef, held: Held, stored: Any, source: Path) -> None:
        again = sum(file.path.startswith(stored.path) for file in held.files)
        path = f"{stored.path}+{again}" if again else stored.path
        super().keep(ref, held, msgspec.structs.replace(stored, path=path), source)


@breaks("A8")
class KeepsFilesByTheirNameAlone(ReferenceBackend):
    def keep(self, ref: RunRef, held: Held, stored: Any, source: Path) -> None:
        super().keep(ref, held, stored, source)
        for other in held.files:
            if (other.file, other.version) == (stored.file, stored.version):
                self.vendor.file(ref, other.path).write_bytes(source.read_bytes())


@breaks("A9")
class ForgetsTypes(ArtifactMutant):
    def change(self, artifact: Artifact) -> Artifact:
        return msgspec.structs.replace(artifact, type="file")


@breaks("A10")
class ListsTwoUnderOnePath(ReferenceBackend):
    @hookimpl
    def trackhub_list_artifacts(self, ref: RunRef) -> Any:
        return tuple(msgspec.structs.replace(f, path=f.artifact) for f in super().trackhub_list_artifacts(ref))


@breaks("A11")
class DownloadsNothingAsEmpty(ReferenceBackend):
    @hookimpl
    def trackhub_download_artifact(self, ref: RunRef, path: str, target: str) -> None:
        Path(target).touch()
        super().trackhub_download_artifact(ref, path, target)


@breaks("A12")
class FailsAtNoFiles(ReferenceBackend):
    @hookimpl
    def trackhub_log_artifact(self, ref: RunRef, artifact: Artifact) -> None:
        assert artifact.files[0]
        super().trackhub_log_artifact(ref, artifact)


@breaks("H1")
class FlattensTheEnvironment(RecordMutant):
    def change(self, record: RunRecord) -> dict[str, Any]:
        return {"environment": {name: str(value) for name, value in record.environment.items()}}


@breaks("H2")
class KeepsTheFirstEnvironment(ReferenceBackend):
    @hookimpl
    def trackhub_log_environment(self, ref: RunRef, environment: dict[str, Any]) -> None:
        if not self.held(ref).environment:
            super().trackhub_log_environment(ref, environment)


@breaks("F1")
class ForgetsTheParent(RecordMutant):
    def change(self, record: RunRecord) -> dict[str, Any]:
        return {"parent": None}


@breaks("F2")
class NeedsTheParentThere(ReferenceBackend):
    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        if run.parent is not None and run.parent.ref is None:
            raise RetryLater("the parent is not there")
        return super().trackhub_start_run(run)


@breaks("F4")
class EndsParentsWithTheirChild(ReferenceBackend):
    @hookimpl
    def trackhub_finish_run(self, ref: RunRef, end: RunEnd) -> None:
        super().trackhub_finish_run(ref, end)
        parent = self.held(ref).info.parent
        if parent is not None and parent.ref is not None:
            super().trackhub_finish_run(parent.ref, end)


# ---- models ----------------------------------------------------------------------------------


@breaks("Y1")
class TellsNoArtifactVersion(ReferenceBackend):
    @hookimpl
    def trackhub_read_models(self, model: str | None) -> tuple[ModelRecord, ...]:
        told = super().trackhub_read_models(model)
        # Of one artifact that has one version only, nobody would notice.
        return tuple(msgspec.structs.replace(one, version=1) if len(told) == 1 else one for one in told)


@breaks("Y2")
class RegistersAgain(ReferenceBackend):
    """What is registered again is the newest."""

    def register(self, held: Held, version: ModelVersion) -> None:
        held.models.pop((version.model, version.artifact, version.version), None)
        super().register(held, version)


@breaks("Y3")
class OneVersionARun(ReferenceBackend):
    """A run registers one version of a model, and the next one takes its place."""

    def register(self, held: Held, version: ModelVersion) -> None:
        for place in [place for place in held.models if place[0] == version.model and place[1:] != _last(version)]:
            del held.models[place]
        super().register(held, version)


@breaks("Y4")
class FoldsModelNames(ReferenceBackend):
    """Names are in lower case there, as in some databases."""

    @hookimpl
    def trackhub_set_model_alias(self, ref: RunRef, alias: ModelAlias) -> None:
        super().trackhub_set_model_alias(ref, msgspec.structs.replace(alias, alias=alias.alias.lower()))


@breaks("Y4")
class CutsModelNames(ReferenceBackend):
    def register(self, held: Held, version: ModelVersion) -> None:
        super().register(held, msgspec.structs.replace(version, model=version.model[:250]))


@breaks("Y5")
class LeavesAliasesWhereTheyWere(ReferenceBackend):
    """An alias stands on every version that it was ever moved to."""

    @hookimpl
    def trackhub_read_models(self, model: str | None) -> tuple[ModelRecord, ...]:
        told = super().trackhub_read_models(model)
        return tuple(
            msgspec.structs.replace(one, aliases=tuple(sorted({move.alias for move in one.moves}))) for one in told
        )


@breaks("Y6")
class LastMoveStands(ReferenceBackend):
    """Where an alias stands is what was said last, not what was done last."""

    def move(self, held: Held, place: tuple[str, str, int], move: AliasMove) -> None:
        if move not in held.models[place].moves:
            super().move(held, place, move)
        self._place(place[0], move.alias).write_text(held.info.id)

    @hookimpl
    def trackhub_read_models(self, model: str | None) -> tuple[ModelRecord, ...]:
        return tuple(
            msgspec.structs.replace(one, aliases=tuple(sorted(self._standing(one))))
            for one in super().trackhub_read_models(model)
        )

    def _standing(self, record: ModelRecord) -> set[str]:
        places = {
            move.alias: self.vendor.folder / f"{_digest(record.model, move.alias)}.alias" for move in record.moves
        }
        return {alias for alias, place in places.items() if place.read_text() == record.run_id}


@breaks("Y7")
class ForgetsMoves(ReferenceBackend):
    """Of an alias, a version remembers the newest move only."""

    def move(self, held: Held, place: tuple[str, str, int], move: AliasMove) -> None:
        record = held.models[place]
        others = tuple(one for one in record.moves if one.alias != move.alias)
        older = [one for one in record.moves if one.alias == move.alias]
        newest = max([move, *older], key=lambda one: one.time)
        held.models[place] = msgspec.structs.replace(record, moves=(*others, newest))


@breaks("Y8")
class OpensTheRunToRegister(ReferenceBackend):
    def register(self, held: Held, version: ModelVersion) -> None:
        super().register(held, version)
        held.status, held.ended = "running", None


@breaks("Y9")
class ReadsModelsByTheirBeginning(ReferenceBackend):
    @hookimpl
    def trackhub_read_models(self, model: str | None) -> tuple[ModelRecord, ...]:
        return tuple(one for one in super().trackhub_read_models(None) if one.model.startswith(model or ""))


def _last(version: ModelVersion) -> tuple[str, int]:
    return version.artifact, version.version


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


# ---- again -----------------------------------------------------------------------------------


@breaks("D1")
class AcknowledgesTooEarly(ReferenceBackend):
    def __init__(self, destination: Destination, options: Options) -> None:
        super().__init__(destination, options)
        self.held_back: list[Any] = []

    @hookimpl
    def trackhub_log_metrics(self, ref: RunRef, points: tuple[MetricPoint, ...], batch: Batch) -> None:
        self.ask()
        self.send()
        self.held_back.append((ref, points, batch))

    @hookimpl
    def trackhub_finish_run(self, ref: RunRef, end: RunEnd) -> None:
        self.send()
        super().trackhub_finish_run(ref, end)

    @hookimpl
    def trackhub_close(self) -> None:
        self.send()

    def send(self) -> None:
        for given in self.held_back:
            super().trackhub_log_metrics(*given)
        self.held_back = []


class Appending(ReferenceBackend):
    """Append what is given unless it is known."""

    def known(self, held: Held, batch: Batch, points: tuple[MetricPoint, ...]) -> bool:
        return False

    def put(self, held: Held, points: tuple[MetricPoint, ...], batch: Batch) -> None:
        if not self.known(held, batch, points):
            super().put(held, points, Batch(start=len(held.points)))


@breaks("D2")
class DoublesOnRetry(Appending):
    """Takes every batch for a new one."""


@breaks("D3")
class RemembersBatchesInMemory(Appending):
    def known(self, held: Held, batch: Batch, points: tuple[MetricPoint, ...]) -> bool:
        self.__dict__.setdefault("seen", {}).setdefault(held.id, 0)
        if batch.start < self.seen[held.id]:
            return True
        self.seen[held.id] = batch.start + len(points)
        return False


@breaks("D4")
class KnowsOnlyWholeBatches(Appending):
    def known(self, held: Held, batch: Batch, points: tuple[MetricPoint, ...]) -> bool:
        batches = held.__dict__.setdefault("batches", set())
        again = (batch.start, len(points)) in batches
        batches.add((batch.start, len(points)))
        return again


@breaks("D5")
class TakesTheMarkForAProof(ReferenceBackend):
    def put(self, held: Held, points: tuple[MetricPoint, ...], batch: Batch) -> None:
        if not batch.redelivered or len(held.points) > batch.start:  # takes the mark for a proof
            super().put(held, points, batch)


@breaks("D6")
class SetsTagsASecondTime(ReferenceBackend):
    @hookimpl
    def trackhub_set_tags(self, ref: RunRef, tags: tuple[Tag, ...]) -> None:
        known = self.held(ref).tags
        more = tuple(
            msgspec.structs.replace(tag, name=f"{tag.name} 2") for tag in tags if known.get(tag.name) == tag.value
        )
        super().trackhub_set_tags(ref, (*tags, *more))


@breaks("D7")
class DoublesBehindAKill(Appending):
    def known(self, held: Held, batch: Batch, points: tuple[MetricPoint, ...]) -> bool:
        return batch.start < len(held.points) and not batch.redelivered


@breaks("D8")
class TrustsTheMarkAlone(Appending):
    def known(self, held: Held, batch: Batch, points: tuple[MetricPoint, ...]) -> bool:
        if batch.redelivered:
            held.points |= dict(enumerate(points, batch.start))
        return batch.redelivered

    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        return msgspec.structs.replace(super().trackhub_start_run(run), position=None)


@breaks("D9")
class KeepsTheFirstPosition(ReferenceBackend):
    @hookimpl
    def trackhub_log_metrics(self, ref: RunRef, points: tuple[MetricPoint, ...], batch: Batch) -> Any:
        first = self.held(ref).position
        return super().trackhub_log_metrics(
            ref, points, msgspec.structs.replace(batch, position=first or batch.position)
        )


@breaks("D9")
class ForgetsThePositionWhereThereIsNone(ReferenceBackend):
    @hookimpl
    def trackhub_log_metrics(self, ref: RunRef, points: tuple[MetricPoint, ...], batch: Batch) -> Any:
        done = super().trackhub_log_metrics(ref, points, batch)
        held = self.held(ref)
        held.position = batch.position or '{"w0":1}'
        self.vendor.save(held)
        return done


@breaks("D10")
class WritesThePositionFirst(ReferenceBackend):
    @hookimpl
    def trackhub_log_metrics(self, ref: RunRef, points: tuple[MetricPoint, ...], batch: Batch) -> Any:
        held = self.held(ref)
        held.position = batch.position or held.position
        self.vendor.save(held)
        return super().trackhub_log_metrics(ref, points, batch)


@breaks("D11")
class MakesASecondRunOnResume(ReferenceBackend):
    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        again = run.resumed and self.vendor.has(run.id)
        if not again:
            return super().trackhub_start_run(run)
        held = Held(id=f"{run.id}-{now()}", info=run)
        self.vendor.save(held)
        return self.ref_of(held)


@breaks("D11")
class LeavesAResumedRunEnded(ReferenceBackend):
    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        return super().trackhub_start_run(msgspec.structs.replace(run, resumed=False))


@breaks("D12")
class BeginsAnewOnResume(ReferenceBackend):
    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        ref = super().trackhub_start_run(run)
        held = self.held(ref)
        if run.resumed:
            held.points = {}
            self.vendor.save(held)
        return ref


@breaks("D15")
class KnowsBatchesByTheirTime(Appending):
    def known(self, held: Held, batch: Batch, points: tuple[MetricPoint, ...]) -> bool:
        return bool(held.points) and max(p.time for p in points) < max(p.time for p in held.points.values())


# ---- ending ----------------------------------------------------------------------------------


class EndMutant(ReferenceBackend):
    """Change each end on its way in."""

    def change(self, end: RunEnd, held: Held) -> RunEnd:
        return end

    @hookimpl
    def trackhub_finish_run(self, ref: RunRef, end: RunEnd) -> None:
        super().trackhub_finish_run(ref, self.change(end, self.held(ref)))


@breaks("E1")
class ForgetsTheStatus(EndMutant):
    def change(self, end: RunEnd, held: Held) -> RunEnd:
        return msgspec.structs.replace(end, status="finished")


@breaks("E2")
class EndsNow(EndMutant):
    def change(self, end: RunEnd, held: Held) -> RunEnd:
        return msgspec.structs.replace(end, time=now())


@breaks("E3")
class ForgetsTheReason(EndMutant):
    def change(self, end: RunEnd, held: Held) -> RunEnd:
        return msgspec.structs.replace(end, reason="")


@breaks("E4")
class EndsOnlyOnce(EndMutant):
    def change(self, end: RunEnd, held: Held) -> RunEnd:
        if (held.status, held.ended) == (end.status, end.time):
            raise Rejected("the run has ended")
        return end


@breaks("E5")
class KeepsTheFirstEnd(EndMutant):
    def change(self, end: RunEnd, held: Held) -> RunEnd:
        if held.status == "running":
            return end
        return RunEnd(status=held.status, time=held.ended or 0, reason=held.reason)  # type: ignore[arg-type]


@breaks("E6")
class TellsAnEndOfRunningRuns(RecordMutant):
    def change(self, record: RunRecord) -> dict[str, Any]:
        return {"ended": record.ended or record.started}


@breaks("E7")
class EndsOnlyRunsWithPoints(EndMutant):
    def change(self, end: RunEnd, held: Held) -> RunEnd:
        if not held.points:
            raise Rejected("nothing was logged")
        return end


@breaks("L1")
class RefusesLatePoints(ReferenceBackend):
    def put(self, held: Held, points: tuple[MetricPoint, ...], batch: Batch) -> None:
        if held.status != "running":
            raise Rejected("the run has ended")
        super().put(held, points, batch)


@breaks("L2")
class RefusesLateTags(ReferenceBackend):
    @hookimpl
    def trackhub_set_tags(self, ref: RunRef, tags: tuple[Tag, ...]) -> None:
        if self.held(ref).status != "running":
            raise Rejected("the run has ended")
        super().trackhub_set_tags(ref, tags)


@breaks("L3")
class ReopensForLatePoints(ReferenceBackend):
    def put(self, held: Held, points: tuple[MetricPoint, ...], batch: Batch) -> None:
        held.status = "running"
        super().put(held, points, batch)


# ---- closing, refusing, reading --------------------------------------------------------------


@breaks("C1")
class LosesTheLastBatchAtClose(ReferenceBackend):
    @hookimpl
    def trackhub_log_metrics(self, ref: RunRef, points: tuple[MetricPoint, ...], batch: Batch) -> Any:
        self.last = (ref, batch.start)
        return super().trackhub_log_metrics(ref, points, batch)

    @hookimpl
    def trackhub_close(self) -> None:
        if hasattr(self, "last"):
            held = self.held(self.last[0])
            held.points = {place: point for place, point in held.points.items() if place < self.last[1]}
            self.vendor.save(held)


@breaks("C2")
class ClosesOnlyWhatItUsed(ReferenceBackend):
    @hookimpl
    def trackhub_start_run(self, run: RunInfo) -> RunRef:
        self.session = "open"
        return super().trackhub_start_run(run)

    @hookimpl
    def trackhub_close(self) -> None:
        del self.session


@breaks("C3")
class BlocksPastItsDeadline(ReferenceBackend):
    @hookimpl
    def trackhub_flush(self, deadline: float) -> bool:
        time.sleep(2.0)
        return True


@breaks("C4")
class NeverFlushes(ReferenceBackend):
    @hookimpl
    def trackhub_flush(self, deadline: float) -> bool:
        return False


@breaks("C5")
class AnswersWithAText(ReferenceBackend):
    @hookimpl
    def trackhub_check_connection(self, deadline: float) -> Any:
        return "1.0"


@breaks("C6")
class AsksByWriting(ReferenceBackend):
    @hookimpl
    def trackhub_check_connection(self, deadline: float) -> Any:
        for held in self.vendor.all():
            held.tags["asked"] = "yes"
            self.vendor.save(held)
        return super().trackhub_check_connection(deadline)


@breaks("C7")
class ChangesTheFolder(ReferenceBackend):
    def put(self, held: Held, points: tuple[MetricPoint, ...], batch: Batch) -> None:
        super().put(held, points, batch)
        os.chdir("/")


@breaks("C7")
class NeedsTheMainThread(ReferenceBackend):
    def put(self, held: Held, points: tuple[MetricPoint, ...], batch: Batch) -> None:
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        super().put(held, points, batch)


@breaks("X1")
class NotesInAList(ReferenceBackend):
    @hookimpl
    def trackhub_log_metrics(self, ref: RunRef, points: tuple[MetricPoint, ...], batch: Batch) -> Any:
        return list(super().trackhub_log_metrics(ref, points, batch))


@breaks("X2")
class SwallowsErrors(ReferenceBackend):
    @hookimpl
    def trackhub_log_metrics(self, ref: RunRef, points: tuple[MetricPoint, ...], batch: Batch) -> Any:
        try:
            return super().trackhub_log_metrics(ref, points, batch)
        except RetryLater:
            return None


@breaks("X3")
class TakesARefusalForAnOutage(ReferenceBackend):
    def ask(self) -> None:
        if self.on is not None:
            raise RetryLater(f"{self.shown}: nobody answers")


@breaks("X4")
class SkipsUnreadableFiles(ReferenceBackend):
    def keep(self, ref: RunRef, held: Held, stored: Any, source: Path) -> None:
        if source.exists():
            super().keep(ref, held, stored, source)


@breaks("X5")
class TakesPlacesForDense(ReferenceBackend):
    def put(self, held: Held, points: tuple[MetricPoint, ...], batch: Batch) -> None:
        super().put(held, points, Batch(start=min(batch.start, len(held.points))))


@breaks("R1")
class MakesUpRuns(ReferenceBackend):
    @hookimpl
    def trackhub_read_run(self, run_id: str, project: str | None) -> RunRecord | None:
        found = super().trackhub_read_run(run_id, project)
        return found or RunRecord(id=run_id, name="", project=project or "", status="running")


@breaks("R2")
class NeedsTheProject(ReferenceBackend):
    @hookimpl
    def trackhub_read_run(self, run_id: str, project: str | None) -> RunRecord | None:
        return super().trackhub_read_run(run_id, project or "default")


@breaks("R3")
class SearchesByPrefix(ReferenceBackend):
    @hookimpl
    def trackhub_search_runs(self, project: str | None) -> tuple[RunRecord, ...]:
        return tuple(one for one in super().trackhub_search_runs(None) if one.project.startswith(project or ""))


@breaks("R4")
class NeedsAProjectToSearch(ReferenceBackend):
    @hookimpl
    def trackhub_search_runs(self, project: str | None) -> tuple[RunRecord, ...]:
        return super().trackhub_search_runs(project or "default")


@breaks("R5")
class FailsAtAbsentProjects(ReferenceBackend):
    @hookimpl
    def trackhub_search_runs(self, project: str | None) -> tuple[RunRecord, ...]:
        found = super().trackhub_search_runs(project)
        if not found:
            raise Rejected(f"no project {project!r}")
        return found


@breaks("R6")
class TellsTheFirstValues(RecordMutant):
    def record_of(self, held: Held) -> RunRecord:
        first = {point.name: point.value for point in reversed(held.points.values())}
        return msgspec.structs.replace(super().record_of(held), metrics=first)


@breaks("R7")
class FailsAtNoPoints(ReferenceBackend):
    @hookimpl
    def trackhub_read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]:
        points = super().trackhub_read_metrics(ref)
        assert points[0].name
        return points


@breaks("R8")
class ForgetsTheRef(RecordMutant):
    def change(self, record: RunRecord) -> dict[str, Any]:
        return {"ref": RunRef(id="another")}


@breaks("R9")
class CountsItsReaders(RecordMutant):
    def record_of(self, held: Held) -> RunRecord:
        held.tags["readers"] = f"{held.tags.get('readers', '')}1"
        self.vendor.save(held)
        return super().record_of(held)


@breaks("R10")
class SortsColumnsByStep(ReferenceBackend):
    @hookimpl
    def trackhub_read_columns(self, ref: RunRef) -> Iterator[MetricColumns]:
        for columns in super().trackhub_read_columns(ref):
            order = sorted(range(len(columns.step)), key=lambda at: columns.step[at] or 0)
            parts = {part: getattr(columns, part)[order] for part in ("step", "value", "time")}
            yield msgspec.structs.replace(columns, **parts)


@breaks("K1")
class LeaksTheKey(ReferenceBackend):
    def ask(self) -> None:
        if self.on == "down":
            raise RetryLater(f"{self.url}: nobody answers")
        super().ask()


@breaks("K3")
class LinksWithTheKey(ReferenceBackend):
    def ref_of(self, held: Held) -> RunRef:
        return msgspec.structs.replace(super().ref_of(held), url=f"https://me:key@vendor/{held.id}")


@hookimpl
def trackhub_backends() -> list[BackendSpec]:
    return [offer(mutant, scheme, **_LIES.get(scheme, {})) for scheme, (mutant, _) in MUTANTS.items()]

"""Give one project of Neptune 2.x as a service: runs, operations, files and series; to the client's routes and back."""

# mypy: disable-error-code="import-untyped, import-not-found, no-untyped-call, no-any-return, misc"
# The client tells mypy no types; what it returns is Any up to the values that leave this package.

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from neptune.version import version as client_version

from trackhub.errors import DeliveryError, Rejected, RetryLater
from trackhub.model.entities import Connection, RunInfo
from trackhub_neptune.service import Bounds, Changes, Held, Moment, Row
from trackhub_neptune.steps import float_of, told
from trackhub_neptune.v1.connection import V1Connection

_PAGE = 1000
_ASSIGN = {bool: "assignBool", int: "assignInt", float: "assignFloat", str: "assignString"}
_KINDS = {"floatSeries": "floats", "stringSeries": "texts"}
_SERIES = {"floats": "getFloatSeriesValues", "texts": "getStringSeriesValues"}
_STEPS = "strictly increasing"
_CHUNK = 5 * 1024 * 1024

logging.getLogger("neptune").setLevel(logging.ERROR)  # what a server has to say is raised, not printed


class V1Service(V1Connection):
    """Speak to one project of Neptune 2.x."""

    # A client cuts strings at 16384 characters, and entries at 1000: so these are what servers are used to.
    bounds = Bounds(text=16_000, entry=1000, bits=32)

    # ---- runs ----------------------------------------------------------------------------

    def create(self, run: RunInfo) -> str:
        """Create the run of our id, or find it."""
        params = {
            "projectIdentifier": self._project.id,
            "parentId": self._project.id,
            "type": "run",
            "cliVersion": str(client_version),
            "gitInfo": None,
            "customId": run.id,
        }
        try:
            found = self._ask("createExperiment", experimentCreationParams=params)
        except RetryLater as error:
            known = self.find(run.id) if "HTTP 409" in str(error) else None
            if known is None:
                raise
            return known
        if found.trashed:
            raise RetryLater(f"{self.shown}: run {found.shortId} is in Neptune's trash; restore it there")
        self._sys_ids[found.id] = found.shortId
        return str(found.id)

    def page(self, run: str) -> str | None:
        """Return where people see a run."""
        sys_id = self._sys_ids.get(run)
        return f"{self._config.display_url.rstrip('/')}/{self._address.name}/e/{sys_id}" if sys_id else None

    def find(self, run_id: str) -> str | None:
        """Return Neptune's id of the run that has our id."""
        quoted = run_id.replace("\\", "\\\\").replace('"', '\\"')
        for name in ("sys/custom_run_id", "sys/id"):
            for run, _ in self._search((name,), f'(`{name}`:string = "{quoted}")'):
                return run
        return None

    def runs(self, paths: Iterable[str]) -> Iterator[tuple[str, Mapping[str, Held]]]:
        """Yield every run of the project with some of its attributes."""
        yield from self._search(tuple(paths), "")

    def attributes(self, run: str) -> dict[str, Held]:
        """Return all that is known of a run but the points of its series."""
        found = self._ask("getExperimentAttributes", experimentId=run)
        held = {one.name: _held(one.type, getattr(one, f"{one.type}Properties", None)) for one in found.attributes}
        if "sys/id" in held:
            self._sys_ids[run] = str(held["sys/id"].value)
        return held

    # ---- writing -------------------------------------------------------------------------

    def change(self, run: str, changes: Changes) -> None:
        """Change a run: one request, whose operations the server takes one by one."""
        operations: list[dict[str, Any]] = []
        for path, value in changes.plain.items():
            if isinstance(value, Moment):
                operations.append({"path": path, "assignDatetime": {"valueMilliseconds": value.ms}})
            else:
                operations.append({"path": path, _ASSIGN[type(value)]: {"value": value}})
        operations += [{"path": path, "insertStrings": {"values": list(some)}} for path, some in changes.sets.items()]
        for name, series in (("logFloats", changes.floats), ("logStrings", changes.texts)):
            operations += [{"path": path, name: {"entries": _entries(rows)}} for path, rows in series.items()]
        if operations:
            # A value that is set twice is set; a point that is sent twice is refused, or there twice.
            make = self._once if changes.floats or changes.texts else self._ask
            errors = make("executeOperations", experimentId=run, operations=operations)
            if errors:
                said = "; ".join(str(one.errorDescription) for one in errors[:3])
                # Where the steps went is asked for anew before the next try; of others' mistakes it is told then.
                kind = DeliveryError if any(_STEPS in str(one.errorDescription) for one in errors) else Rejected
                raise kind(f"{self.shown}: {said}")

    def upload(self, run: str, path: str, source: Path) -> None:
        """Keep a file under a path, in parts where it is large."""
        place = {"experimentIdentifier": run, "attribute": path}
        size = source.stat().st_size
        limits = self._config.multipart_config
        with source.open("rb") as stream:
            if limits is None or size <= limits.max_single_part_size:
                self._send("fileAtomUpload", {**place, "ext": ""}, stream.read())
                return
            chunk = max(limits.min_chunk_size, -(-size // limits.max_chunk_count))
            begun = self._ask("fileAtomMultipartUploadStart", **place, ext="", totalLength=size)
            self._refuse(begun.errors, path)
            upload = {"uploadId": begun.uploadId}
            for index in range(-(-size // chunk)):
                part = stream.read(chunk)
                first = index * chunk
                headers = {"X-Range": f"bytes={first}-{first + len(part) - 1}/{size}"}
                self._send(
                    "fileAtomMultipartUploadPart", {**upload, "uploadPartIdx": str(index), **place}, part, headers
                )
            self._refuse(self._ask("fileAtomMultipartUploadFinish", **place, **upload).errors, path)

    # ---- reading -------------------------------------------------------------------------

    def last_rows(self, run: str, paths: Mapping[str, str]) -> dict[str, Row]:
        """Return the newest row of each series that has one."""
        found = {}
        for path, kind in paths.items():
            total = self._values(run, path, kind, 0, 1).totalItemCount
            if total:
                (point,) = self._values(run, path, kind, total - 1, 1).values
                found[path] = _row(point, kind)
        return found

    def rows(self, run: str, path: str, kind: str) -> Iterator[Row]:
        """Yield every row of a series."""
        offset = 0
        while True:
            page = self._values(run, path, kind, offset, _PAGE)
            yield from (_row(point, kind) for point in page.values)
            offset += len(page.values)
            if offset >= page.totalItemCount or not page.values:
                return

    def download(self, run: str, path: str, target: Path) -> None:
        """Write a file to a local path."""
        url = self._url("downloadAttribute")
        place = {"experimentId": run, "attribute": path}
        with (
            self._answered("downloadAttribute"),
            self._session.get(url, params=place, headers=self._bearer(), timeout=self._timeout, stream=True) as answer,
        ):
            self._check_status(answer, "downloadAttribute")
            with target.open("wb") as stream:
                for chunk in answer.iter_content(_CHUNK):
                    stream.write(chunk)

    def check(self, deadline: float) -> Connection:
        """Ask for the account and the project."""
        before, self._timeout = self._timeout, max(min(self._timeout, (deadline - time.monotonic()) / 5), 0.1)
        try:
            self._auth.renew()
            project = self._project
            detail = f"project {self._address.name}, key {project.projectKey}"
            return Connection(version=f"2.x, client {client_version}", account=self._auth.account, detail=detail)
        finally:
            self._timeout = before

    @cached_property
    def _sys_ids(self) -> dict[str, str]:
        return {}

    def _values(self, run: str, path: str, kind: str, offset: int, limit: int) -> Any:
        return self._ask(_SERIES[kind], experimentId=run, attribute=path, offset=offset, limit=limit)

    def _search(self, paths: tuple[str, ...], query: str) -> Iterator[tuple[str, Mapping[str, Held]]]:
        offset = 0
        while True:
            params = {
                "query": {"query": query},
                "pagination": {"limit": _PAGE, "offset": offset},
                "attributeFilters": [{"path": path} for path in paths],
                "sorting": {
                    "dir": "ascending",
                    "aggregationMode": "none",
                    "sortBy": {"name": "sys/creation_time", "type": "datetime"},
                },
            }
            found = self._found(
                "searchLeaderboardEntries", projectIdentifier=self._project.id, type=["run"], params=params
            )
            entries = found["entries"]
            for entry in entries:
                some = {
                    one["name"]: _held(one["type"], one.get(f"{one['type']}Properties")) for one in entry["attributes"]
                }
                yield entry["experimentId"], some
            offset += len(entries)
            if len(entries) < _PAGE:
                return


def _entries(rows: list[Row]) -> list[dict[str, Any]]:
    return [{"value": row.value, "step": float_of(row.step), "timestampMilliseconds": row.ms} for row in rows]


def _row(point: Any, kind: str) -> Row:
    value = float(point.value) if kind == "floats" else str(point.value)
    return Row(told(point.step), int(point.timestampMillis), value)


def _held(kind: str, properties: Any) -> Held:
    if properties is None:
        return Held(kind, None)
    if kind in _KINDS:
        last = properties["last"]
        return Held(_KINDS[kind], math.nan if last is None else last)
    if kind == "float":
        return Held(kind, float(properties["value"]))
    if kind in ("int", "bool", "string"):
        return Held(kind, properties["value"])
    return Held(kind, None)

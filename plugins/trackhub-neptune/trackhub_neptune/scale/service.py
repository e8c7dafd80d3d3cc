"""Give one project of Neptune 3.x as a service: runs, operations, files and series; to the client's routes and back."""

# mypy: disable-error-code="import-untyped, import-not-found, no-untyped-call, no-any-return, misc"
# The client tells mypy no types; what it returns is Any up to the values that leave this package.

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from neptune_api.api.backend import get_project
from neptune_api.api.retrieval import (
    get_multiple_float_series_values_proto,
    get_series_values_proto,
    query_attributes_within_project_proto,
    search_leaderboard_entries_proto,
)
from neptune_api.models import (
    FloatTimeSeriesValuesRequest,
    QueryAttributesBodyDTO,
    SearchLeaderboardEntriesParamsDTO,
    SeriesValuesRequest,
)
from neptune_api.proto.neptune_pb.api.v1.model.attributes_pb2 import ProtoQueryAttributesResultDTO
from neptune_api.proto.neptune_pb.api.v1.model.leaderboard_entries_pb2 import ProtoLeaderboardEntriesSearchResultDTO
from neptune_api.proto.neptune_pb.api.v1.model.series_values_pb2 import (
    ProtoFloatSeriesValuesResponseDTO,
    ProtoSeriesValuesResponseDTO,
)
from neptune_api.proto.neptune_pb.ingest.v1.common_pb2 import FileRef, Run, UpdateRunSnapshot, Value
from neptune_api.proto.neptune_pb.ingest.v1.pub.ingest_pb2 import RunOperation
from neptune_scale.sync.files import generate_destination, guess_mime_type_from_file

from trackhub.errors import Rejected
from trackhub.model.entities import Connection, RunInfo
from trackhub_neptune.again import again
from trackhub_neptune.errors import for_status
from trackhub_neptune.scale.connection import ScaleConnection
from trackhub_neptune.scale.wire import held, plain, points, timestamp
from trackhub_neptune.service import Bounds, Changes, Held, Row
from trackhub_neptune.steps import MILLION, told

_MS = 1_000_000
_PAGE = 1000
_POINTS = 10_000
_REQUEST = 4_000_000  # bytes of one request; a server takes 16 MiB
_NAME = 700
_SUCCESS = 300

logging.getLogger("neptune").setLevel(logging.ERROR)  # what a server has to say is raised, not printed


class ScaleService(ScaleConnection):
    """Speak to one project of Neptune 3.x; a run is known by its custom id, which is ours."""

    # A string may have 1 MiB there; what is longer than this is kept as a file, as for 2.x.
    bounds = Bounds(text=16_000, entry=1000, bits=64)

    # ---- runs ----------------------------------------------------------------------------

    def create(self, run: RunInfo) -> str:
        """Create the run of our id; the same again is no other."""
        name = run.name.replace("\0", "").encode("utf-8", "backslashreplace")[:_NAME].decode(errors="ignore")
        created = Run(run_id=run.id, family=run.id, experiment_id=name, creation_time=timestamp(run.started // _MS))
        self._submit(RunOperation(project=self._address.name, run_id=run.id, create=created))
        return run.id

    def page(self, run: str) -> str | None:
        """Return where people see a run."""
        return f"{self._token.url}/{self._address.name}/-/run/?customId={quote(run)}"

    def find(self, run_id: str) -> str | None:
        """Return the custom id of the run that has our id."""
        quoted = run_id.replace("\\", "\\\\").replace('"', '\\"')
        for name in ("sys/custom_run_id", "sys/id"):
            for run, _ in self._search((), f'(`{name}`:string = "{quoted}")'):
                return run
        return None

    def runs(self, paths: Iterable[str]) -> Iterator[tuple[str, Mapping[str, Held]]]:
        """Yield every run of the project with some of its attributes."""
        yield from self._search(tuple(paths), "")

    def attributes(self, run: str) -> dict[str, Held]:
        """Return all that is known of a run but the points of its series; nothing while no reader sees it."""
        holder = self._holder(run)
        if holder is None:
            return {}
        known: dict[str, Held] = {}
        page: dict[str, Any] = {"limit": _PAGE}
        while True:
            body = QueryAttributesBodyDTO.from_dict({"experimentIdsFilter": [holder], "nextPage": dict(page)})
            answer = self._read(query_attributes_within_project_proto, body, project_identifier=self._address.name)
            found = ProtoQueryAttributesResultDTO.FromString(answer)
            for entry in found.entries:
                for one in entry.attributes:
                    known[one.name] = held(one)
                    if one.type == "fileRef":
                        self._files[run, one.name] = one.file_ref_properties.path
            if not found.nextPage.nextPageToken:
                return known
            page["nextPageToken"] = found.nextPage.nextPageToken

    # ---- writing -------------------------------------------------------------------------

    def change(self, run: str, changes: Changes) -> None:
        """Change a run; several requests where one would be too large, each waited for."""
        some: list[UpdateRunSnapshot] = []
        size = 0
        for snapshot in (*plain(changes), *points(changes)):
            some.append(snapshot)
            size += snapshot.ByteSize()
            if size > _REQUEST:
                self._update(run, some)
                some, size = [], 0
        if some:
            self._update(run, some)

    def upload(self, run: str, path: str, source: Path) -> None:
        """Keep a file in the server's storage, then say where it is."""
        size = source.stat().st_size
        place = generate_destination(run, path, path.rpartition("/")[2], None)
        kind = guess_mime_type_from_file(str(source), path) or "application/octet-stream"
        signed = self._signed(place, size, "write")

        def send() -> None:
            with self._answered(f"the storage of {path}"):
                self._send(str(signed.provider), signed, str(source), kind)

        again(send)
        ref = FileRef(path=place, size_bytes=size, mime_type=kind)
        self._update(run, [UpdateRunSnapshot(assign={path: Value(file_ref=ref)})])
        self._files[run, path] = place

    # ---- reading -------------------------------------------------------------------------

    def last_rows(self, run: str, paths: Mapping[str, str]) -> dict[str, Row]:
        """Return the newest row of each series that has one."""
        found: dict[str, Row] = {}
        numbers = [path for path, kind in paths.items() if kind == "floats"]
        for first in range(0, len(numbers), _PAGE):
            some = self._floats(run, numbers[first : first + _PAGE], 1, {})
            found |= {path: rows[0] for path, rows in some.items() if rows}
        for path in (path for path, kind in paths.items() if kind == "texts"):
            found |= dict.fromkeys([path], rows[0]) if (rows := self._texts(run, path, 1, None)[0]) else {}
        return found

    def rows(self, run: str, path: str, kind: str) -> Iterator[Row]:
        """Yield every row of a series; the newest are asked for first, as Neptune's own reader does."""
        found: list[Row] = []
        if kind == "floats":
            while True:
                after = {path: found[-1].step / MILLION} if found else {}
                some = self._floats(run, [path], _POINTS, after)[path]
                found += some
                if len(some) < _POINTS:
                    break
        else:
            token: str | None = None
            while True:
                some, token = self._texts(run, path, None, token)
                found += some
                if token is None:
                    break
        yield from reversed(found)

    def download(self, run: str, path: str, target: Path) -> None:
        """Write a file to a local path."""
        if (run, path) not in self._files:
            self.attributes(run)
        place = self._files.get((run, path))
        if place is None:
            raise Rejected(f"{self.shown}: run {run} has no file {path}")
        url = self._signed(place, None, "read").url
        with (
            self._answered(f"the storage of {path}"),
            self._storage.stream("GET", url) as answer,
            target.open("wb") as stream,
        ):
            if answer.status_code >= _SUCCESS:
                raise for_status(answer.status_code, f"the storage of {path}", answer.headers, self.shown)
            for chunk in answer.iter_bytes():
                stream.write(chunk)

    def check(self, deadline: float) -> Connection:
        """Ask for the project; the access token tells who asks."""
        before, self._timeout = self._timeout, max(min(self._timeout, (deadline - time.monotonic()) / 5), 0.1)
        self.close()  # its connections have their own time limit
        try:
            with self._answered("projects/get"):
                answer = get_project.sync_detailed(client=self._client, project_identifier=self._address.name)
            self._checked(answer, "projects/get")
            return Connection(version=f"3.x, client {version('neptune-scale')}", detail=f"project {self._address.name}")
        finally:
            self._timeout = before
            self.close()

    @cached_property
    def _sys_ids(self) -> dict[str, str]:
        return {}

    @cached_property
    def _files(self) -> dict[tuple[str, str], str]:
        return {}

    def _search(self, paths: tuple[str, ...], query: str) -> Iterator[tuple[str, Mapping[str, Held]]]:
        offset = 0
        wanted = dict.fromkeys(("sys/id", "sys/custom_run_id", *paths))
        while True:
            params = {
                "attributeFilters": [{"path": path} for path in wanted],
                "pagination": {"limit": _PAGE, "offset": offset},
                "experimentLeader": False,
                "sorting": {"dir": "ascending", "sortBy": {"name": "sys/creation_time", "type": "datetime"}},
            }
            if query:
                params["query"] = {"query": query}
            body = SearchLeaderboardEntriesParamsDTO.from_dict(params)
            answer = self._read(
                search_leaderboard_entries_proto, body, project_identifier=self._address.name, type=["run"]
            )
            found = ProtoLeaderboardEntriesSearchResultDTO.FromString(answer)
            for entry in found.entries:
                some = {one.name: held(one) for one in entry.attributes}
                if "sys/custom_run_id" in some and "sys/id" in some:
                    run = str(some["sys/custom_run_id"].value)
                    self._sys_ids[run] = str(some["sys/id"].value)
                    yield run, some
            offset += len(found.entries)
            if len(found.entries) < _PAGE:
                return

    def _holder(self, run: str) -> str | None:
        """Return how the reading routes name a run, or None while none of them knows it."""
        if run not in self._sys_ids and self.find(run) is None:
            return None
        return f"{self._address.name}/{self._sys_ids[run]}"

    def _series(self, run: str, path: str, number: int) -> dict[str, Any]:
        holder = {"identifier": self._holder(run), "type": "experiment"}
        series = {"holder": holder, "attribute": path, "lineage": "NONE", "lineageEntityType": "RUN"}
        return {"requestId": f"{number:06d}", "series": series}

    def _floats(self, run: str, paths: list[str], limit: int, after: Mapping[str, float]) -> dict[str, list[Row]]:
        requests = [self._series(run, path, number) for number, path in enumerate(paths)]
        for request, path in zip(requests, paths, strict=True):
            request["series"]["includePreview"] = False
            if path in after:
                request["afterStep"] = after[path]
        params = {"requests": requests, "order": "descending", "perSeriesPointsLimit": limit}
        answer = self._read(get_multiple_float_series_values_proto, FloatTimeSeriesValuesRequest.from_dict(params))
        found: dict[str, list[Row]] = {path: [] for path in paths}
        for one in ProtoFloatSeriesValuesResponseDTO.FromString(answer).series:
            rows = [Row(told(point.step), point.timestamp_millis, point.value) for point in one.series.values]
            found[paths[int(one.requestId)]] = rows
        return found

    def _texts(self, run: str, path: str, limit: int | None, token: str | None) -> tuple[list[Row], str | None]:
        request = self._series(run, path, 0)
        if token is not None:
            request["searchAfter"] = {"finished": False, "token": token}
        params: dict[str, Any] = {"requests": [request], "order": "descending"}
        if limit is not None:
            params["perSeriesPointsLimit"] = limit
        body = SeriesValuesRequest.from_dict(params)
        answer = self._read(get_series_values_proto, body, use_deprecated_string_fields=False)
        rows, more = [], None
        for one in ProtoSeriesValuesResponseDTO.FromString(answer).series:
            rows += [
                Row(told(point.step), point.timestamp_millis, point.object.stringValue)
                for point in one.seriesValues.values
            ]
            if one.HasField("searchAfter") and not one.searchAfter.finished and one.seriesValues.values:
                more = one.searchAfter.token
        return rows, more

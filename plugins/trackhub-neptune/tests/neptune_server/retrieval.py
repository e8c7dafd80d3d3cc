"""Serve what Neptune 3.x's reading clients ask for; from their JSON, to protobufs of the state."""

from __future__ import annotations

from typing import Any

from neptune_api.proto.neptune_pb.api.v1.model.attributes_pb2 import ProtoQueryAttributesResultDTO
from neptune_api.proto.neptune_pb.api.v1.model.leaderboard_entries_pb2 import (
    ProtoAttributeDTO,
    ProtoLeaderboardEntriesSearchResultDTO,
)
from neptune_api.proto.neptune_pb.api.v1.model.series_values_pb2 import (
    ProtoFloatSeriesValuesResponseDTO,
    ProtoSeriesValuesResponseDTO,
)

from neptune_server.nql import matches
from neptune_server.serving import Answer, Refused, Request
from neptune_server.state import Attribute, Point, Run, State

_MILLION = 1_000_000
_PAGE = 1000
_FIELDS = {"int": "int", "float": "float", "string": "string", "bool": "bool", "datetime": "datetime"}


class Retrieval:
    """Answer questions about runs."""

    def __init__(self, state: State) -> None:
        self._state = state

    def search(self, request: Request) -> Answer:
        """Return the runs of a project that a query names, with some of their attributes."""
        params = request.json
        found = [
            run
            for run in self._state.runs_in(self._project(request))
            if matches((params.get("query") or {}).get("query") or "", self._state.read(run))
        ]
        page = params.get("pagination") or {}
        first = page.get("offset") or 0
        wanted = {each["path"] for each in params.get("attributeFilters") or ()}
        told = ProtoLeaderboardEntriesSearchResultDTO(matching_item_count=len(found))
        for run in found[first : first + page.get("limit", _PAGE)]:
            entry = told.entries.add(experiment_id=run.id, type="run", project_name=run.project)
            entry.attributes.extend(_told(path, held) for path, held in self._state.read(run).items() if path in wanted)
        return Answer(told.SerializeToString())

    def attributes(self, request: Request) -> Answer:
        """Return pages of the attributes of runs."""
        params = request.json
        self._project(request)
        wanted = set(params.get("attributeNamesFilter") or ())
        everything = [
            (run, path, held)
            for run in map(self._run, params["experimentIdsFilter"])
            for path, held in self._state.read(run).items()
            if not wanted or path in wanted
        ]
        page = params["nextPage"]
        first = int(page.get("nextPageToken") or 0)
        behind = first + min(page.get("limit", _PAGE), _PAGE)
        told = ProtoQueryAttributesResultDTO()
        for run, path, held in everything[first:behind]:
            if not told.entries or told.entries[-1].experimentId != run.id:
                told.entries.add(experimentId=run.id, experimentShortId=run.sys_id)
            told.entries[-1].attributes.append(_told(path, held))
        if behind < len(everything):
            told.nextPage.nextPageToken = str(behind)
        return Answer(told.SerializeToString())

    def floats(self, request: Request) -> Answer:
        """Return pages of points of series of numbers."""
        params = request.json
        told = ProtoFloatSeriesValuesResponseDTO()
        for asked in params["requests"]:
            series = told.series.add(requestId=asked["requestId"])
            points = self._points(asked["series"], "floatSeries")
            series.series.total_item_count = len(points)
            backwards = params.get("order") == "descending"
            after = asked.get("afterStep")
            if after is not None:
                points = [
                    one for one in points if (one.step / _MILLION < after if backwards else one.step / _MILLION > after)
                ]
            ordered = points[::-1] if backwards else points
            for point in ordered[: params["perSeriesPointsLimit"]]:
                series.series.values.add(timestamp_millis=point.ms, step=point.step / _MILLION, value=point.value)
        return Answer(told.SerializeToString())

    def series(self, request: Request) -> Answer:
        """Return pages of entries of series of texts."""
        params = request.json
        told = ProtoSeriesValuesResponseDTO()
        for asked in params["requests"]:
            series = told.series.add(requestId=asked["requestId"])
            points = self._points(asked["series"], "stringSeries")
            ordered = points[::-1] if params.get("order") == "descending" else points
            first = int((asked.get("searchAfter") or {}).get("token") or 0)
            behind = first + min(params.get("perSeriesPointsLimit") or _PAGE, _PAGE)
            for point in ordered[first:behind]:
                value = series.seriesValues.values.add(timestamp_millis=point.ms, step=point.step / _MILLION)
                value.object.stringValue = point.value
            if points:
                series.searchAfter.finished = behind >= len(ordered)
                series.searchAfter.token = str(behind)
        return Answer(told.SerializeToString())

    def _points(self, asked: dict[str, Any], kind: str) -> list[Point]:
        held = self._state.read(self._run(asked["holder"]["identifier"])).get(asked["attribute"])
        return held.points if held is not None and held.type == kind else []

    def _run(self, identifier: str) -> Run:
        run = self._state.run_of(identifier)
        if run is None:
            raise Refused(404)
        return run

    def _project(self, request: Request) -> str:
        project = self._state.project_of(request.query["projectIdentifier"])
        if project is None:
            raise Refused(404)
        return project


def _told(path: str, held: Attribute) -> ProtoAttributeDTO:
    told = ProtoAttributeDTO(name=path, type=held.type)
    if held.type in _FIELDS:
        getattr(told, f"{_FIELDS[held.type]}_properties").value = held.value
    elif held.type == "stringSet":
        told.string_set_properties.value.extend(held.value)
    elif held.type == "fileRef":
        told.file_ref_properties.path = held.value["path"]
        told.file_ref_properties.sizeBytes = held.value["sizeBytes"]
        told.file_ref_properties.mimeType = held.value["mimeType"]
    elif held.type in ("floatSeries", "stringSeries"):
        series = told.float_series_properties if held.type == "floatSeries" else told.string_series_properties
        series.last_step = held.points[-1].step / _MILLION
        series.last = held.points[-1].value
    return told

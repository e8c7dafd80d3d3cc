"""Serve the routes of Neptune 2.x; from the client's requests, to the state and back."""

from __future__ import annotations

import datetime
import math
import uuid
from collections.abc import Callable
from typing import Any

from neptune_server.nql import matches
from neptune_server.serving import (
    Answer,
    NeptuneServer,
    Refused,
    Request,
    Routes,
    access_token,
    check_bearer,
    check_key,
)
from neptune_server.state import Attribute, Point, Run, State, fits_32_bits
from neptune_server.swagger import ROUTES, path_of, swagger

_ASSIGN = {
    "assignFloat": "float",
    "assignInt": "int",
    "assignBool": "bool",
    "assignString": "string",
    "assignDatetime": "datetime",
}
_LOG = {"logFloats": "floatSeries", "logStrings": "stringSeries"}
_MILLION = 1_000_000
_OPEN = {"getClientConfig", "exchangeApiToken"}


def routes(server: NeptuneServer) -> Routes:
    """Return what answers a request."""
    api = _Api(server)
    handlers: dict[str, Callable[[Request], Any]] = {
        path_of(name): getattr(api, name) for name in ROUTES if hasattr(api, name)
    }

    def answer(request: Request) -> Answer:
        if request.path in ("/api/backend/swagger.json", "/api/leaderboard/swagger.json"):
            return Answer(swagger(request.url, leaderboard="leaderboard" in request.path))
        if request.path == "/auth/protocol/openid-connect/token":
            server.refresh_tokens += 1
            return Answer(
                {
                    "access_token": access_token(request.url, server.generation),
                    "refresh_token": "again",
                    "expires_in": 3600,
                }
            )
        handler = handlers.get(request.path)
        if handler is None:
            raise Refused(404)
        if request.path.rpartition("/")[2] not in _OPEN:
            check_bearer(request, server.generation)
        with server.state.lock:
            found = handler(request)
        return found if isinstance(found, Answer) else Answer(found)

    return answer


class _Api:
    def __init__(self, server: NeptuneServer) -> None:
        self._server = server
        self._state: State = server.state

    # ---- who and where -------------------------------------------------------------------

    def getClientConfig(self, request: Request) -> Any:  # noqa: N802  operations are named by Neptune
        check_key(request.headers.get("x-neptune-api-token"))
        sizes = {"minChunkSize": 5_242_880, "maxChunkSize": 1 << 30, "maxChunkCount": 1000}
        return {
            "apiUrl": request.url,
            "applicationUrl": request.url,
            "pyLibVersions": {},
            "multiPartUpload": {"enabled": True, "maxSinglePartSize": 5_242_880, **sizes},
            "artifacts": {"enabled": False, "apiVersion": 2},
            "sysNameSetByBackend": True,
        }

    def exchangeApiToken(self, request: Request) -> Any:  # noqa: N802
        check_key(request.headers.get("x-neptune-api-token"))
        return {
            "accessToken": access_token(request.url, self._server.generation),
            "refreshToken": "again",
            "username": "ada",
        }

    def getProject(self, request: Request) -> Any:  # noqa: N802
        name = self._state.project_of(request.query["projectIdentifier"])
        if name is None:
            raise Refused(404)
        return self._project(name)

    def listProjects(self, request: Request) -> Any:  # noqa: N802
        return {"entries": [self._project(name) for name in self._state.projects], "matchingItemCount": 1}

    def listOrganizations(self, request: Request) -> Any:  # noqa: N802
        return [{"id": name, "name": name} for name in {name.partition("/")[0] for name in self._state.projects}]

    def _project(self, name: str) -> dict[str, Any]:
        workspace, _, project = name.partition("/")
        known = {"id": self._state.projects[name], "name": project, "organizationName": workspace}
        return {**known, "projectKey": project[:3].upper(), "version": 2}

    # ---- runs ----------------------------------------------------------------------------

    def createExperiment(self, request: Request) -> Any:  # noqa: N802
        wanted = request.json
        project = self._state.project_of(wanted["projectIdentifier"])
        if project is None:
            raise Refused(404)
        custom_id = wanted.get("customId")
        if custom_id is not None and len(custom_id) > 36:
            raise Refused(400)
        run, new = self._state.create(project, custom_id)
        if not new and self._state.rules.refuses_known_ids:
            raise Refused(409)
        return self._experiment(run)

    def getExperiment(self, request: Request) -> Any:  # noqa: N802
        return self._experiment(self._run(request))

    def ping(self, request: Request) -> Any:
        self._run(request)
        return {}

    def _experiment(self, run: Run) -> dict[str, Any]:
        workspace, _, project = run.project.partition("/")
        known = {"id": run.id, "type": "run", "shortId": run.sys_id, "trashed": False}
        return {**known, "organizationName": workspace, "projectName": project}

    def _run(self, request: Request) -> Run:
        name = request.query.get("experimentId") or request.query.get("experimentIdentifier") or ""
        run = self._state.run_of(name)
        if run is None:
            raise Refused(404, {"code": 404, "title": "no such run", "errorType": "EXPERIMENT_NOT_FOUND"})
        return run

    # ---- writing -------------------------------------------------------------------------

    def executeOperations(self, request: Request) -> Any:  # noqa: N802
        run, operations, errors = self._run(request), request.json, []
        tear = self._server.tear()
        for operation in operations[:tear]:
            (name,) = operation.keys() - {"path"}
            code = self._operate(run, operation["path"], name, operation[name])
            if code is not None:
                errors.append({"errorDescription": f"{operation['path']}: {code}"})
        if tear is not None:
            raise Refused(503)
        return errors

    def _operate(self, run: Run, path: str, name: str, given: dict[str, Any]) -> str | None:
        state = self._state
        if name in _ASSIGN:
            kind = _ASSIGN[name]
            value = given["valueMilliseconds"] if kind == "datetime" else given["value"]
            if kind == "int" and not fits_32_bits(value):
                return "an int of more than 32 bits"
            return state.assign(run, path, kind, value)
        if name == "insertStrings":
            return state.extend(run, path, given["values"])
        if name == "deleteAttribute":
            run.attributes.pop(path, None)
            return None
        if name in _LOG:
            points = _points(given["entries"], run.attributes.get(path))
            codes = state.append(run, path, _LOG[name], points)
            wrong = next((code for code in codes if code), None)
            return "X-coordinates (step) must be strictly increasing" if wrong in _STEP_CODES else wrong
        return f"an operation that this server does not know: {name}"

    # ---- reading -------------------------------------------------------------------------

    def getExperimentAttributes(self, request: Request) -> Any:  # noqa: N802
        if request.query["experimentId"] in self._state.projects.values():
            return {"attributes": []}  # a project holds attributes too; here it has none
        run = self._run(request)
        return {"attributes": [_told(path, held) for path, held in self._state.read(run).items()]}

    def _held(self, request: Request, *kinds: str) -> Attribute:
        held = self._state.read(self._run(request)).get(request.query["attribute"])
        if held is None or held.type not in kinds:
            raise Refused(404)
        return held

    def getFloatAttribute(self, request: Request) -> Any:  # noqa: N802
        return {"value": self._held(request, "float").value}

    def getIntAttribute(self, request: Request) -> Any:  # noqa: N802
        return {"value": self._held(request, "int").value}

    def getBoolAttribute(self, request: Request) -> Any:  # noqa: N802
        return {"value": self._held(request, "bool").value}

    def getStringAttribute(self, request: Request) -> Any:  # noqa: N802
        return {"value": self._held(request, "string").value}

    def getDatetimeAttribute(self, request: Request) -> Any:  # noqa: N802
        return {"value": _iso(self._held(request, "datetime").value)}

    def getStringSetAttribute(self, request: Request) -> Any:  # noqa: N802
        return {"values": self._held(request, "stringSet").value}

    def getFileAttribute(self, request: Request) -> Any:  # noqa: N802
        return self._held(request, "file").value

    def getFloatSeriesAttribute(self, request: Request) -> Any:  # noqa: N802
        return {"last": self._held(request, "floatSeries").points[-1].value}

    def getStringSeriesAttribute(self, request: Request) -> Any:  # noqa: N802
        return {"last": self._held(request, "stringSeries").points[-1].value}

    def getFloatSeriesValues(self, request: Request) -> Any:  # noqa: N802
        return self._page(request, "floatSeries")

    def getStringSeriesValues(self, request: Request) -> Any:  # noqa: N802
        return self._page(request, "stringSeries")

    def _page(self, request: Request, kind: str) -> Any:
        points = self._held(request, kind).points
        first, most = int(request.query["offset"]), min(int(request.query["limit"]), 10_000)
        values = [
            {"timestampMillis": point.ms, "step": point.step / _MILLION, "value": point.value}
            for point in points[first : first + most]
        ]
        return {"totalItemCount": len(points), "values": values}

    def searchLeaderboardEntries(self, request: Request) -> Any:  # noqa: N802
        params = request.json
        project = self._state.project_of(request.query["projectIdentifier"])
        if project is None:
            raise Refused(404)
        wanted = {each["path"] for each in params.get("attributeFilters") or ()}
        query = (params.get("query") or {}).get("query") or ""
        found = [run for run in self._state.runs_in(project) if matches(query, self._state.read(run))]
        page = params["pagination"]
        some = found[page["offset"] : page["offset"] + page["limit"]]
        entries = [
            {
                "experimentId": run.id,
                "attributes": [
                    _told(path, held) for path, held in self._state.read(run).items() if not wanted or path in wanted
                ],
            }
            for run in some
        ]
        return {"matchingItemCount": len(found), "entries": entries}

    def searchLeaderboardAttributes(self, request: Request) -> Any:  # noqa: N802
        project = self._state.project_of(request.query["projectIdentifier"])
        if project is None:
            raise Refused(404)
        kinds = {
            (path, held.type)
            for run in self._state.runs_in(project)
            for path, held in run.attributes.items()
            if request.query["search"] in path
        }
        return {"entries": [{"name": path, "type": kind} for path, kind in sorted(kinds)]}

    # ---- files ---------------------------------------------------------------------------

    def fileAtomUpload(self, request: Request) -> Any:  # noqa: N802
        return self._keep(request, request.query.get("ext", ""), request.body)

    def fileAtomMultipartUploadStart(self, request: Request) -> Any:  # noqa: N802
        self._run(request)
        upload = str(uuid.uuid4())
        self._state.uploads[upload] = {}
        self._state.blobs[f"upload/{upload}"] = request.query.get("ext", "").encode()
        return {"errors": [], "uploadId": upload}

    def fileAtomMultipartUploadPart(self, request: Request) -> Any:  # noqa: N802
        parts = self._state.uploads[request.query["uploadId"]]
        first, _, last = request.headers["x-range"].partition("=")[2].partition("/")[0].partition("-")
        if int(last) - int(first) + 1 != len(request.body):
            raise Refused(400, {"title": "Length of stream does not match given range"})
        parts[int(first)] = request.body
        return {"errors": []}

    def fileAtomMultipartUploadFinish(self, request: Request) -> Any:  # noqa: N802
        parts = self._state.uploads.pop(request.query["uploadId"])
        ext = self._state.blobs.pop(f"upload/{request.query['uploadId']}").decode()
        return self._keep(request, ext, b"".join(parts[first] for first in sorted(parts)))

    def _keep(self, request: Request, ext: str, content: bytes) -> Any:
        run, path = self._run(request), request.query["attribute"]
        known = {"name": path.rpartition("/")[2], "ext": ext, "size": len(content)}
        code = self._state.assign(run, path, "file", known)
        if code is not None:
            return {"errors": [{"errorDescription": f"{path}: {code}"}]}
        self._state.blobs[f"{run.id}:{path}"] = content
        return {"errors": []}

    def downloadAttribute(self, request: Request) -> Answer:  # noqa: N802
        run = self._run(request)
        content = self._state.blobs.get(f"{run.id}:{request.query['attribute']}")
        if content is None:
            raise Refused(404)
        return Answer(content, headers={"Content-Type": "application/octet-stream"})


_STEP_CODES = {"SERIES_STEP_NON_INCREASING", "SERIES_POINT_DUPLICATE"}


def _points(entries: list[dict[str, Any]], held: Attribute | None) -> list[Point]:
    """Return what is to be appended; an entry without a step gets the whole one behind the newest."""
    last = held.points[-1].step if held is not None and held.points else -_MILLION
    found = []
    for entry in entries:
        step, value = entry["step"], entry["value"]
        if isinstance(value, float) and not math.isfinite(value):
            raise Refused(400, {"title": "no JSON number"})
        last = round(step * _MILLION) if step is not None else (last // _MILLION + 1) * _MILLION
        found.append(Point(last, int(entry["timestampMilliseconds"]), value))
    return found


def _told(path: str, held: Attribute) -> dict[str, Any]:
    if held.type in ("floatSeries", "stringSeries"):
        properties: dict[str, Any] = {"last": held.points[-1].value}
    elif held.type == "stringSet":
        properties = {"values": held.value}
    elif held.type == "file":
        properties = dict(held.value)
    else:
        properties = {"value": _iso(held.value) if held.type == "datetime" else held.value}
    kind = {"attributeName": path, "attributeType": held.type}
    return {"name": path, "type": held.type, f"{held.type}Properties": kind | properties}


def _iso(ms: int) -> str:
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC).isoformat().replace("+00:00", "Z")

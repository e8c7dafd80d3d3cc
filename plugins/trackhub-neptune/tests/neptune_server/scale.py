"""Serve the routes of Neptune 3.x; from the clients' protobufs and JSON, to the state and back."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable

from neptune_api.proto.google_rpc.code_pb2 import Code
from neptune_api.proto.neptune_pb.ingest.v1.common_pb2 import SET_OPERATION, UpdateRunSnapshot, Value
from neptune_api.proto.neptune_pb.ingest.v1.ingest_pb2 import IngestCode
from neptune_api.proto.neptune_pb.ingest.v1.pub.client_pb2 import BulkRequestStatus, RequestIdList, SubmitResponse
from neptune_api.proto.neptune_pb.ingest.v1.pub.ingest_pb2 import RunOperation
from neptune_api.proto.neptune_pb.ingest.v1.pub.request_status_pb2 import RequestStatus

from neptune_server.retrieval import Retrieval
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
from neptune_server.state import Point, Run

_MILLION = 1_000_000
_PART = 5 * 1024 * 1024
_CONFIG = "/api/backend/v1/clients/config"
_OPEN = {_CONFIG, "/oidc", "/oidc/token", "/api/backend/v1/authorization/oauth-token"}
_PLAIN = {"float64": "float", "int64": "int", "bool": "bool", "string": "string"}
_SERIES = {"float64": "floatSeries", "string": "stringSeries"}


def routes(server: NeptuneServer) -> Routes:
    """Return what answers a request."""
    api = _Api(server)
    retrieval = Retrieval(server.state)
    handlers: dict[str, Callable[[Request], Answer]] = {
        _CONFIG: api.config,
        "/oidc": api.discovery,
        "/oidc/token": api.refresh,
        "/api/backend/v1/authorization/oauth-token": api.exchange,
        "/api/backend/v1/projects/get": api.project,
        "/api/client/v1/ingest": api.ingest,
        "/api/client/v1/ingest/check": api.check,
        "/api/storagebridge/v1/signedUrl": api.sign,
        "/api/storagebridge/v1/s3/completeMultipartUpload": api.complete,
        "/api/leaderboard/v1/proto/leaderboard/entries/search/": retrieval.search,
        "/api/leaderboard/v1/proto/leaderboard/attributes/query": retrieval.attributes,
        "/api/leaderboard/v1/proto/attributes/series/float": retrieval.floats,
        "/api/leaderboard/v1/proto/attributes/series": retrieval.series,
    }

    def answer(request: Request) -> Answer:
        with server.state.lock:
            if request.path.startswith("/storage/"):
                return api.stored(request)
            handler = handlers.get(request.path)
            if handler is None:
                raise Refused(404)
            if request.path not in _OPEN:
                check_bearer(request, server.generation)
            return handler(request)

    return answer


class _Api:
    def __init__(self, server: NeptuneServer) -> None:
        self._server = server
        self._state = server.state
        self._statuses: dict[str, RequestStatus] = {}
        self._checks: dict[str, int] = {}

    # ---- who and where -------------------------------------------------------------------

    def config(self, request: Request) -> Answer:
        security = {"clientId": "tests", "openIdDiscovery": f"{request.url}/oidc"}
        return Answer({"apiUrl": request.url, "applicationUrl": request.url, "pyLibVersions": {}, "security": security})

    def discovery(self, request: Request) -> Answer:
        return Answer(
            {"authorization_endpoint": f"{request.url}/oidc/auth", "token_endpoint": f"{request.url}/oidc/token"}
        )

    def exchange(self, request: Request) -> Answer:
        check_key(request.headers.get("x-neptune-api-token"))
        return Answer(
            {
                "accessToken": access_token(request.url, self._server.generation),
                "refreshToken": "again",
                "username": "ada",
            }
        )

    def refresh(self, request: Request) -> Answer:
        self._server.refresh_tokens += 1
        return Answer({"access_token": access_token(request.url, self._server.generation), "refresh_token": "again"})

    def project(self, request: Request) -> Answer:
        name = self._state.project_of(request.query["projectIdentifier"])
        if name is None:
            raise Refused(404)
        workspace, _, project = name.partition("/")
        known = {"name": project, "organizationName": workspace, "version": 3, "id": self._state.projects[name]}
        return Answer({**known, "projectKey": project[:3].upper(), "organizationId": workspace})

    # ---- writing -------------------------------------------------------------------------

    def ingest(self, request: Request) -> Answer:
        operation = RunOperation.FromString(request.body)
        kind = operation.WhichOneof("operation")
        updates = operation.update_batch.snapshots if kind == "update_batch" else [operation.update]
        tear = self._server.tear()
        codes = self._create(operation) if kind == "create" else self._update(operation, list(updates)[:tear])
        if tear is not None:
            raise Refused(503)
        ids = [uuid.uuid4().hex]
        self._statuses[ids[0]] = _status(codes)
        self._checks[ids[0]] = self._state.rules.checks_until_done
        return Answer(SubmitResponse(request_id=ids[0], request_ids=ids).SerializeToString())

    def check(self, request: Request) -> Answer:
        asked = RequestIdList.FromString(request.body)
        statuses = []
        for one in asked.ids:
            left = self._checks.get(one.value, 0)
            self._checks[one.value] = left - 1
            statuses.append(self._statuses[one.value] if left <= 0 else _status([], Code.UNAVAILABLE))
        return Answer(BulkRequestStatus(statuses=statuses).SerializeToString())

    def _create(self, operation: RunOperation) -> list[str]:
        project = self._state.project_of(operation.project)
        if project is None:
            return ["PROJECT_NOT_FOUND"]
        run, new = self._state.create(project, operation.run_id)
        created = operation.create
        made = b"\0".join(
            (created.family.encode(), created.fork_point.SerializeToString(), created.experiment_id.encode())
        )
        if not new:
            return ["RUN_DUPLICATE" if made == run.creation else "RUN_CONFLICTING"]
        run.creation = made
        if created.HasField("creation_time"):
            run.attributes["sys/creation_time"].value = created.creation_time.ToMilliseconds()
        if created.experiment_id:
            self._state.assign(run, "sys/name", "string", created.experiment_id)
        return ["OK"]

    def _update(self, operation: RunOperation, snapshots: list[UpdateRunSnapshot]) -> list[str]:
        run = self._state.run_of(f"CUSTOM/{operation.project}/{operation.run_id}")
        if run is None:
            return ["RUN_NOT_FOUND"]
        self._state.touch(run)
        codes: list[str] = []
        series: dict[tuple[str, str], list[Point]] = {}
        for snapshot in snapshots:
            codes += [self._assign(run, path, value) for path, value in snapshot.assign.items()]
            for path, change in snapshot.modify_sets.items():
                added = [text for text, how in change.string.values.items() if how == SET_OPERATION.ADD]
                codes.append(self._state.extend(run, path, added) or "OK")
            step = snapshot.step.whole * _MILLION + snapshot.step.micro
            for path, value in snapshot.append.items():
                held = value.WhichOneof("value")
                if held not in _SERIES:
                    codes.append("FIELD_TYPE_UNSUPPORTED")
                    continue
                point = Point(step, snapshot.timestamp.ToMilliseconds(), getattr(value, held))
                series.setdefault((path, _SERIES[held]), []).append(point)
        for (path, kind), points in series.items():
            codes += [code or "OK" for code in self._state.append(run, path, kind, points)]
        return codes

    def _assign(self, run: Run, path: str, value: Value) -> str:
        held = value.WhichOneof("value")
        if held == "timestamp":
            return self._state.assign(run, path, "datetime", value.timestamp.ToMilliseconds()) or "OK"
        if held == "string_set":
            return self._state.extend(run, path, value.string_set.values) or "OK"
        if held == "file_ref":
            ref = value.file_ref
            known = {"path": ref.path, "sizeBytes": ref.size_bytes, "mimeType": ref.mime_type}
            return self._state.assign(run, path, "fileRef", known) or "OK"
        return self._state.assign(run, path, _PLAIN[held], getattr(value, held)) or "OK"

    # ---- files ---------------------------------------------------------------------------

    def sign(self, request: Request) -> Answer:
        signed = []
        for file in request.json["files"]:
            path, project = file["path"], file["project_identifier"]
            place = hashlib.sha256(f"{project}\0{path}".encode()).hexdigest()
            url = f"{request.url}/storage/{place}?signature=secret-of-the-storage"
            told = {"path": path, "project_identifier": project, "provider": "aws", "url": url}
            if file["permission"] == "write" and (file.get("size") or 0) > _PART:
                upload = f"{place}-{uuid.uuid4().hex}"
                self._state.uploads[upload] = {}
                parts = -(-file["size"] // _PART)
                urls = [f"{request.url}/storage/{upload}/{number}" for number in range(1, parts + 1)]
                told["multipart"] = {"upload_id": upload, "part_size": _PART, "part_urls": urls}
            signed.append(told)
        return Answer({"files": signed})

    def stored(self, request: Request) -> Answer:
        _, _, place, *part = request.path.split("/")
        if request.method == "PUT":
            if part:
                self._state.uploads[place][int(part[0])] = request.body
            else:
                self._state.blobs[place] = request.body
            return Answer(b"", headers={"ETag": f'"{hashlib.sha256(request.body).hexdigest()}"'})
        if place not in self._state.blobs:
            raise Refused(404)
        return Answer(self._state.blobs[place], headers={"Content-Type": "application/octet-stream"})

    def complete(self, request: Request) -> Answer:
        told = request.json
        parts = self._state.uploads.pop(told["upload_id"])
        wanted = {number: hashlib.sha256(content).hexdigest() for number, content in parts.items()}
        if {part["part_number"]: part["etag"].strip('"') for part in told["parts"]} != wanted:
            raise Refused(400)
        place = told["upload_id"].partition("-")[0]
        self._state.blobs[place] = b"".join(parts[number] for number in sorted(parts))
        return Answer(b"", 204)


def _status(codes: list[str], code: int | None = None) -> RequestStatus:
    if code is not None:
        return RequestStatus(code_by_count=[RequestStatus.CodeByCount(code=code, count=1)])
    counted = [
        RequestStatus.CodeByCount(
            code=Code.OK if one == "OK" else Code.INVALID_ARGUMENT, count=codes.count(one), detail=IngestCode.Value(one)
        )
        for one in dict.fromkeys(codes or ["OK"])
    ]
    return RequestStatus(code_by_count=counted)

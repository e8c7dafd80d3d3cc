"""Describe the routes of Neptune 2.x as the client asks for them; from a table, to Swagger 2.0."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

_TEXT, _NUMBER, _WHOLE, _FLAG = ({"type": name} for name in ("string", "number", "integer", "boolean"))
_ANY: dict[str, Any] = {"type": "object"}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/definitions/{name}"}


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


_VALUES = {"floatProperties": _NUMBER, "intProperties": _WHOLE, "boolProperties": _FLAG, "stringProperties": _TEXT}
_MODELS: dict[str, dict[str, Any]] = {
    "ClientConfig": {
        "apiUrl": _TEXT,
        "applicationUrl": _TEXT,
        "pyLibVersions": _ref("Versions"),
        "multiPartUpload": _ref("MultiPartUpload"),
        "artifacts": _ref("Artifacts"),
        "sysNameSetByBackend": _FLAG,
    },
    "Versions": dict.fromkeys(("minRecommendedVersion", "minCompatibleVersion", "maxCompatibleVersion"), _TEXT),
    "MultiPartUpload": {
        "enabled": _FLAG,
        **dict.fromkeys(("minChunkSize", "maxChunkSize", "maxChunkCount", "maxSinglePartSize"), _WHOLE),
    },
    "Artifacts": {"enabled": _FLAG, "apiVersion": _WHOLE},
    "Tokens": {"accessToken": _TEXT, "refreshToken": _TEXT, "username": _TEXT},
    "Project": {"id": _TEXT, "name": _TEXT, "organizationName": _TEXT, "projectKey": _TEXT, "version": _WHOLE},
    "Projects": {"entries": _list(_ref("Project")), "matchingItemCount": _WHOLE},
    "Organization": {"id": _TEXT, "name": _TEXT},
    "Experiment": {
        **dict.fromkeys(("id", "type", "shortId", "organizationName", "projectName"), _TEXT),
        "trashed": _FLAG,
    },
    "OperationError": {"errorDescription": _TEXT},
    "Attributes": {"attributes": _list(_ref("Attribute"))},
    "Attribute": {
        "name": _TEXT,
        "type": _TEXT,
        **{name: _ref(name) for name in _VALUES},
        **{name: _ref(name) for name in ("datetimeProperties", "experimentStateProperties", "stringSetProperties")},
        **{name: _ref(name) for name in ("floatSeriesProperties", "stringSeriesProperties", "fileProperties")},
    },
    **{name: {"value": kind} for name, kind in _VALUES.items()},
    "datetimeProperties": {"value": {"type": "string", "format": "date-time"}},
    "experimentStateProperties": {"value": _TEXT},
    "stringSetProperties": {"values": _list(_TEXT)},
    "floatSeriesProperties": {"last": _NUMBER},
    "stringSeriesProperties": {"last": _TEXT},
    "fileProperties": {"name": _TEXT, "ext": _TEXT, "size": _WHOLE},
    "FloatPoint": {"timestampMillis": _WHOLE, "step": _NUMBER, "value": _NUMBER},
    "StringPoint": {"timestampMillis": _WHOLE, "step": _NUMBER, "value": _TEXT},
    "FloatPoints": {"totalItemCount": _WHOLE, "values": _list(_ref("FloatPoint"))},
    "StringPoints": {"totalItemCount": _WHOLE, "values": _list(_ref("StringPoint"))},
    "Uploaded": {"errors": _list(_ref("OperationError")), "uploadId": _TEXT},
    "AttributeDefinitions": {"entries": _list(_ref("AttributeDefinition"))},
    "AttributeDefinition": {"name": _TEXT, "type": _TEXT},
}

_PLACE = ("experimentId", "attribute")
_UPLOAD = ("experimentIdentifier", "attribute")
# operation: method, whether it is the leaderboard's, query, body, answer
_Route = tuple[str, bool, tuple[str, ...], str | None, dict[str, Any]]
ROUTES: dict[str, _Route] = {
    "getClientConfig": ("get", False, ("alpha",), None, _ref("ClientConfig")),
    "exchangeApiToken": ("get", False, (), None, _ref("Tokens")),
    "getProject": ("get", False, ("projectIdentifier",), None, _ref("Project")),
    "listProjects": ("get", False, ("organizationIdentifier", "searchTerm"), None, _ref("Projects")),
    "listOrganizations": ("get", False, (), None, _list(_ref("Organization"))),
    "createExperiment": ("post", True, (), "experimentCreationParams", _ref("Experiment")),
    "getExperiment": ("get", True, ("experimentId",), None, _ref("Experiment")),
    "getExperimentAttributes": ("get", True, ("experimentId",), None, _ref("Attributes")),
    "executeOperations": ("post", True, ("experimentId",), "operations", _list(_ref("OperationError"))),
    "ping": ("post", True, ("experimentId",), None, _ANY),
    "getFloatAttribute": ("get", True, _PLACE, None, _ref("floatProperties")),
    "getIntAttribute": ("get", True, _PLACE, None, _ref("intProperties")),
    "getBoolAttribute": ("get", True, _PLACE, None, _ref("boolProperties")),
    "getStringAttribute": ("get", True, _PLACE, None, _ref("stringProperties")),
    "getDatetimeAttribute": ("get", True, _PLACE, None, _ref("datetimeProperties")),
    "getStringSetAttribute": ("get", True, _PLACE, None, _ref("stringSetProperties")),
    "getFileAttribute": ("get", True, _PLACE, None, _ref("fileProperties")),
    "getFloatSeriesAttribute": ("get", True, _PLACE, None, _ref("floatSeriesProperties")),
    "getStringSeriesAttribute": ("get", True, _PLACE, None, _ref("stringSeriesProperties")),
    "getFloatSeriesValues": ("get", True, (*_PLACE, "offset", "limit"), None, _ref("FloatPoints")),
    "getStringSeriesValues": ("get", True, (*_PLACE, "offset", "limit"), None, _ref("StringPoints")),
    "downloadAttribute": ("get", True, _PLACE, None, _ANY),
    "searchLeaderboardEntries": ("post", True, ("projectIdentifier", "type"), "params", _ANY),
    "searchLeaderboardAttributes": (
        "post",
        True,
        ("projectIdentifier", "search", "type"),
        "params",
        _ref("AttributeDefinitions"),
    ),
    "fileAtomUpload": ("post", True, (*_UPLOAD, "ext"), None, _ref("Uploaded")),
    "fileAtomMultipartUploadStart": ("post", True, (*_UPLOAD, "ext", "totalLength"), None, _ref("Uploaded")),
    "fileAtomMultipartUploadPart": ("post", True, (*_UPLOAD, "uploadId", "uploadPartIdx"), None, _ref("Uploaded")),
    "fileAtomMultipartUploadFinish": ("post", True, (*_UPLOAD, "uploadId"), None, _ref("Uploaded")),
}
_HEADERS = {
    "getClientConfig": "X-Neptune-Api-Token",
    "exchangeApiToken": "X-Neptune-Api-Token",
    "createExperiment": "X-Neptune-CliVersion",
}


def path_of(operation: str) -> str:
    """Return where an operation is served."""
    part = "leaderboard" if ROUTES[operation][1] else "backend"
    return f"/api/{part}/v1/op/{operation}"


def swagger(url: str, *, leaderboard: bool) -> dict[str, Any]:
    """Return the description of one of the two services."""
    place = urlsplit(url)
    paths = {
        path_of(name): {method: _operation(name, query, body, answer)}
        for name, (method, of_leaderboard, query, body, answer) in ROUTES.items()
        if of_leaderboard == leaderboard
    }
    models = {name: {"type": "object", "title": name, "properties": properties} for name, properties in _MODELS.items()}
    return {
        "swagger": "2.0",
        "info": {"title": "a Neptune of tests", "version": "2"},
        "host": place.netloc,
        "schemes": [place.scheme],
        "basePath": "/",
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "paths": paths,
        "definitions": models,
    }


def _operation(name: str, query: tuple[str, ...], body: str | None, answer: dict[str, Any]) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": each, "in": "query", "type": "array", "items": _TEXT, "collectionFormat": "multi", "required": False}
        if each == "type"
        else {"name": each, "in": "query", "type": "string", "required": False}
        for each in query
    ]
    if name in _HEADERS:
        parameters.append({"name": _HEADERS[name], "in": "header", "type": "string", "required": False})
    if body is not None:
        schema = _list(_ANY) if body == "operations" else _ANY
        parameters.append({"name": body, "in": "body", "required": True, "schema": schema})
    answers = {"200": {"description": "done", "schema": answer}}
    return {"operationId": name, "tags": ["api"], "parameters": parameters, "responses": answers}

"""Answer what the SDK asks about runs and projects; from the state, to GraphQL's data."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable
from typing import Any

from wandb_server.state import Refused, Run, State

Variables = dict[str, Any]
_COLUMNS = {"displayName": "display_name", "groupName": "group", "jobType": "job_type"}
_TEXTS = ("notes", "description", "config")
_LARGEST_EXACT = 2**53


class Runs:
    """Serve the operations on runs.

    :ivar operations: what is called for each operation name.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self.operations: dict[str, Callable[[Variables], Any]] = {
            "Viewer": self._viewer,
            "GetViewer": self._viewer,
            "GetDefaultEntity": self._viewer,
            "VerifyLogin": self._viewer,
            "ServerFeaturesQuery": self._features,
            "RunResumeStatus": self._resume_status,
            "UpsertBucket": self._upsert,
            "Run": self._run,
            "RunState": self._run,
            "QueryRunInfo": self._run,
            "Runs": self._list,
            "RunHistoryKeys": self._run,
            "RunParquetHistory": self._parquet,
            "HistoryPage": self._page,
            "GetProjects": self._projects,
            "GetProject": self._project,
            "DeleteRun": self._delete,
            "UpdateRunState": self._update_state,
        }

    def _viewer(self, _: Variables) -> Any:
        viewer = {
            "id": "user-1",
            "entity": "team",
            "username": "ada",
            "name": "Ada",
            "email": "ada@example.org",
            "admin": False,
            "flags": "{}",
            "deletedAt": None,
            "apiKeys": None,
            "teams": {"edges": [{"node": {"name": "team"}}]},
        }
        return {"viewer": viewer}

    def _features(self, _: Variables) -> Any:
        return {"serverInfo": {"features": []}}

    def _resume_status(self, given: Variables) -> Any:
        run = self._state.run(given["entity"], given["project"], given["name"])
        model: dict[str, Any] = {"id": "model-1", "name": given["project"], "entity": _entity(given["entity"])}
        model["bucket"] = run and self._shown(run)
        return {"model": model}

    def _upsert(self, given: Variables) -> Any:
        made = False
        if given.get("id"):
            run = self._state.by_id(given["id"])
            self._state.wrote(run)
        else:
            entity = given.get("entity") or "team"
            found = self._state.run(entity, given["project"], given["name"])
            run = found or self._state.make(entity, given["project"], given["name"])
            made = found is None
            run.state = given.get("state") or "running"
        for theirs, value in given.items():
            ours = _COLUMNS.get(theirs, theirs)
            if value is not None and (theirs in _COLUMNS or theirs in _TEXTS or theirs == "tags"):
                setattr(run, ours, value)
        if given.get("display_name") is not None:  # as the public API names it
            run.display_name = given["display_name"]
        if self._state.behaviour.longest_name is not None:
            run.display_name = run.display_name and run.display_name[: self._state.behaviour.longest_name]
        if any(not 0 < len(tag) <= 64 for tag in run.tags):
            raise Refused("a tag has from 1 to 64 characters")
        if given.get("summaryMetrics") is not None:
            run.summary = given["summaryMetrics"]
        json.loads(run.config)
        return {"upsertBucket": {"bucket": self._shown(run), "inserted": made}}

    def _run(self, given: Variables) -> Any:
        if (given["entity"], self._state.project_name(given["entity"], given["project"])) not in self._state.projects:
            return {"project": None}
        run = self._state.run(given["entity"], given["project"], given.get("name") or given.get("run") or "")
        return {"project": {"id": "model-1", "internalId": "1", "run": run and self._shown(run)}}

    def _list(self, given: Variables) -> Any:
        found = [run for (entity, project, _), run in self._state.runs.items() if entity == given["entity"]
                 and project == self._state.project_name(entity, given["project"])]  # fmt: skip
        if (given["entity"], self._state.project_name(given["entity"], given["project"])) not in self._state.projects:
            return {"project": None}
        found.sort(key=lambda run: run.created)
        first = int(given.get("cursor") or 0)
        some = found[first : first + (given.get("perPage") or 50)]
        edges = [{"node": self._shown(run), "cursor": str(first + place)} for place, run in enumerate(some, 1)]
        more = {"endCursor": str(first + len(some)), "hasNextPage": first + len(some) < len(found)}
        listed = {"edges": edges, "pageInfo": more}
        return {"project": {"internalId": "1", "runCount": len(found), "readOnly": False, "runs": listed}}

    def _parquet(self, given: Variables) -> Any:
        self._state.need(given["entity"], given["project"], given["runName"])
        return {"project": {"run": {"parquetHistory": {"parquetUrls": [], "liveData": []}}}}

    def _page(self, given: Variables) -> Any:
        run = self._state.need(given["entity"], given["project"], given["run"])
        rows = []
        for text in self._state.told(run)["lines"]:
            row = json.loads(text)
            if given["minStep"] <= row["_step"] < given["maxStep"]:
                rows.append(json.dumps(self._spoilt(row)))
        return {"project": {"run": {"history": rows[: given["pageSize"]]}}}

    def _projects(self, given: Variables) -> Any:
        edges = [
            {
                "node": {
                    "__typename": "Project",
                    "id": f"model-{name}",
                    "name": name,
                    "entityName": entity,
                    "createdAt": _time(created),
                    "isBenchmark": False,
                    "user": None,
                }
            }
            for (entity, name), created in self._state.projects.items()
            if entity == given["entity"]
        ]
        more = {"__typename": "PageInfo", "endCursor": None, "hasNextPage": False}
        return {"models": {"pageInfo": more, "edges": edges}}

    def _project(self, given: Variables) -> Any:
        return {"project": {"id": "model-1", "internalId": "1", "name": given["name"], "entityName": given["entity"]}}

    def _delete(self, given: Variables) -> Any:
        run = self._state.by_id(given["id"])
        del self._state.runs[run.entity, run.project, run.name]
        return {"deleteRun": {"clientMutationId": None}}

    def _update_state(self, given: Variables) -> Any:
        given = given["input"]
        if given["state"] not in {"pending", "failed"}:
            raise Refused(f"no run can be made {given['state']}")
        self._state.by_id(given["id"]).state = given["state"]
        return {"updateRunState": {"success": True}}

    def _shown(self, run: Run) -> dict[str, Any]:
        told = self._state.told(run)
        lines = told["lines"]
        last = json.loads(lines[-1])["_step"] if lines else -1
        steps = [json.loads(line)["_step"] for line in lines[-2000:]]
        return {
            "id": run.id,
            "name": run.name,
            "projectId": "1",
            "displayName": run.display_name or run.name,
            "description": run.description,
            "notes": run.notes,
            "tags": run.tags,
            "group": run.group,
            "jobType": run.job_type,
            "sweepName": None,
            "commit": None,
            "readOnly": False,
            "state": run.state,
            "config": run.config,
            "summaryMetrics": run.summary,
            "systemMetrics": "{}",
            "createdAt": _time(run.created),
            "heartbeatAt": _time(run.created),
            "user": {"name": "Ada", "username": "ada"},
            "project": {"id": "model-1", "name": run.project, "entity": _entity(run.entity)},
            "historyLineCount": told["historyLineCount"],
            "logLineCount": 0,
            "eventsLineCount": 0,
            "historyTail": json.dumps(lines[-1:]),
            "eventsTail": "[]",
            "wandbConfig": json.dumps(_internal(run.config)),
            "historyKeys": {"lastStep": max([last, *steps]), "sets": [], "keys": {}},
        }

    def _spoilt(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row as a server may tell it that keeps columns of doubles."""
        if not self._state.behaviour.loses_numbers:
            return row
        told: dict[str, Any] = {}
        for key, value in row.items():
            if isinstance(value, float) and not math.isfinite(value):
                told[key] = None
            elif isinstance(value, int) and not key.startswith("_"):
                told[key] = value if abs(value) <= _LARGEST_EXACT else float(value)
            else:
                told[key] = value
        return told


def _internal(config: str) -> dict[str, Any]:
    """Return what a config says of the SDK that began the run; without it, the SDK takes a run to be new."""
    held = (json.loads(config).get("_wandb") or {}).get("value") or {}
    return {"t": held["t"]} if "t" in held else {}


def _entity(name: str) -> dict[str, str]:
    return {"id": f"entity-{name}", "name": name}


def _time(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat().replace("+00:00", "Z")

"""Answer the REST routes, ``rest/v2/…``: what the SDK's ``API`` reads and writes."""

from __future__ import annotations

import secrets
from typing import Any

from comet_server import answers
from comet_server.exchange import Answer, Request, refusal
from comet_server.logger import upload
from comet_server.state import Experiment, State, now_ms


class Rest:
    """Hold the routes."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._behaviour = state.behaviour
        self.routes = {
            "account-details": lambda _: Answer({"userName": "somebody", "defaultWorkspaceName": "default"}),
            "workspaces": self.workspaces,
            "projects": self.projects,
            "experiments": self.experiments,
            "experiments/multi-metric-chart": self.chart,
            "experiment/metadata": lambda request: Answer(answers.metadata(self._held(request))),
            "experiment/metrics/get-all": self.metrics,
            "experiment/metrics/get-metric": self.metrics,
            "experiment/metrics/summary": self.metric_summary,
            "experiment/parameters": lambda request: Answer({"values": answers.summaries(self._held(request).params)}),
            "experiment/log-other": lambda request: Answer({"values": answers.summaries(self._held(request).others)}),
            "experiment/tags": lambda request: Answer({"tags": list(self._held(request).tags)}),
            "experiment/asset/list": self.assets,
            "experiment/asset/get-asset": self.asset,
            "experiment/system-details": lambda request: Answer(self._held(request).details),
            "experiment/git/metadata": lambda request: Answer(self._held(request).git),
            "write/experiment/create": self.create,
            "write/experiment/log-other": self.other,
            "write/experiment/metric": self.metric,
            "write/experiment/parameter": self.param,
            "write/experiment/output": self.output,
            "write/experiment/tags": self.add_tags,
            "write/experiment/tags/delete": self.delete_tags,
            "write/experiment/update-status": self.status,
            "write/experiment/set-start-end-time": self.times,
            "write/experiment/upload-asset": lambda request: upload(self._state, self._held(request), request, None),
            "write/experiment/asset/delete": self.delete_asset,
            "write/experiment/delete": self.delete,
            "write/experiment/system-details": self.details,
            "write/experiment/git/metadata": self.git,
            "write/experiment/file-path": lambda _: Answer(),
        }

    def _held(self, request: Request) -> Experiment:
        return self._state.of(request.json.get("experimentKey"))

    # ---- reading -------------------------------------------------------------------------

    def workspaces(self, request: Request) -> Answer:
        """Tell the workspaces."""
        del request
        return Answer({"workspaceNames": sorted({held.workspace for held in self._alive()})})

    def projects(self, request: Request) -> Answer:
        """Tell a workspace's projects."""
        names = {held.project: None for held in self._alive() if held.workspace == request.query.get("workspaceName")}
        return Answer({"projects": [{"projectName": name, "projectId": name} for name in names]})

    def experiments(self, request: Request) -> Answer:
        """Tell a project's experiments."""
        workspace = request.query.get("workspaceName", "")
        project = self._state.project_name(workspace, request.query.get("projectName", ""))
        found = [held for held in self._alive() if (held.workspace, held.project) == (workspace, project)]
        if not found:
            return refusal(404, f"no such project: {project}")
        return Answer({"experiments": [answers.metadata(held) for held in found]})

    def _alive(self) -> list[Experiment]:
        return [held for held in self._state.experiments.values() if not held.deleted]

    def metrics(self, request: Request) -> Answer:
        """Tell metrics: all of them, or one."""
        rows = answers.visible(self._held(request), self._behaviour)
        name = request.query.get("metricName")
        wanted = [row for row in rows if name is None or row.name == name]
        return Answer({"metrics": answers.metrics(wanted, self._behaviour)})

    def metric_summary(self, request: Request) -> Answer:
        """Tell where each metric stands."""
        rows = answers.visible(self._held(request), self._behaviour)
        return Answer({"values": answers.metric_summaries(rows, self._behaviour)})

    def chart(self, request: Request) -> Answer:
        """Tell metrics as columns."""
        found = {}
        for key in request.json["targetedExperiments"]:
            rows = answers.visible(self._state.of(key), self._behaviour)
            columns: list[dict[str, Any]] = []
            for name in request.json["metrics"]:
                some = answers.sampled([row for row in rows if row.name == name], self._behaviour)
                columns.append(
                    {
                        "metricName": name,
                        "values": [row.value for row in some],
                        "steps": [row.step for row in some],
                        "epochs": [row.epoch for row in some],
                        "timestamps": [row.time for row in some],
                    }
                )
            found[key] = {"experimentKey": key, "metrics": columns, "empty": False}
        return Answer({"experiments": found, "empty": not found})

    def assets(self, request: Request) -> Answer:
        """Tell the files."""
        return Answer({"assets": answers.assets(self._held(request), self._behaviour, request.query.get("type"))})

    def asset(self, request: Request) -> Answer:
        """Give a file; the first one of its id."""
        held = self._held(request)
        full = answers.full_metrics(held, self._behaviour) if self._behaviour.full_metrics else []
        found = [asset for asset in (*held.assets, *full) if asset.id == request.query.get("assetId")]
        return Answer(found[0].content) if found else refusal(404, "no such asset")

    # ---- writing -------------------------------------------------------------------------

    def create(self, request: Request) -> Answer:
        """Make an experiment whose key the server chooses."""
        said = request.json
        made = self._state.create(secrets.token_hex(16), said["workspaceName"], said["projectName"])
        return Answer({"experimentKey": made.key})

    def other(self, request: Request) -> Answer:
        """Set an other."""
        held, said = self._held(request), request.json
        self._state.touch(held)
        self._state.put(held.others, said["key"], said["value"], said.get("timestamp"))
        return Answer()

    def metric(self, request: Request) -> Answer:
        """Append one value."""
        self._state.add_metrics(self._held(request), [request.json])
        return Answer()

    def param(self, request: Request) -> Answer:
        """Set one param."""
        held, said = self._held(request), request.json
        self._state.touch(held)
        self._state.put(held.params, said["parameterName"], said["parameterValue"], said.get("timestamp"))
        return Answer()

    def output(self, request: Request) -> Answer:
        """Take lines of output."""
        self._held(request).output += [str(line) for line in request.json.get("outputLines", ())]
        return Answer()

    def add_tags(self, request: Request) -> Answer:
        """Add tags."""
        self._held(request).tags |= dict.fromkeys(request.json["addedTags"])
        return Answer()

    def delete_tags(self, request: Request) -> Answer:
        """Take tags away."""
        held = self._held(request)
        held.tags = {tag: None for tag in held.tags if tag not in request.json["tags"]}
        return Answer()

    def status(self, request: Request) -> Answer:
        """Set whether an experiment runs, and why it does not."""
        held, said = self._held(request), request.json
        held.running, held.crashed, held.error = bool(said["isAlive"]), bool(said["hasCrashed"]), said.get("error")
        held.end = now_ms()
        return Answer()

    def times(self, request: Request) -> Answer:
        """Set times; one that is not given is made up, as Comet documents it."""
        held, said = self._held(request), request.json
        start, end = said.get("startTimeMillis"), said.get("endTimeMillis")
        held.start = start if start is not None else held.start
        held.end = end if end is not None else max(held.end, held.start + 1000)
        return Answer()

    def delete_asset(self, request: Request) -> Answer:
        """Take a file away, and its copies."""
        held = self._held(request)
        held.assets = [asset for asset in held.assets if asset.id != request.query.get("assetId")]
        return Answer()

    def delete(self, request: Request) -> Answer:
        """Take an experiment away."""
        self._held(request).deleted = True
        return Answer()

    def details(self, request: Request) -> Answer:
        """Take what is known of the machine."""
        self._held(request).details |= {name: value for name, value in request.json.items() if value is not None}
        return Answer()

    def git(self, request: Request) -> Answer:
        """Take what is known of the code."""
        self._held(request).git |= request.json
        return Answer()

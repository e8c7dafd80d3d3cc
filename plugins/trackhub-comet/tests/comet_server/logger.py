"""Answer the routes of a running experiment: ``clientlib/…``; what they are given goes into the state."""

from __future__ import annotations

import time
from typing import Any

from comet_server.exchange import Answer, Request, refusal
from comet_server.state import Asset, Experiment, State, now_ms

EXISTS, NO_KEY, NOT_FOUND = 90999, 90212, 90210
BEAT = {
    "is_alive_beat_duration_millis": 10_000,
    "gpu_monitor_interval_millis": 60_000,
    "cpu_monitor_interval_millis": 60_000,
    "parameter_update_interval_millis": 1_000,
    "pending_rpcs": False,
}


class Logger:
    """Hold the routes."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.routes = {
            "logger/add/run": self.add_run,
            "logger/get/run": self.get_run,
            "asset/3d-limits": self.nothing,
            "isAlive/ver": self.version,
            "health/ping": self.nothing,
            "notify/event": self.nothing,
            "log/add": self.nothing,
            "notification/experiment": self.nothing,
            "rpc/get-pending-rpcs": self.rpcs,
            "status-report/update": self.beat,
            "status-report/offline-metadata": self.times,
            "batch/logger/experiment/metric": self.metric_batch,
            "batch/logger/experiment/parameter": self.param_batch,
            "tags/add-tags-to-experiment": self.tags,
            "asset/upload": self.upload,
            "visualizations/upload": self.upload,
            "git-patch/upload": self.upload,
        }

    def nothing(self, request: Request) -> Answer:
        """Take note of nothing."""
        del request
        return Answer()

    def version(self, request: Request) -> Answer:
        """Tell the version."""
        del request
        return Answer({"version": "4.99.0"})

    def rpcs(self, request: Request) -> Answer:
        """Tell that nobody wants anything of the experiment."""
        del request
        return Answer({"remoteProcedureCalls": []})

    def add_run(self, request: Request) -> Answer:
        """Make an experiment, or find it again where that is asked for."""
        said = request.json
        key = said.get("experimentKey") or f"made{now_ms()}"
        held = self._state.experiments.get(key)
        if held is not None and not said.get("getOrCreateEnabled"):
            return refusal(400, "experiment already exists", EXISTS)
        workspace = said.get("teamName") or "default"
        if held is None:
            held = self._state.create(key, workspace, said.get("projectName") or "general")
        else:
            self._state.touch(held)
        return _handshake(held)

    def get_run(self, request: Request) -> Answer:
        """Find an experiment."""
        held = self._state.experiments.get(request.json.get("previousExperiment", ""))
        return _handshake(held) if held else refusal(400, "no such experiment", NOT_FOUND)

    def beat(self, request: Request) -> Answer:
        """Take a heartbeat, or the last one."""
        held = self._state.of(request.json["experimentKey"])
        held.running = bool(request.json["is_alive"])
        held.end = now_ms()
        return Answer(dict(BEAT))

    def times(self, request: Request) -> Answer:
        """Set the times of an offline experiment."""
        held = self._state.of(request.json["experimentKey"])
        held.start = request.json.get("startTimestamp") or held.start
        held.end = request.json.get("endTimestamp") or held.end
        return Answer()

    def metric_batch(self, request: Request) -> Answer:
        """Append metrics; of a batch that fails midway, the first half."""
        values = request.json["values"]
        wait = self._state.over_rate(len(values))
        if wait is not None:
            return refusal(429, "too many values", headers={"Retry-After-Custom": f"{wait:.2f}"})
        held = self._state.of(request.json["experimentKey"])
        if request.half:
            self._state.add_metrics(held, values[: (len(values) + 1) // 2])
            return refusal(500, "failed midway")
        self._state.add_metrics(held, values)
        return Answer()

    def param_batch(self, request: Request) -> Answer:
        """Set params; the last value counts."""
        held = self._state.of(request.json["experimentKey"])
        self._state.touch(held)
        for one in request.json["values"]:
            self._state.put(held.params, one["parameterName"], one["parameterValue"], one.get("timestamp"))
        return Answer()

    def tags(self, request: Request) -> Answer:
        """Add tags."""
        held = self._state.of(request.json["experimentKey"])
        held.tags |= dict.fromkeys(request.json["addedTags"])
        return Answer()

    def upload(self, request: Request) -> Answer:
        """Keep a file."""
        query = request.query
        return upload(self._state, self._state.of(query.get("experimentId")), request, query.get("assetId"))


def upload(state: State, experiment: Experiment, request: Request, asset_id: str | None) -> Answer:
    """Keep the file of a request."""
    query, parts = request.query, request.parts()
    made = asset_id or f"asset{time.monotonic_ns()}"
    asset = Asset(
        id=made,
        name=query.get("fileName") or query.get("figName") or "unnamed",
        kind=query.get("type") or "asset",
        content=parts.get("file", parts.get("link", b"")),
        step=int(query["step"]) if query.get("step", "").isdecimal() else None,
        metadata=parts["metadata"].decode() if "metadata" in parts else None,
        arrived=time.monotonic(),
        created=now_ms(),
    )
    state.add_asset(experiment, asset, overwrite=query.get("overwrite", "").lower() == "true")
    return Answer({"assetId": made, "imageId": made})


def _handshake(held: Experiment) -> Answer:
    said: dict[str, Any] = {
        "runId": held.key,
        "project_id": f"{held.workspace}/{held.project}",
        "focusUrl": f"https://comet.example/{held.workspace}/{held.project.replace(' ', '-')}/",
        "lastOffset": 0,
        "featureToggles": [],
        "s3DirectAccessEnabled": False,
        "name": held.name,
        "cometWebAssetUrl": None,
    }
    return Answer(said)

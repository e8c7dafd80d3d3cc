"""Speak to Comet by the SDK's own HTTP layer: batches with their times, and assets with their ids.

The SDK does not document these parts; :func:`missing_parts` says what a version lacks of them.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import comet_ml
from comet_ml.exceptions import CometRestApiException

from trackhub_comet.points import Row
from trackhub_comet.wire import Wire

_sdk: Any = comet_ml  # half of it has types
_A_PIECE = 1 << 20
_OPEN = 8
_GONE = (400, 404)


def missing_parts() -> list[str]:
    """Return the names of what the installed SDK lacks; none where batches can be sent."""
    missing = []
    for module, names in _PARTS.items():
        try:
            there = __import__(f"comet_ml.{module}", fromlist=["*"])
        except ImportError:
            missing.append(f"comet_ml.{module}")
            continue
        for name in names:
            place, _, method = name.partition(".")
            found = getattr(there, place, None)
            if found is None or (method and not hasattr(found, method)):
                missing.append(f"comet_ml.{module}.{name}")
    return missing


_PARTS = {
    "connection.connection_factory": ("get_rest_server_connection", "get_rest_api_client"),
    "connection.connection_api": (
        "RestServerConnection.add_run",
        "RestServerConnection.log_metrics_batch",
        "RestServerConnection.log_parameters_batch",
        "RestServerConnection.get_upload_url",
        "RestApiClient.log_experiment_other",
        "RestApiClient.update_experiment_error_status",
        "RestApiClient.set_experiment_start_end",
        "RestApiClient.get_all_experiment_metrics",
        "RestApiClient.get_experiment_asset",
    ),
    "connection.connection_upload": ("send_file",),
    "batch_utils": ("MessageBatchItem",),
    "messages": ("MetricMessage.set_metric", "ParameterMessage.set_param"),
}


def connect(api_key: str, server: str | None) -> Wire:
    """Return the wire of most versions.

    :param server: the root of a server, or None for what the SDK is set up for.
    """
    return _Batches(api_key, server)


class _Batches:
    version: str = _sdk.__version__
    is_whole = True

    def __init__(self, api_key: str, server: str | None) -> None:
        from comet_ml.connection.connection_factory import (  # noqa: PLC0415  they may be missing
            get_rest_api_client,
            get_rest_server_connection,
        )

        self._key = api_key
        self._address = f"{server}/clientlib/" if server else None
        self._connect = get_rest_server_connection
        self._rest: Any = get_rest_api_client("v2", server_address=self._address, api_key=api_key, check_version=False)
        self._open: OrderedDict[str, Any] = OrderedDict()
        self._config: Any = _sdk.get_config()

    def create(self, key: str, workspace: str, project: str) -> str | None:
        # Offline, as the SDK's own upload of what was logged before: no heartbeat is waited for.
        made = self._of(key).add_run(project, workspace, offline=True, get_or_create_mode=True)
        return f"{made.focus_link}{key}" if made.focus_link else None

    def metadata(self, key: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = _or_none(lambda: self._rest.get_experiment_metadata(key))
        return found

    def experiments(self, workspace: str, project: str) -> list[dict[str, Any]]:
        found = _or_none(lambda: self._rest.get_project_experiments(workspace, project))
        return list((found or {}).get("experiments", ()))

    def projects(self, workspace: str) -> list[str]:
        return list(self._rest.get_projects(workspace) or ())

    def account(self) -> dict[str, Any]:
        return dict(self._rest.get_account_details())

    def workspace(self) -> str | None:
        return self._config["comet.workspace"] or None

    def others(self, key: str) -> dict[str, str]:
        return _current(self._rest.get_experiment_others_summaries(key))

    def put_other(self, key: str, name: str, text: str) -> None:
        self._rest.log_experiment_other(key, name, text)

    def params(self, key: str) -> dict[str, str]:
        return _current(self._rest.get_experiment_parameters_summaries(key))

    def put_params(self, key: str, texts: Mapping[str, str], time_ms: int) -> None:
        from comet_ml.messages import ParameterMessage  # noqa: PLC0415

        messages = []
        for name, text in texts.items():
            message: Any = ParameterMessage(timestamp=time_ms)
            message.set_param(name, text, source="manual")
            messages.append(message)
        self._of(key).log_parameters_batch(_items(messages))

    def metrics(self, key: str, name: str | None = None) -> list[dict[str, Any]]:
        rest = self._rest
        found = rest.get_all_experiment_metrics(key) if name is None else rest.get_experiment_metric(key, name)
        return list((found or {}).get("metrics", ()))

    def put_metrics(self, key: str, rows: Sequence[Row]) -> None:
        from comet_ml.messages import MetricMessage  # noqa: PLC0415

        messages = []
        for row in rows:
            message: Any = MetricMessage(context=None, timestamp=row.time)
            message.set_metric(row.name, row.value, step=row.step, epoch=row.epoch)
            messages.append(message)
        self._of(key).log_metrics_batch(_items(messages), compress=True)

    def last_values(self, key: str) -> dict[str, str]:
        return _current(self._rest.get_experiment_metrics_summaries(key))

    def tags(self, key: str) -> list[str]:
        return list((self._rest.get_experiment_tags(key) or {}).get("tags", ()))

    def put_tags(self, key: str, tags: Iterable[str], without: Iterable[str]) -> None:
        if without := list(without):
            self._rest.delete_experiment_tags(key, without)
        if tags := list(tags):
            self._rest.add_experiment_tags(key, tags)

    def assets(self, key: str) -> list[dict[str, Any]]:
        return list(self._rest.get_experiment_asset_list(key, "all") or ())

    def put_asset(self, key: str, asset: str, name: str, source: Path, metadata: dict[str, Any]) -> str:
        from comet_ml.connection.connection_helpers import raise_for_status_code  # noqa: PLC0415
        from comet_ml.connection.connection_upload import send_file  # noqa: PLC0415

        answer = send_file(
            self._of(key).get_upload_url("asset"),
            str(source),
            params={"experimentId": key, "assetId": asset, "fileName": name, "type": "asset", "overwrite": "false"},
            headers={"Authorization": self._key},
            timeout=self._config.get_int(None, "comet.timeout.file_upload"),
            session=self._rest.low_level_api_client.session,
            metadata=metadata,
        )
        raise_for_status_code(answer)
        return asset

    def asset(self, key: str, asset: str) -> Iterator[bytes]:
        found = self._rest.get_experiment_asset(asset, key, return_type="response", stream=True)
        with contextlib.closing(found):
            yield from found.iter_content(_A_PIECE)

    def delete_asset(self, key: str, asset: str) -> None:
        _or_none(lambda: self._rest.delete_experiment_asset(key, asset))

    def put_state(self, key: str, *, running: bool, crashed: bool = False, error: str | None = None) -> None:
        self._rest.update_experiment_error_status(key, is_alive=running, error_value=error, has_crashed=crashed)

    def put_times(self, key: str, start_ms: int | None, end_ms: int | None) -> None:
        self._rest.set_experiment_start_end(key, start_ms, end_ms)

    def put_details(self, key: str, details: Mapping[str, Any]) -> None:
        self._rest.set_experiment_system_details(
            _os=details.get("os"),
            command=details.get("command"),
            env=None,
            experiment_key=key,
            hostname=details.get("hostname"),
            ip=None,
            machine=None,
            os_release=None,
            os_type=None,
            pid=None,
            processor=None,
            python_exe=details.get("executable"),
            python_version_verbose=None,
            python_version=details.get("pythonVersion"),
            user=details.get("user"),
        )

    def put_git(self, key: str, git: Mapping[str, str]) -> None:
        names = ("user", "root", "branch", "parent", "origin")
        self._rest.set_experiment_git_metadata(key, **{name: git.get(name) for name in names})

    def close(self) -> None:
        for connection in self._open.values():
            connection.close()
        self._open.clear()
        self._rest.close()

    def _of(self, key: str) -> Any:
        """Return the connection of an experiment; the SDK has one for each."""
        held = self._open.get(key)
        if held is None:
            held = self._open[key] = self._connect(self._key, key, server_address=self._address)
        self._open.move_to_end(key)
        if len(self._open) > _OPEN:
            self._open.popitem(last=False)[1].close()
        return held


def _items(messages: Iterable[Any]) -> list[Any]:
    from comet_ml.batch_utils import MessageBatchItem  # noqa: PLC0415

    return [MessageBatchItem(message) for message in messages]


def _current(found: Any) -> dict[str, str]:
    """Return the newest texts of a summary."""
    return {str(one["name"]): str(one["valueCurrent"]) for one in (found or {}).get("values", ())}


def _or_none(ask: Any) -> Any:
    """Return an answer, or None where Comet says that there is no such thing."""
    try:
        return ask()
    except CometRestApiException as error:
        if error.response.status_code in _GONE:
            return None
        raise

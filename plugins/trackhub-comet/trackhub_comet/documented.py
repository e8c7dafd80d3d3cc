"""Speak to Comet by what the SDK documents, where the parts that take batches are missing: a request a value."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import comet_ml
from comet_ml.exceptions import CometRestApiException

from trackhub_comet import sdk
from trackhub_comet.points import Row
from trackhub_comet.wire import Wire

_sdk: Any = comet_ml  # half of it has types
_ADDRESS = "COMET_URL_OVERRIDE"
_A_PIECE = 1 << 20
_GONE = (400, 404)
_addressing = threading.Lock()
_NOTHING_ELSE = (
    "log_code",
    "log_graph",
    "parse_args",
    "log_git_metadata",
    "log_git_patch",
    "log_env_details",
    "log_env_gpu",
    "log_env_cpu",
    "log_env_network",
    "log_env_disk",
    "log_env_host",
    "auto_param_logging",
    "auto_metric_logging",
    "auto_output_logging",
    "auto_log_co2",
    "auto_histogram_weight_logging",
    "auto_histogram_gradient_logging",
    "auto_histogram_activation_logging",
)


def connect(api_key: str, server: str | None) -> Wire:
    """Return the wire of ``comet_ml.API`` and ``APIExperiment``.

    :param server: the root of a server, or None for what the SDK is set up for.
    """
    return _Documented(api_key, server)


class _Documented:
    version: str = _sdk.__version__
    is_whole = False

    def __init__(self, api_key: str, server: str | None) -> None:
        self._key = api_key
        self._server = server
        self._experiments: dict[str, Any] = {}
        with self._addressed():
            self._api: Any = _sdk.API(api_key=api_key, cache=False)

    def create(self, key: str, workspace: str, project: str) -> str | None:
        quiet: dict[str, Any] = dict.fromkeys(_NOTHING_ELSE, False)
        config = _sdk.ExperimentConfig(disabled=False, **quiet)
        with self._addressed():
            made = _sdk.start(
                api_key=self._key,
                workspace=workspace,
                project_name=project,
                experiment_key=key,
                mode="get_or_create",
                online=True,
                experiment_config=config,
            )
            page = str(made.url) if made.url else None
            made.end()
        return page

    def metadata(self, key: str) -> dict[str, Any] | None:
        found = self._api.get_experiment_by_key(key)
        if found is None:
            return None
        self._experiments[key] = found
        return dict(found.get_metadata())

    def experiments(self, workspace: str, project: str) -> list[dict[str, Any]]:
        found = _or_none(lambda: self._api.get_experiments(workspace, project)) or ()
        self._experiments |= {one.key: one for one in found}
        return [dict(one.get_metadata()) for one in found]

    def projects(self, workspace: str) -> list[str]:
        return list(self._api.get_projects(workspace) or ())

    def account(self) -> dict[str, Any]:
        return dict(self._api.get_account_details())

    def workspace(self) -> str | None:
        return _sdk.get_config("comet.workspace") or None

    def others(self, key: str) -> dict[str, str]:
        return _current(self._of(key).get_others_summary())

    def put_other(self, key: str, name: str, text: str) -> None:
        self._of(key).log_other(name, text)

    def params(self, key: str) -> dict[str, str]:
        return _current(self._of(key).get_parameters_summary())

    def put_params(self, key: str, texts: Mapping[str, str], time_ms: int) -> None:
        for name, text in texts.items():
            self._of(key).log_parameter(name, text, timestamp=time_ms / 1000)

    def metrics(self, key: str, name: str | None = None) -> list[dict[str, Any]]:
        return list(self._of(key).get_metrics(name) or ())

    def put_metrics(self, key: str, rows: Sequence[Row]) -> None:
        experiment = self._of(key)
        for row in rows:
            # The SDK wants seconds, whatever it says, and makes milliseconds of them by cutting.
            seconds = (row.time + 0.5) / 1000 if row.time >= 0 else (row.time - 0.5) / 1000
            experiment.log_metric(row.name, row.value, step=row.step, epoch=row.epoch, timestamp=seconds)

    def last_values(self, key: str) -> dict[str, str]:
        return _current(self._of(key).get_metrics_summary())

    def tags(self, key: str) -> list[str]:
        return list(self._of(key).get_tags() or ())

    def put_tags(self, key: str, tags: Iterable[str], without: Iterable[str]) -> None:
        if without := list(without):
            self._of(key).delete_tags(without)
        if tags := list(tags):
            self._of(key).add_tags(tags)

    def assets(self, key: str) -> list[dict[str, Any]]:
        return list(self._of(key).get_asset_list("all") or ())

    def put_asset(self, key: str, asset: str, name: str, source: Path, metadata: dict[str, Any]) -> str:
        made = self._of(key).log_asset(str(source), name=name, overwrite=False, ftype="asset", metadata=metadata)
        return str((made or {}).get("assetId", asset))

    def asset(self, key: str, asset: str) -> Iterator[bytes]:
        found = self._of(key).get_asset(asset, return_type="response", stream=True)
        with contextlib.closing(found):
            yield from found.iter_content(_A_PIECE)

    def delete_asset(self, key: str, asset: str) -> None:
        _or_none(lambda: self._of(key).delete_asset(asset))

    def put_state(self, key: str, *, running: bool, crashed: bool = False, error: str | None = None) -> None:
        del error  # it is in an other; no documented method takes it
        self._of(key).set_state("running" if running else "crashed" if crashed else "finished")

    def put_times(self, key: str, start_ms: int | None, end_ms: int | None) -> None:
        if start_ms is not None:
            self._of(key).set_start_time(start_ms)
        if end_ms is not None:
            self._of(key).set_end_time(end_ms)

    def put_details(self, key: str, details: Mapping[str, Any]) -> None:
        experiment = self._of(key)
        setters = {
            "command": experiment.set_command,
            "executable": experiment.set_executable,
            "hostname": experiment.set_hostname,
            "os": experiment.set_os,
            "pythonVersion": experiment.set_python_version,
            "user": experiment.set_user,
        }
        for name, value in details.items():
            setters[name](value)

    def put_git(self, key: str, git: Mapping[str, str]) -> None:
        names = ("user", "root", "branch", "parent", "origin")
        self._of(key).set_git_metadata(**{name: git.get(name) for name in names})

    def close(self) -> None:
        self._experiments.clear()

    def _of(self, key: str) -> Any:
        if key not in self._experiments:
            self._experiments[key] = _sdk.APIExperiment(api=self._api, previous_experiment=key)
        return self._experiments[key]

    @contextlib.contextmanager
    def _addressed(self) -> Iterator[None]:
        """Have the SDK take our server, which it takes from the environment alone; and undo what it does."""
        with _addressing, sdk.undone():
            before = os.environ.get(_ADDRESS)
            if self._server is not None:
                os.environ[_ADDRESS] = f"{self._server}/clientlib/"
            try:
                yield
            finally:
                if before is None:
                    os.environ.pop(_ADDRESS, None)
                else:
                    os.environ[_ADDRESS] = before


def _current(found: Any) -> dict[str, str]:
    """Return the newest texts of a summary."""
    return {str(one["name"]): str(one["valueCurrent"]) for one in found or ()}


def _or_none(ask: Callable[[], Any]) -> Any:
    """Return an answer, or None where Comet says that there is no such thing."""
    try:
        return ask()
    except CometRestApiException as error:
        if error.response.status_code in _GONE:
            return None
        raise

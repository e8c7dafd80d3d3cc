"""Hold what every hook needs: the SDK, a store's runs and models, and what is known of a run; the SDK is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any, Protocol

from trackhub.model.entities import RunRef
from trackhub_mlflow.address import Address
from trackhub_mlflow.errors import translated
from trackhub_mlflow.known import KnownRun
from trackhub_mlflow.points import Row
from trackhub_mlflow.registry import Registry
from trackhub_mlflow.runs import Runs
from trackhub_mlflow.shelf import Shelf
from trackhub_mlflow.tail import position_of


class Sdk(Protocol):
    """Say what is taken from the SDK; ``backend.py`` gives it."""

    def client(self, uri: str) -> Any:
        """Return an ``MlflowClient`` of a store."""

    def repository(self, artifacts: str, uri: str) -> Any:
        """Return the ``ArtifactRepository`` of a run."""

    def below(self, uri: str, path: str) -> str:
        """Return the URI of a path below another."""

    def metrics(self, rows: Iterable[Row]) -> list[Any]:
        """Return the SDK's metrics."""

    def params(self, texts: Mapping[str, str]) -> list[Any]:
        """Return the SDK's params."""

    def tags(self, texts: Mapping[str, str]) -> list[Any]:
        """Return the SDK's tags."""


class Session:
    """Speak to one MLflow store; made without I/O, used by one lane's thread.

    :param experiment: takes every run, whatever its project.
    :param artifacts: the URI under which new experiments keep their artifacts.
    """

    def __init__(self, sdk: Sdk, address: Address, experiment: str | None, artifacts: str | None) -> None:
        self._sdk = sdk
        self._address = address
        self._experiment = experiment
        self._artifacts = artifacts
        self._known_runs: dict[str, KnownRun] = {}

    @cached_property
    def _client(self) -> Any:
        return self._sdk.client(self._address.uri)

    @cached_property
    def _runs(self) -> Runs:
        return Runs(self._client, self._address, self._experiment, self._artifacts)

    @cached_property
    def _registry(self) -> Registry:
        return Registry(self._client, self._address.shown)

    def _forget(self) -> None:
        self._known_runs.clear()
        self.__dict__.pop("_registry", None)
        self.__dict__.pop("_runs", None)
        self.__dict__.pop("_client", None)

    def _asking(self) -> AbstractContextManager[None]:
        return translated(self._address.shown)

    def _known(self, ref: RunRef) -> KnownRun:
        if ref.id not in self._known_runs:
            self._known_runs[ref.id] = self._known_of(self._client.get_run(ref.id))
        return self._known_runs[ref.id]

    def _known_of(self, run: Any) -> KnownRun:
        repository = self._sdk.repository(run.info.artifact_uri, self._address.uri)
        return KnownRun(run.data.tags, run.data.metrics, Shelf(repository, self._address.shown))

    def _ref(self, run: Any) -> RunRef:
        page = self._address.run_page(run.info.experiment_id, run.info.run_id)
        return RunRef(id=run.info.run_id, url=page, position=position_of(run.data.tags))

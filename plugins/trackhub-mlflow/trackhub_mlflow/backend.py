"""Open an MLflow store for a lane or a reader; the only module that imports the SDK."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request
from mlflow.utils.uri import append_to_uri_path

from trackhub import hookimpl
from trackhub.model.entities import Connection
from trackhub_mlflow.address import Address
from trackhub_mlflow.connection import probe, within
from trackhub_mlflow.modelling import Modelling
from trackhub_mlflow.points import Row
from trackhub_mlflow.reading import Reading
from trackhub_mlflow.writing import Writing


class MlflowBackend(Writing, Modelling, Reading):
    """Be the backend of one MLflow store."""

    def __init__(self, address: Address, experiment: str | None, artifacts: str | None) -> None:
        super().__init__(_InstalledSdk(), address, experiment, artifacts)

    @hookimpl
    def trackhub_flush(self) -> bool:
        """Say that nothing is held back: every hook returns when MLflow has answered."""
        return True

    @hookimpl
    def trackhub_close(self) -> None:
        """Forget what was known."""
        self._forget()

    @hookimpl
    def trackhub_check_connection(self, deadline: float) -> Connection:
        """Ask the server for its version and for one experiment, so that refused credentials show."""
        with self._asking():
            if self._address.is_database:
                return self._check_database(deadline)
            creds = get_default_host_creds(self._address.uri)  # type: ignore[no-untyped-call]
            shown = self._address.shown
            version = probe(http_request, creds, "/version", deadline, shown)
            probe(http_request, creds, "/api/2.0/mlflow/experiments/search", deadline, shown, json={"max_results": 1})
            return Connection(version=version.strip(), account=creds.username or ("token" if creds.token else None))

    def _check_database(self, deadline: float) -> Connection:
        if self._address.missing:
            folder = self._address.folder
            return Connection(version=mlflow.__version__, detail=f"a new database will be made in {folder}")
        within(deadline, lambda: self._client.search_experiments(max_results=1), self._address.shown)
        return Connection(version=mlflow.__version__, detail="the database is opened directly")


class _InstalledSdk:
    """Give what is taken from the SDK."""

    def client(self, uri: str) -> Any:
        # Given both URIs, as the SDK's own setter would change the whole process.
        return MlflowClient(tracking_uri=uri, registry_uri=uri)

    def repository(self, artifacts: str, uri: str) -> Any:
        return get_artifact_repository(artifacts, tracking_uri=uri)

    def below(self, uri: str, path: str) -> str:
        return str(append_to_uri_path(uri, path))  # type: ignore[no-untyped-call]

    def metrics(self, rows: Iterable[Row]) -> list[Any]:
        return [Metric(row.key, row.value, row.time, row.step) for row in rows]

    def params(self, texts: Mapping[str, str]) -> list[Any]:
        return [Param(key, text) for key, text in texts.items()]

    def tags(self, texts: Mapping[str, str]) -> list[Any]:
        return [RunTag(key, text) for key, text in texts.items()]

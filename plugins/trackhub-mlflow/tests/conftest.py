"""Give tests a real MLflow server, a proxy before it, and backends that speak to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.faultproxy import FaultProxy, fault_proxy
from support.mlflow_server import MlflowServer, mlflow_server
from trackhub_mlflow.options import MlflowOptions
from trackhub_mlflow.plugin import open_backend

from trackhub.backend import Destination

Open = Callable[..., Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the server time to start, and take the SDK's own deprecations for what they are: not ours."""
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy|alembic|pydantic)"))
        if "server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(180))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture
def proxy(server: MlflowServer) -> Iterator[FaultProxy]:
    with fault_proxy(server.url) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('database')}/mlflow.db"


@pytest.fixture
def open_at() -> Iterator[Open]:
    """Return a function that opens a backend by its URL, with options."""
    opened = []

    def open_at(url: str, **options: Any) -> Any:
        backend = open_backend(Destination.parse(f"mlflow+{url}"), MlflowOptions(**options))
        opened.append(backend)
        return backend

    yield open_at
    for backend in opened:
        backend.trackhub_close()


@pytest.fixture(params=["server", "database"])
def backend(request: pytest.FixtureRequest, open_at: Open) -> Any:
    """Return a backend of each kind of store."""
    if request.param == "server":
        return open_at(request.getfixturevalue("server").url)
    return open_at(request.getfixturevalue("database"))


@pytest.fixture
def remote(server: MlflowServer, open_at: Open) -> Any:
    """Return a backend that speaks to the server."""
    return open_at(server.url)


@pytest.fixture
def raw(server: MlflowServer) -> Any:
    """Return MLflow's own client, to see what the server really holds."""
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=server.url, registry_uri=server.url)


@pytest.fixture
def raw_of() -> Callable[[Any], Any]:
    """Return MLflow's own client of the store that a backend speaks to."""
    from mlflow import MlflowClient

    return lambda backend: MlflowClient(tracking_uri=backend._address.uri, registry_uri=backend._address.uri)


@pytest.fixture
def project(request: pytest.FixtureRequest) -> str:
    """Return a project of this test alone."""
    return request.node.nodeid.rpartition("/")[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"

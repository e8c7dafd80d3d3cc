"""Hold MLflow to the whole contract, with the suite that trackhub ships: a real server, and a database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.faultproxy import answer, fault_proxy
from support.mlflow_server import MlflowServer, free_port

from trackhub.testing import BackendSuite


@pytest.fixture(scope="module")
def denying(server: MlflowServer) -> Iterator[str]:
    """Return the URL of a server that refuses every credential."""
    with fault_proxy(server.url) as proxy:
        proxy.rates({answer(401): 1.0}, seed=1)
        yield proxy.url


class TestServer(BackendSuite):
    @pytest.fixture
    def destination_url(self, server: MlflowServer) -> str:
        return f"mlflow+{server.url}"

    @pytest.fixture
    def refused_url(self, denying: str) -> str:
        return f"mlflow+{denying}"


class TestDatabase(BackendSuite):
    @pytest.fixture
    def destination_url(self, database: str) -> str:
        return f"mlflow+{database}"

    @pytest.fixture
    def unreachable_url(self) -> str:
        return f"mlflow+http://127.0.0.1:{free_port()}"

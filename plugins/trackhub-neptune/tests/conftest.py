"""Give tests servers that speak Neptune's protocols, and backends that speak to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from neptune_server import NeptuneServer, Rules, neptune_server
from support.faultproxy import FaultProxy, fault_proxy
from trackhub_neptune.options import NeptuneOptions
from trackhub_neptune.plugin import open_backend

from trackhub.backend import Destination

RULES = {"mild": Rules(), "worst": Rules.worst()}
Open = Callable[..., Any]


def pytest_configure(config: pytest.Config) -> None:
    """Take the deprecations of what the 2.x client brings for what they are: not ours."""
    for module in ("neptune", "bravado", "jsonschema", "swagger_spec_validator"):
        config.addinivalue_line("filterwarnings", f"ignore::DeprecationWarning:{module}")


@pytest.fixture(params=["v1", "scale"])
def api(request: pytest.FixtureRequest) -> str:
    """Name each of Neptune's products."""
    return str(request.param)


@pytest.fixture(params=["worst", pytest.param("mild", marks=pytest.mark.slow)])
def rules(request: pytest.FixtureRequest) -> Rules:
    """Return how strict a server is."""
    return RULES[request.param]


@pytest.fixture
def server(api: str, rules: Rules) -> Iterator[NeptuneServer]:
    with neptune_server(api, rules) as server:
        yield server


@pytest.fixture
def proxy(server: NeptuneServer) -> Iterator[FaultProxy]:
    with fault_proxy(server.url) as proxy:
        yield proxy


@pytest.fixture
def open_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Return a function that opens the backend of a server, or of a proxy before it."""
    opened = []

    def open_at(server: NeptuneServer, url: str | None = None, **options: Any) -> Any:
        monkeypatch.setenv("NEPTUNE_API_TOKEN", server.token(url))
        given = NeptuneOptions(**{"api": server.product, **options})
        backend = open_backend(Destination.parse("neptune://team/digits"), given)
        opened.append(backend)
        return backend

    yield open_at
    for backend in opened:
        backend.trackhub_close()

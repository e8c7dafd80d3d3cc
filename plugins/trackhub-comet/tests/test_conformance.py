"""Hold Comet to the whole contract, with trackhub's own suite: by both routes, on the kindest and the worst."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from comet_server import KINDEST, WORST, CometServer, comet_server
from support.mlflow_server import free_port
from trackhub_comet.options import CometOptions
from trackhub_comet.plugin import open_backend

from trackhub.backend import Destination
from trackhub.testing import BackendSuite
from trackhub.testing.reading import READ_HOOKS

_LAG_S = 0.05
_OPTIONS = "values_per_minute=0&settle_s=1&timeout_s=5"


class Patient:
    """Read as anybody would who knows that a server shows what it took only after a while."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __getattr__(self, hook: str) -> Callable[..., Any]:
        if hook not in READ_HOOKS:
            raise AttributeError(hook)

        def ask(*arguments: object) -> Any:
            time.sleep(_LAG_S)
            destination = Destination.parse(self._url)
            backend = open_backend(destination, CometOptions.model_validate(destination.query))
            with contextlib.closing(_Closing(backend)):
                return getattr(backend, f"trackhub_{hook}")(*arguments)

        return ask


class _Closing:
    def __init__(self, backend: Any) -> None:
        self.close = backend.trackhub_close


@pytest.fixture(scope="module")
def kindest() -> Iterator[CometServer]:
    with comet_server(KINDEST) as comet:
        yield comet


@pytest.fixture(scope="module")
def slow() -> Iterator[CometServer]:
    with comet_server(replace(WORST, lag_s=_LAG_S)) as comet:
        yield comet


@pytest.fixture(scope="module")
def denying() -> Iterator[CometServer]:
    """Return a server that knows no key."""
    with comet_server() as comet:
        comet.keys.clear()
        yield comet


class TestBatches(BackendSuite):
    """Batches, on a server that does what Comet documents."""

    @pytest.fixture
    def destination_url(self, kindest: CometServer) -> str:
        return f"{kindest.destination}/team?{_OPTIONS}&route=batch"

    @pytest.fixture
    def unreachable_url(self) -> str:
        return f"comet+http://127.0.0.1:{free_port()}/team?{_OPTIONS}"

    @pytest.fixture
    def refused_url(self, denying: CometServer) -> str:
        return f"{denying.destination}/team?{_OPTIONS}"


@pytest.mark.slow
class TestDocumentedApi(TestBatches):
    """What the SDK documents, a request a value: where a version lacks the parts that take batches."""

    @pytest.fixture
    def destination_url(self, kindest: CometServer) -> str:
        return f"{kindest.destination}/team?{_OPTIONS}&route=public"


class TestWorst(TestBatches):
    """Batches, on a server that does the worst that Comet may."""

    @pytest.fixture
    def destination_url(self, slow: CometServer) -> str:
        return f"{slow.destination}/team?{_OPTIONS}&route=batch"

    @pytest.fixture
    def read_back(self, destination_url: str) -> Patient:
        return Patient(destination_url)

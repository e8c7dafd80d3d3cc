"""Hold W&B to the whole contract, with the suite that trackhub ships: on the worst server, and on the kindest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.mlflow_server import free_port
from wandb_server import KINDEST, WORST, WandbServer, wandb_server

from trackhub.testing import BackendSuite

_OPTIONS = "timeout_s=10&settle_s=2&live=false"


@pytest.fixture(scope="module")
def worst() -> Iterator[WandbServer]:
    """Return a server whose lags are long enough to be met, and short enough for a hundred tests."""
    with wandb_server(replace(WORST, lines_lag_s=0.04, steps_lag_s=0.02)) as server:
        yield server


@pytest.fixture(scope="module")
def kindest() -> Iterator[WandbServer]:
    with wandb_server(KINDEST) as server:
        yield server


@pytest.fixture(scope="module")
def denying() -> Iterator[WandbServer]:
    """Return a server that knows no key."""
    with wandb_server() as server:
        server.keys.clear()
        yield server


class TestWorst(BackendSuite):
    """A server that does the worst that W&B may."""

    @pytest.fixture
    def destination_url(self, worst: WandbServer) -> str:
        return f"{worst.destination}/team?{_OPTIONS}"

    @pytest.fixture
    def unreachable_url(self) -> str:
        return f"wandb+http://127.0.0.1:{free_port()}/team?timeout_s=0.5"

    @pytest.fixture
    def refused_url(self, denying: WandbServer) -> str:
        return f"{denying.destination}/team?{_OPTIONS}"


@pytest.mark.slow
class TestKindest(TestWorst):
    """A server that does what the SDK expects."""

    @pytest.fixture
    def destination_url(self, kindest: WandbServer) -> str:
        return f"{kindest.destination}/team?{_OPTIONS}"


@pytest.mark.slow
@pytest.mark.timeout(180)
class TestLive(TestKindest):
    """Runs that are kept open between batches."""

    @pytest.fixture
    def destination_url(self, kindest: WandbServer) -> str:
        return f"{kindest.destination}/team?timeout_s=10&settle_s=4&live=true"

"""Give tests servers of W&B's protocol, kind and unkind, and backends that speak to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from trackhub_wandb.options import WandbOptions
from trackhub_wandb.plugin import open_backend
from wandb_server import API_KEY, WORST, WandbServer, wandb_server

from trackhub.backend import Destination

Open = Callable[..., Any]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a home that all tests share, as an SDK's process is of use only to who has the same."""
    return str(tmp_path_factory.mktemp("home"))


@pytest.fixture(autouse=True)
def clean_wandb_environment(clean_environment: None, monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    """Begin without a setting of anybody's, but for a key."""
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("WANDB_API_KEY", API_KEY)


@pytest.fixture
def wandb_kind() -> Iterator[WandbServer]:
    """Return a server that does what the SDK expects."""
    with wandb_server() as server:
        yield server


@pytest.fixture
def worst() -> Iterator[WandbServer]:
    """Return a server that does the worst that W&B may."""
    with wandb_server(WORST) as server:
        yield server


@pytest.fixture
def open_at() -> Iterator[Open]:
    """Return a function that opens a backend at a server, with options."""
    opened = []

    def open_at(server: WandbServer, place: str = "team", **options: Any) -> Any:
        choices = {"timeout_s": 5, "settle_s": 2, "live": False, **options}
        backend = open_backend(Destination.parse(f"{server.destination}/{place}"), WandbOptions(**choices))
        opened.append(backend)
        return backend

    yield open_at
    for backend in opened:
        backend.trackhub_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"

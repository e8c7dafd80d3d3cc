"""Give tests servers of Comet's protocol, kind and unkind, and backends that speak to them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from comet_server import API_KEY, WORST, CometServer, comet_server
from trackhub_comet.options import CometOptions
from trackhub_comet.plugin import open_backend

from trackhub.backend import Destination

Open = Callable[..., Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Take the SDK's own deprecations for what they are: not ours."""
    for item in items:
        for module in ("comet_ml", "everett", "requests_toolbelt", "jsonschema", "rfc3987_syntax"):
            item.add_marker(pytest.mark.filterwarnings(f"ignore::DeprecationWarning:{module}"))


@pytest.fixture(autouse=True)
def clean_comet_environment(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin without a setting of anybody's, but for a key; leave none of ours."""
    before = dict(os.environ)
    monkeypatch.setenv("COMET_API_KEY", API_KEY)
    yield
    for key in set(os.environ) - set(before):
        if key.startswith("COMET_"):
            del os.environ[key]


@pytest.fixture
def comet() -> Iterator[CometServer]:
    """Return a server that does what Comet documents."""
    with comet_server() as comet:
        yield comet


@pytest.fixture
def worst() -> Iterator[CometServer]:
    """Return a server that does the worst that Comet may."""
    with comet_server(WORST) as comet:
        yield comet


@pytest.fixture
def open_at() -> Iterator[Open]:
    """Return a function that opens a backend at a server, with options."""
    opened = []

    def open_at(comet: CometServer, place: str = "team", **options: Any) -> Any:
        choices = {"values_per_minute": 0, "settle_s": 1.0, "timeout_s": 2, **options}
        destination = Destination.parse(f"{comet.destination}/{place}")
        backend = open_backend(destination, CometOptions(**choices))
        opened.append(backend)
        return backend

    yield open_at
    for backend in opened:
        backend.trackhub_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"

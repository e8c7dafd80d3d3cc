"""Give tests a folder, and backends of it in either format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from trackhub_local.backend import LocalBackend
from trackhub_local.options import LocalOptions
from trackhub_local.plugin import open_backend

from trackhub.backend import Destination
from trackhub.testing import Bench, Setup, Target


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Return the folder of the runs; it is not there yet."""
    return tmp_path / "runs"


@pytest.fixture(params=["parquet", "csv"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bench(base: Path, kind: str, tmp_path: Path) -> Iterator[Bench]:
    """Return what gives runs to the folder and reads them back, each time by a backend made afresh."""
    bench = Bench(Setup(target=Target(url=f"local:{base}?metrics={kind}")), tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def open_at() -> Callable[[str], LocalBackend]:
    """Return a function that opens a backend by its URL."""

    def open_at(url: str) -> Any:
        destination = Destination.parse(url)
        return open_backend(destination, LocalOptions(**destination.query))

    return open_at


@pytest.fixture
def folder_of(base: Path) -> Callable[[Any], Path]:
    """Return a function that tells a given run's folder."""
    return lambda run: base / run.ref.id

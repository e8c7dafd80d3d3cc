"""Hold the backend to the whole contract, with the suite that trackhub ships, in both formats."""

from __future__ import annotations

from pathlib import Path

import pytest

from trackhub.testing import BackendSuite


@pytest.fixture(scope="module")
def somewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def away(folder: Path) -> str:
    """Return a place below a file: no disk has it."""
    (folder / "a file").write_bytes(b"")
    return f"local:{folder}/a file/runs"


class TestParquet(BackendSuite):
    @pytest.fixture
    def destination_url(self, somewhere: Path) -> str:
        return f"local:{somewhere}/parquet"

    @pytest.fixture
    def unreachable_url(self, tmp_path: Path) -> str:
        return away(tmp_path)


class TestCsv(BackendSuite):
    @pytest.fixture
    def destination_url(self, somewhere: Path) -> str:
        return f"local:{somewhere}/csv?metrics=csv"

    @pytest.fixture
    def unreachable_url(self, tmp_path: Path) -> str:
        return f"{away(tmp_path)}?metrics=csv"

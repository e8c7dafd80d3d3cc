"""Hold event files to the whole contract, with the suite that trackhub ships."""

from __future__ import annotations

from pathlib import Path

import pytest

from trackhub.testing import BackendSuite


class TestConformance(BackendSuite):
    @pytest.fixture
    def destination_url(self, logs: Path) -> str:
        return f"tensorboard:{logs}"

    @pytest.fixture
    def unreachable_url(self, tmp_path: Path) -> str:
        """Return a folder that cannot be: a file stands in its way."""
        (tmp_path / "file").write_text("in the way")
        return f"tensorboard:{tmp_path}/file/logs"

"""Run the suite by pytest, as a plugin's author does; the backend is the reference."""

from __future__ import annotations

import pytest

from trackhub.testing import BackendSuite


class TestReference(BackendSuite):
    @pytest.fixture
    def plugins(self):
        return (("reference", "testing.reference"),)

    @pytest.fixture
    def destination_url(self, tmp_path):
        return f"reference://vendor{tmp_path}/held"

    @pytest.fixture
    def unreachable_url(self, tmp_path):
        return f"reference+down://vendor{tmp_path}/held"

    @pytest.fixture
    def refused_url(self, tmp_path):
        return f"reference+denied://vendor{tmp_path}/held"

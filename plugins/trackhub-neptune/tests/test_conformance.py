"""Hold delivery to the whole contract, with the suite that trackhub ships: both products, mild and strict."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from neptune_server import NeptuneServer, Rules, neptune_server
from neptune_server.serving import api_token
from support.mlflow_server import free_port

from trackhub.testing import BackendSuite


class Delivering(BackendSuite):
    __test__ = False

    product: str
    rules: Rules

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> Iterator[NeptuneServer]:
        with neptune_server(cls.product, cls.rules) as server:
            yield server

    @pytest.fixture
    def destination_url(self, server: NeptuneServer, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setenv("NEPTUNE_API_TOKEN", server.token())
        return f"neptune://team/digits?api={self.product}"

    @pytest.fixture
    def unreachable_url(self, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setenv("NEPTUNE_DEAD_TOKEN", api_token(f"http://127.0.0.1:{free_port()}"))
        return f"neptune://team/digits?api={self.product}&token_env=NEPTUNE_DEAD_TOKEN"

    @pytest.fixture
    def refused_url(self, server: NeptuneServer, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setenv("NEPTUNE_WRONG_TOKEN", api_token(server.url, "another key"))
        return f"neptune://team/digits?api={self.product}&token_env=NEPTUNE_WRONG_TOKEN"


@pytest.mark.slow
class TestV1(Delivering):
    __test__ = True
    product = "v1"
    rules = Rules()


class TestStrictV1(Delivering):
    __test__ = True
    product = "v1"
    rules = Rules.worst()


@pytest.mark.slow
class TestScale(Delivering):
    __test__ = True
    product = "scale"
    rules = Rules()


class TestStrictScale(Delivering):
    __test__ = True
    product = "scale"
    rules = Rules.worst()

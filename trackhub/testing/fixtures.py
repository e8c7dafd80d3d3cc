"""Turn the suite's tests into pytest's: what an author gives becomes the bench that each test is given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from trackhub.testing.bench import Bench, Setup
from trackhub.testing.target import Target


class Fixtures:
    """Offer fixtures, for a subclass to override."""

    @pytest.fixture
    def destination_url(self) -> str:
        """Return where the suite writes: a place of this test's own, or a server's."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture destination_url that returns its URL")

    @pytest.fixture
    def plugins(self) -> tuple[tuple[str, str], ...] | None:
        """Return entry points of a plugin that is not installed: pairs of a name and a module."""
        return None

    @pytest.fixture
    def read_back(self) -> object | None:
        """Return an independent reader: an object with some of the read hooks, without ``trackhub_``."""
        return None

    @pytest.fixture
    def unreachable_url(self) -> str | None:
        """Return a URL of the backend at which nobody answers."""
        return None

    @pytest.fixture
    def refused_url(self) -> str | None:
        """Return a URL of the backend that refuses the credentials."""
        return None

    @pytest.fixture
    def bench(  # noqa: PLR0917 - pytest gives them by name
        self,
        destination_url: str,
        plugins: tuple[tuple[str, str], ...] | None,
        read_back: object | None,
        unreachable_url: str | None,
        refused_url: str | None,
        tmp_path: Path,
    ) -> Iterator[Bench]:
        """Return what a test of the suite works with."""
        target = Target(url=destination_url, plugins=plugins)
        setup = Setup(target=target, read_back=read_back, unreachable_url=unreachable_url, refused_url=refused_url)
        bench = Bench(setup, tmp_path, _skip)
        yield bench
        bench.close()


def _skip(reason: str) -> NoReturn:
    pytest.skip(f"not supported: {reason}")

"""Fill the disk before each thing that a hook does to it: the hook says so, and the next try brings all."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any

import pytest

from trackhub.errors import RetryLater
from trackhub.model.entities import MetricPoint
from trackhub.testing import Bench

_CALLS = ("write", "fsync", "replace", "ftruncate")


class Full:
    """Raise ENOSPC at one call of the system, counted from when it is armed; a write leaves half of its bytes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 0
        for name in _CALLS:
            monkeypatch.setattr(os, name, self._counted(name, getattr(os, name)))

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **more: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                if name == "write":
                    call(arguments[0], bytes(arguments[1])[:9])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return call(*arguments, **more)

        return counted


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Full:
    return Full(monkeypatch)


def trouble_of(hook: Callable[[], Any]) -> str | None:
    """Return what a hook says that cannot do its work now."""
    try:
        hook()
    except RetryLater as error:
        return str(error)
    return None


def test_a_disk_that_is_full_for_a_while(bench: Bench, full: Full):
    """Whatever fails halfway is told as a full disk, and is there once after the next try."""
    points = tuple(MetricPoint("loss", number / 3, number, 1000 + number) for number in range(400))
    told = 0
    for moment in range(1, 200):
        run = bench.begin()
        hooks: list[Callable[[], Any]] = [
            lambda run=run: run.params({"lr": 0.1}),
            lambda run=run: run.batch(points[:200], start=0),
            lambda run=run: run.tags({"phase": "one"}),
            lambda run=run: run.batch(points[200:210], start=200),
            lambda run=run: run.artifact("net", {"a": b"1", "b": b"2"}),
            lambda run=run: run.environment({"host": "a"}),
            lambda run=run: run.batch(points[210:], start=210),
            lambda run=run: run.end("failed", reason="x"),
        ]
        full.left = moment
        for hook in hooks:
            if said := trouble_of(hook):
                assert "the disk is full: make room" in said
                told += 1
                hook()
        untouched, full.left = full.left > 0, 0
        assert run.held() == list(points)
        record = run.record()
        assert (record.params, record.tags, record.status) == ({"lr": 0.1}, {"phase": "one"}, "failed")
        assert run.contents() == {("net", "a", 1): b"1", ("net", "b", 1): b"2"}
        if untouched:
            break
        assert told == moment
    assert told > 40

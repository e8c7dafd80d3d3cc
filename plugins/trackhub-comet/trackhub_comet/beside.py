"""Keep exact points beside a run's rows, in files of some thousand places each; the shelf holds them.

A file grows with the run: it is sent anew under another id, and then the one before is deleted. What
a process that died has left stays, and is read like the rest.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from trackhub.model.entities import MetricPoint
from trackhub_comet.points import exact_back, exact_of
from trackhub_comet.shelf import POINTS, Shelf

WINDOW = 5_000


class Beside:
    """Hold the exact points of one run."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._window = -1
        self._points: dict[int, list[Any]] = {}
        self._sent = ""

    def add(self, points: Iterable[tuple[int, MetricPoint]]) -> None:
        """Keep points, each with its place in the run."""
        windows: dict[int, dict[int, list[Any]]] = {}
        for place, point in points:
            windows.setdefault(place // WINDOW, {})[place] = exact_of(point, place)
        for window, new in windows.items():
            self._grow(window, new)

    def points(self) -> dict[int, MetricPoint]:
        """Return every point that is kept, by place."""
        return dict(exact_back(held) for held in self._read())

    def _grow(self, window: int, new: dict[int, list[Any]]) -> None:
        if window != self._window:
            self._window, self._points, self._sent = window, {}, ""
        if new.keys() <= self._points.keys():
            return
        grown = self._points | new
        content = gzip.compress(json.dumps([*grown.values()], separators=(",", ":")).encode(), mtime=0)
        name = f"trackhub/points/{window:08d}-{min(grown):010d}.json.gz"
        asset = self._shelf.id_of(name, hashlib.sha256(content).hexdigest())
        self._shelf.put_bytes(asset, name, content, {"is": POINTS, "window": window})
        before, self._sent, self._points = self._sent, asset, grown
        if before and before != asset:
            self._shelf.delete(before)

    def _read(self) -> Iterator[list[Any]]:
        for mark in list(self._shelf.marks(POINTS)):
            yield from json.loads(gzip.decompress(self._shelf.content(mark["id"])))

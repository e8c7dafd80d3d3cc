"""Gather what the records of a run say: who it is, what it was given, and what it holds."""

from __future__ import annotations

import json
from typing import Any

from trackhub_tensorboard.charts import Heads
from trackhub_tensorboard.ranges import Ranges


class State:
    """Hold a run as its records tell it; a record that is told again changes nothing.

    :ivar texts: how often each text was shown, which is the step of its next one.
    """

    def __init__(self) -> None:
        self.run: dict[str, Any] = {}
        self.params: dict[str, Any] = {}
        self.tags: dict[str, str] = {}
        self.environment: dict[str, Any] = {}
        self.end: dict[str, Any] | None = None
        self.artifacts: dict[tuple[str, int], dict[str, Any]] = {}
        self.places = Ranges()
        self.heads: Heads = {}
        self.position: str | None = None
        self.positioned = 0
        self.texts: dict[str, int] = {}

    def apply(self, kind: str, header: dict[str, Any]) -> None:
        """Take a record in."""
        getattr(self, f"_{kind}", self._newer)(header)
        for tag in header.get("texts", ()):
            self.texts[tag] = self.texts.get(tag, 0) + 1

    def _run(self, header: dict[str, Any]) -> None:
        self.run = header

    def _resumed(self, header: dict[str, Any]) -> None:
        del header
        self.end = None

    def _params(self, header: dict[str, Any]) -> None:
        self.params.update(header["values"])

    def _tags(self, header: dict[str, Any]) -> None:
        self.tags.update(header["values"])

    def _environment(self, header: dict[str, Any]) -> None:
        self.environment = header["values"]

    def _end(self, header: dict[str, Any]) -> None:
        self.end = header

    def _artifact(self, header: dict[str, Any]) -> None:
        self.artifacts[header["name"], header["number"]] = header

    def _points(self, header: dict[str, Any]) -> None:
        start, count, position = header["start"], header["count"], header["position"]
        self.places.add(start, start + count)
        self.heads.update(header["heads"])
        end = header["end"]
        if count == header["given"] and position is not None and end >= self.positioned:
            self.position, self.positioned = position, end

    def _newer(self, header: dict[str, Any]) -> None:
        """Pass over a record of a newer trackhub."""


def same(one: Any, other: Any) -> bool:
    """Return whether two values are one, of one type: 1, 1.0 and True are three.

    >>> same({"a": [1]}, {"a": [1]}), same(1, True), same(float("nan"), float("nan"))
    (True, False, True)
    """
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)

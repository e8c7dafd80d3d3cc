"""Hold what is known of one run on Neptune; read from its attributes, and learned while a lane writes to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from trackhub_neptune.names import Names, key_of, long_name, unescape
from trackhub_neptune.points import USUAL, Mark
from trackhub_neptune.service import Changes, Held, Service
from trackhub_neptune.tail import Tail
from trackhub_neptune.texts import Texts

RUN = "trackhub/run"
END = "trackhub/end"
STATUS = "trackhub/status"
ENVIRONMENT = "trackhub/environment"
TAIL = "trackhub/delivery"
POINTS = "trackhub/points"
LONG_NAMES = "trackhub/names"
KINDS = "trackhub/kinds"
ARTIFACTS = "trackhub/artifacts"
METRICS, PARAMS, TAGS = "metrics", "params", "tags"


class Known:
    """Know one run.

    :ivar held: its attributes by path, as they were read or written.
    :ivar tail: how far its points were given.
    :ivar marks: where its series stand, by path; asked of the server where it is not known.
    """

    def __init__(self, service: Service, run: str, held: Mapping[str, Held]) -> None:
        self.run = run
        self.held = dict(held)
        self.texts = Texts(service, run)
        self.tail = Tail.of(self.text(TAIL))
        self.marks: dict[str, Mark | None] = {}
        self.there: dict[str, Mark | None] = {}
        self._service = service
        self._names: dict[str, Names] = {}
        self._long_names: dict[str, str] | None = None

    # ---- attributes ----------------------------------------------------------------------

    def text(self, path: str) -> str:
        """Return the text that an attribute holds or stands for, or an empty one."""
        held = self.held.get(path)
        return "" if held is None else self.texts.whole(str(held.value))

    def json(self, path: str) -> Any:
        """Return what an attribute's JSON says, or None."""
        text = self.text(path)
        return json.loads(text) if text else None

    def below(self, folder: str) -> dict[str, Held]:
        """Return the attributes in a folder, by the rest of their paths."""
        start = f"{folder}/"
        return {path.removeprefix(start): held for path, held in self.held.items() if path.startswith(start)}

    def change(self, changes: Changes) -> None:
        """Change the run, and remember it."""
        if changes:
            self._service.change(self.run, changes)
            for path, value in changes.plain.items():
                self.held[path] = Held("string" if isinstance(value, str) else type(value).__name__, value)

    # ---- names ---------------------------------------------------------------------------

    @property
    def long_names(self) -> dict[str, str]:
        """Return the names that were cut, by their hash."""
        if self._long_names is None:
            self._long_names = {digest: self.json(f"{LONG_NAMES}/{digest}") for digest in self.below(LONG_NAMES)}
        return self._long_names

    def path(self, folder: str, name: str, changes: Changes) -> str:
        """Return the path of a metric, a param or a tag; what keeps a long name is added to the changes."""
        if folder not in self._names:
            paths = {**self.below(folder), **(self.below(KINDS) if folder == METRICS else {})}
            self._names[folder] = Names(paths, self.long_names)
        path = self._names[folder].path(name)
        digest = long_name(path)
        if digest is not None and digest not in self.long_names and unescape(path) != name:
            self.long_names[digest] = name
        if digest is not None and f"{LONG_NAMES}/{digest}" not in self.held and unescape(path) != name:
            changes.plain[f"{LONG_NAMES}/{digest}"] = self.fitted(json.dumps(name))
        return f"{folder}/{path}"

    def name(self, path: str) -> str:
        """Return the name that a path below its folder stands for."""
        return unescape(path, self.long_names)

    def fitted(self, text: str) -> str:
        """Return a text as an attribute holds it: itself, or what stands for it."""
        return self.texts.fitted(text, self._service.bounds.text)

    # ---- series --------------------------------------------------------------------------

    def kind(self, path: str) -> str | None:
        """Return a series' kind, or None for one that is new."""
        said = self.held.get(f"{KINDS}/{path.removeprefix(METRICS + '/')}")
        if said is not None:
            return str(said.value)
        return USUAL if path in self.held or self.marks.get(path) else None

    def learn_marks(self, paths: list[str]) -> None:
        """Ask where series stand; what is under way stood where the tail says."""
        new = [path for path in paths if path not in self.marks]
        asked = {path: "texts" if path == POINTS else "floats" for path in new if path in self.held}
        found = self._service.last_rows(self.run, asked) if asked else {}
        for path in new:
            row = found.get(path)
            self.there[path] = None if row is None else Mark(row.step, row.ms)
            key = key_of(path)
            under_way = self.tail.reach > self.tail.end and key in self.tail.marks
            self.marks[path] = self.tail.marks[key] if under_way else self.there[path]

    def moved(self, marks: Mapping[str, Mark | None]) -> None:
        """Remember where series stand now."""
        self.marks.update(marks)
        for path, mark in marks.items():
            there = self.there.get(path)
            if mark is not None and (there is None or there.step < mark.step):
                self.there[path] = mark
                self.held.setdefault(path, Held("texts" if path == POINTS else "floats", None))

"""Keep numbered records beside a run, as JSON files of bounded size; written again, they stay the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from trackhub_mlflow.shelf import Shelf


class Ledger:
    """Hold records by number in one folder of a run's artifacts.

    :param size: how many numbers share a file; a file is sent whole each time it grows.
    """

    def __init__(self, shelf: Shelf, folder: str, size: int) -> None:
        self._shelf = shelf
        self._folder = folder
        self._size = size
        self._files: set[str] | None = None
        self._open: tuple[str, dict[str, Any]] = ("", {})

    def add(self, records: Mapping[int, Any]) -> None:
        """Keep records; one that is there already stays as it is."""
        files: dict[str, dict[str, Any]] = {}
        for number, record in records.items():
            files.setdefault(f"{number // self._size:08d}.json", {})[str(number)] = record
        for name, new in files.items():
            held = self._read(name)
            if new.keys() <= held.keys():
                continue
            merged = new | held
            self._shelf.put_text(json.dumps(merged, ensure_ascii=True), f"{self._folder}/{name}")
            self._names().add(name)
            self._open = (name, merged)

    def records(self) -> Iterator[Any]:
        """Yield every record, by its number."""
        for name in sorted(self._names()):
            held = self._read(name)
            yield from (held[number] for number in sorted(held, key=int))

    def _read(self, name: str) -> dict[str, Any]:
        if self._open[0] == name:
            return self._open[1]
        held = json.loads(self._shelf.get_text(f"{self._folder}/{name}")) if name in self._names() else {}
        self._open = (name, held)
        return held

    def _names(self) -> set[str]:
        if self._files is None:
            self._files = set(self._shelf.names(self._folder))
        return self._files

"""Keep what a vendor will never take, with the reason, as JSON lines beside the cursor."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec


class DeadLetters:
    """Append letters to a file; the same letter again is not added twice."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: set[str] | None = None

    def add(self, hook: str, item: msgspec.Struct, reason: str) -> None:
        """Keep one item that was refused."""
        line = _line(hook, item, reason)
        if self._known is None:
            self._known = set(self.path.read_text("utf-8").splitlines()) if self.path.exists() else set()
        if line in self._known:
            return
        self._known.add(line)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def replace(self, letters: Iterable[tuple[str, msgspec.Struct, str]]) -> None:
        """Keep these letters and no others; a reader sees the old ones or the new ones."""
        fresh = self.path.with_suffix(f".{os.getpid()}.tmp")
        fresh.write_text("".join(f"{_line(*letter)}\n" for letter in letters), encoding="utf-8")
        fresh.replace(self.path)
        self._known = None

    def read(self) -> list[dict[str, Any]]:
        """Return the letters, oldest first."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]


def _line(hook: str, item: msgspec.Struct, reason: str) -> str:
    plain = _plain(msgspec.to_builtins(item, builtin_types=(bytes,), enc_hook=str))
    return json.dumps({"hook": hook, "item": plain, "reason": reason}, ensure_ascii=False, sort_keys=True)


def _plain(value: Any) -> Any:
    # json writes NaN and big ints exactly, which msgspec's JSON does not.
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value

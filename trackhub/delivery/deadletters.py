"""Keep what a vendor will never take, with the reason, as JSON lines beside the cursor."""

from __future__ import annotations

import json
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
        content = {
            "hook": hook,
            "item": _plain(msgspec.to_builtins(item, builtin_types=(bytes,), enc_hook=str)),
            "reason": reason,
        }
        line = json.dumps(content, ensure_ascii=False, sort_keys=True)
        if self._known is None:
            self._known = set(self.path.read_text("utf-8").splitlines()) if self.path.exists() else set()
        if line in self._known:
            return
        self._known.add(line)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def read(self) -> list[dict[str, Any]]:
        """Return the letters, oldest first."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]


def _plain(value: Any) -> Any:
    # json writes NaN and big ints exactly, which msgspec's JSON does not.
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value

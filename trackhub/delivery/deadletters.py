"""Keep what a vendor will never take, with the reason, as JSON lines beside the cursor."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from trackhub.model.digits import from_digits, to_digits

log = logging.getLogger("trackhub")

_Key: TypeAlias = tuple[str, str, str] | bytes


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """Hold an item that was refused.

    :ivar hook: what was called; ``item`` what it was given, as plain values.
    :ivar place: where the journal has it, as ``segment@offset``; what tells it from its equals.
    """

    hook: str
    item: Any
    reason: str = ""
    place: str = ""

    @classmethod
    def of(cls, hook: str, item: msgspec.Struct, reason: str, place: str) -> Letter:
        """Return the letter of an item."""
        plain = msgspec.to_builtins(item, enc_hook=str)
        return cls(hook=hook, item=plain, reason=reason, place=place)


class DeadLetters:
    """Append letters to a file; the letter of the same item of the journal is not added twice."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: set[_Key] | None = None

    def add(self, letters: Sequence[Letter]) -> None:
        """Keep items that were refused.

        :raises OSError: they cannot be kept; add them again.
        """
        if not letters:
            return
        if self._known is None:
            self._known = set(map(_key, self._parted()[0]))
        fresh = {key: letter for letter in letters if (key := _key(letter)) not in self._known}
        if not fresh:
            return
        known, self._known = self._known, None  # unless all are written, the file must be looked at anew
        with self.path.open("a+b") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")  # whoever wrote last was cut short
            file.write(b"".join(map(_line, fresh.values())))
        self._known = known | fresh.keys()

    def replace(self, letters: Iterable[Letter]) -> None:
        """Keep these letters, and what cannot be read; a reader sees the old ones or the new ones.

        :raises OSError: they cannot be kept; the old ones are there.
        """
        lines = [*map(_line, letters), *(line + b"\n" for line in self._parted()[1])]
        fresh = self.path.with_suffix(f".{os.getpid()}.tmp")
        fresh.write_bytes(b"".join(lines))
        fresh.replace(self.path)
        self._known = None

    def keep(self, wanted: Callable[[Letter], bool]) -> int:
        """Drop the letters that are not wanted; return how many are left."""
        letters, _ = self._parted()
        left = [letter for letter in letters if wanted(letter)]
        if len(left) < len(letters):
            self.replace(left)
        return len(left)

    def count(self) -> int:
        """Return how many letters there are."""
        return len(self._parted()[0])

    def read(self) -> list[Letter]:
        """Return the letters, oldest first; what is no whole letter is said and left out."""
        letters, torn = self._parted()
        if torn:
            log.warning(
                "%s: %d lines are no whole letters, since their writing was cut short, and are not given again; "
                "the journal has what they held (`trackhub cat`): remove the lines once they are of no use",
                self.path,
                len(torn),
            )
        return letters

    def _parted(self) -> tuple[list[Letter], list[bytes]]:
        """Return the letters, and the lines that are none."""
        try:
            lines = self.path.read_bytes().split(b"\n")  # a letter's text may hold what else ends a line
        except FileNotFoundError:
            return [], []
        letters: list[Letter] = []
        torn: list[bytes] = []
        for line in filter(None, lines):
            try:
                letters.append(msgspec.convert(json.loads(line, parse_int=from_digits), Letter))
            except (ValueError, RecursionError):  # msgspec's and json's own are ValueErrors
                torn.append(line)
        # One that was cut short is written again, whole, by the next try.
        return letters, [line for line in torn if not any(other.startswith(line) for other in lines if other != line)]


def _key(letter: Letter) -> _Key:
    if not letter.place:  # as older ones are
        return _line(letter)
    name = letter.item.get("name") if isinstance(letter.item, dict) else None
    return letter.hook, letter.place, str(name)


def _line(letter: Letter) -> bytes:
    fields = {"hook": letter.hook, "item": letter.item, "place": letter.place, "reason": letter.reason}
    text = _json({name: value for name, value in fields.items() if value or name != "place"})
    return text.encode("utf-8", "backslashreplace") + b"\n"  # a lone surrogate becomes JSON's own escape


def _json(value: Any) -> str:
    # json writes NaN and big ints exactly, which msgspec's JSON does not; but no int of thousands of digits.
    if isinstance(value, dict):
        inside = (f"{_json(str(key))}: {_json(item)}" for key, item in sorted(value.items(), key=lambda it: str(it[0])))
        return f"{{{', '.join(inside)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_json, value))}]"
    if isinstance(value, int) and not isinstance(value, bool):
        return to_digits(value)
    return json.dumps(value, ensure_ascii=False)

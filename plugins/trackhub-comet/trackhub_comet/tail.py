"""Remember how far Comet was given points, and what is under way; kept in one of the run's others."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass, replace

_LONGEST_POSITION = 900
_READABLE = 300
_PACKED, _BESIDE, _NONE = "~", "@", "-"


@dataclass(frozen=True, slots=True)
class Tail:
    """Say how far a run has come.

    :ivar end: every point before this place is there.
    :ivar trying: points before this place may be: a request with them was begun.
    :ivar requests: how many requests with points there were.
    :ivar time: when the last one was begun, in milliseconds.
    :ivar position: the journal's position behind ``end``, or nothing.
    :ivar beside: the asset that holds the position, where it is too long for a text: there are very many writers.
    """

    end: int = 0
    trying: int = 0
    requests: int = 0
    time: int = 0
    position: str = ""
    beside: str = ""

    @classmethod
    def of(cls, text: str | None) -> Tail:
        """Return what a text says; none says that nothing was given."""
        if not text:
            return cls()
        end, trying, requests, time, held = text.split(" ", 4)
        tail = cls(int(end), int(trying), int(requests), int(time))
        if held.startswith(_BESIDE):
            return replace(tail, beside=held[1:])
        return replace(tail, position=_unpack(held))

    @property
    def text(self) -> str:
        """Return the tail as a text.

        >>> Tail.of(Tail(5, 9, 1, 7, '{"w1": 3}').text)
        Tail(end=5, trying=9, requests=1, time=7, position='{"w1": 3}', beside='')
        """
        held = _BESIDE + self.beside if self.beside else _pack(self.position)
        return f"{self.end} {self.trying} {self.requests} {self.time} {held}"

    @property
    def fits(self) -> bool:
        """Return whether the text is one that Comet keeps whole."""
        return bool(self.beside) or len(_pack(self.position)) <= _LONGEST_POSITION

    def begun(self, end: int, now_ms: int) -> Tail:
        """Return the tail while points up to a place are on their way."""
        return replace(self, trying=max(end, self.trying), requests=self.requests + 1, time=now_ms)

    def done(self, end: int, position: str | None) -> Tail:
        """Return the tail once points up to a place are there; what was tried behind it stays in doubt.

        :param position: None where the batch is not the last part of the one that has a position.
        """
        end = max(end, self.end)
        there = replace(self, end=end, trying=max(end, self.trying))
        return there if position is None else replace(there, position=position, beside="")


def _pack(position: str) -> str:
    if not position:
        return _NONE
    plain = position.isprintable() and position.strip() == position and position[0] not in (_PACKED, _BESIDE, _NONE)
    if plain and len(position) <= _READABLE:
        return position
    return _PACKED + base64.b85encode(zlib.compress(position.encode(), 9)).decode()


def _unpack(held: str) -> str:
    if held.startswith(_PACKED):
        return zlib.decompress(base64.b85decode(held[1:])).decode()
    return "" if held == _NONE else held

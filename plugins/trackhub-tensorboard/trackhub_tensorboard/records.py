"""Write what a run is told as records in event files, each before the events that show it, and read them again.

A record is an event of TensorBoard's, with a text of JSON and, for points, columns of bytes. Its
``after`` is how many bytes of shown events follow: a record counts once these are there, and one of
points counts as far as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

from trackhub_tensorboard.events import record, record_of
from trackhub_tensorboard.framing import Damage, frame_at, frames

VERSION = 1


class Record(NamedTuple):
    """Hold one record, and where the next one is in its file.

    :ivar torn: its file ends within what it shows; ``end`` is where it begins.
    """

    kind: str
    header: dict[str, Any]
    bodies: list[bytes]
    end: int
    torn: bool = False


def written(
    kind: str, header: dict[str, Any], shown: Sequence[bytes], time: int, bodies: Sequence[bytes] = ()
) -> bytes:
    """Return the bytes of a record and of what shows it."""
    after = b"".join(shown)
    text = json.dumps({"version": VERSION, "after": len(after), **header}, ensure_ascii=False, separators=(",", ":"))
    return record(kind, [text.encode(), *bodies], time) + after


def read(file: BinaryIO, start: int, damages: list[Damage] | None = None) -> Iterator[Record]:
    """Yield the records of an event file that count, from one's beginning or the file's on."""
    size = file.seek(0, 2)
    while start < size:
        end, payload = frame_at(file, start, size)
        if isinstance(payload, Damage):
            if damages is not None:
                damages.append(payload)
        elif found := record_of(payload):
            kind, texts = found
            header = json.loads(texts[0])
            end += header["after"]
            if end > size:
                if kind == "points":
                    count = _shown(file, end - header["after"], header["groups"])
                    yield Record(kind, {**header, "count": count}, texts[1:], start, torn=True)
                return
            yield Record(kind, header, texts[1:], end)
        start = end


def _shown(file: BinaryIO, start: int, groups: list[list[int]]) -> int:
    """Return how many points are in the whole events behind a record that was being written."""
    sizes = [size for size, times in groups for _ in range(times)]
    return sum(size for size, _ in zip(sizes, frames(file, start), strict=False))


def packed(groups: Sequence[int]) -> list[list[int]]:
    """Return sizes with how often each follows itself.

    >>> packed([5, 5, 5, 1])
    [[5, 3], [1, 1]]
    """
    runs: list[list[int]] = []
    for size in groups:
        if runs and runs[-1][0] == size:
            runs[-1][1] += 1
        else:
            runs.append([size, 1])
    return runs

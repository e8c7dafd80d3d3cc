"""Measure how many bytes of journal a point takes, step, time in nanoseconds and checksum included.

How: the sizes of real segments after rows of 1, 5 and 50 floats with a step. What a segment says
once (its header, each layout) is left out of the bytes a row takes, and shown by itself. Peers:
the growth of their offline files over as many rows of 5.

Budget: a row of 5 scalars in about 70 bytes, so 14 a point.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.place import Failed, Place
from benchmarks.rows import Row

PEERS = {"tensorboardX": 4000, "wandb": 4000, "comet": 4000, "trackio": 4000, "mlflow": 300}


def run(place: Place) -> Iterator[Row]:
    """Yield the bytes of a row and of a point."""
    for size in (1, 5, 50):
        found = place.module("stores", "one_run", place.folder / f"store-{size}", 10_000 * size, size)
        note = f"a row of {found['row']:.0f} bytes; its layout and first row {found['first']}"
        yield Row(f"{size} scalars a row", found["row"] / size, "bytes a point", 14.0 if size == 5 else None, note=note)
    for name, rows in PEERS.items():
        what = f"peer {name}, 5 scalars a row"
        try:
            found = place.peer(name, "log", place.folder / f"peer-{name}", rows // 4 if place.quick else rows)
        except Failed as error:
            yield Row(what, None, "bytes a point", note=str(error))
            continue
        yield Row(what, found["bytes_per_point"], "bytes a point", note=found["version"])

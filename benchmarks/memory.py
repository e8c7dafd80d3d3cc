"""Measure the memory that trackhub adds to a training process, and that it stays flat.

How: in processes of their own (``footprint.py``), the resident set, and what of it is private, after
``import trackhub``, after ``start_run`` with 4 destinations and a first ``log``, and after
10 million points (quick: 1 million) in rows of 5; all over what the process weighed before. That is a
bare Python, or one that has loaded NumPy already, as most trainings have: what NumPy uses
too is then not added again. Options in a URL are checked in the training, by pydantic, which is else
left out. The destinations refuse, so that nothing else runs meanwhile. Then what the pieces weigh by
themselves, those that are left out, too. Linux only.

Budget: ≤ 15 MB added, the points included; and no more than 1 MB of it by the points.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.place import Place
from benchmarks.rows import Row

CASES = (
    ("bare, 4 destinations", 4, "-", ""),
    ("bare, no destination", 0, "-", ""),
    ("NumPy loaded, 4 destinations", 4, "numpy", ""),
    ("NumPy loaded, 4 with options in their URLs", 4, "numpy", "?word=x"),
)
PIECES = ("msgspec", "pydantic.main", "importlib.metadata", "pluggy", "hashlib", "secrets", "subprocess", "logging")
_SCRIPT = Path(__file__).with_name("footprint.py")
_PIECE = """
import importlib, json, footprint
footprint.weigh(); before = footprint.weigh()
importlib.import_module({name!r})
after = footprint.weigh()
print(json.dumps([a - b for a, b in zip(after, before)]))
"""


def run(place: Place) -> Iterator[Row]:
    """Yield the megabytes added at each stage, then those of the pieces."""
    points = 1_000_000 if place.quick else 10_000_000
    for name, count, before, query in CASES:
        to = [f"bench+tcp://127.0.0.1:{1 + at}{query}" for at in range(count)]  # ports that nobody listens on
        amounts = [points, *[5_000] * (1 if place.quick else 6)]
        rounds = [
            _weigh(place, f"{count}{before}{len(query)}{turn}", amount, before, to)
            for turn, amount in enumerate(amounts)
        ]
        bare = statistics.median(one["bare"][0] for one in rounds)
        yield Row(f"{name}: import trackhub", _added(rounds, "imported"), "MB", note=f"before: {bare:.1f} MB")
        note = f"of it private: {_added(rounds, 'started', 1):.1f} MB"
        yield Row(f"{name}: import, start_run, first log", _added(rounds, "started"), "MB", 15.0, note=note)
        grown = rounds[0]["logged"][0] - rounds[0]["started"][0]
        yield Row(f"{name}: {points:,} points more", grown, "MB", 1.0)
        if "delivery" in rounds[0]:
            yield Row(f"{name}: the delivery process, all of it", rounds[0]["delivery"][0], "MB")
    for name in PIECES:
        command = [sys.executable, "-c", _PIECE.format(name=name)]
        weights = [place.run(command, timeout_s=60, path=str(_SCRIPT.parent)) for _ in range(5)]
        resident, private = (statistics.median(one[at] for one in weights) for at in (0, 1))
        yield Row(f"bare: import {name} by itself", resident, "MB", note=f"of it private: {private:.1f} MB")


def _weigh(place: Place, name: str, points: int, before: str, to: list[str]) -> Any:
    command = [sys.executable, "-P", str(_SCRIPT), str(place.folder / name), str(points), before, *to]
    return place.run(command, timeout_s=600)


def _added(rounds: list[Any], stage: str, what: int = 0) -> float:
    return statistics.median(one[stage][what] - one["bare"][what] for one in rounds)

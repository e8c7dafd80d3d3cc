"""Measure what ``import trackhub`` adds to a bare Python, and what the first use of a name adds to that.

How: whole processes, timed from outside and alternating with ``python -c pass`` of the same
environment; the median of the paired differences. Peers likewise, over their environment's Python.

Budget: ``import trackhub`` ≤ 60 ms over bare Python. The attribute ``trackhub.start_run``, which
imports what logging needs, has no budget of its own: ``start_cost`` includes it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.place import Place, peers_python
from benchmarks.rows import Row

PEERS = ("wandb", "comet_ml", "trackio", "tensorboardX", "mlflow")
DEPENDENCIES = ("msgspec", "pydantic", "pluggy", "importlib.metadata", "subprocess", "numpy")


def run(place: Place) -> Iterator[Row]:
    """Yield the milliseconds of each import over bare Python."""
    rounds = 5 if place.quick else 25
    own = Path(sys.executable)
    yield _row(place, own, "import trackhub", rounds, budget=60.0)
    yield _row(place, own, "import trackhub; trackhub.start_run", rounds)
    yield _row(place, own, "from trackhub.cli import main", rounds)
    for name in DEPENDENCIES:
        yield _row(place, own, f"import {name}", rounds)
    for name in PEERS:
        if not (peers_python().exists() and _works(place, f"import {name}")):
            yield Row(f"peer: import {name}", None, "ms", note="absent: --peers installs it")
        else:
            yield _row(place, peers_python(), f"import {name}", max(3, rounds // 5), label="peer: ")


def _row(
    place: Place, python: Path, statement: str, rounds: int, *, label: str = "", budget: float | None = None
) -> Row:
    _seconds(place, python, statement)  # the byte code is written, and the files are in memory
    differences, bare = [], []
    for _ in range(rounds):
        bare.append(_seconds(place, python, "pass"))
        differences.append(_seconds(place, python, statement) - bare[-1])
    note = f"bare Python {statistics.median(bare) * 1000:.0f} ms; the fastest {min(differences) * 1000:.0f} ms"
    return Row(f"{label}{statement}", statistics.median(differences) * 1000, "ms", budget, note=note)


def _seconds(place: Place, python: Path, statement: str) -> float:
    began = time.perf_counter()
    subprocess.run(
        [str(python), "-c", statement], check=True, cwd=place.folder, env=place.environ(""), capture_output=True
    )
    return time.perf_counter() - began


def _works(place: Place, statement: str) -> bool:
    command = [str(peers_python()), "-c", statement]
    done = subprocess.run(command, cwd=place.folder, env=place.environ(""), capture_output=True, check=False)
    return done.returncode == 0

"""Kill a process that delivers, before each thing that it does to the disk: nothing is lost, doubled or half there."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from trackhub.model.entities import MetricPoint, RunRef
from trackhub.testing import Bench, Setup, Target

_CHILD = """
import hashlib, json, os, pathlib, sys
from trackhub.backend import Destination
from trackhub.model.entities import Artifact, ArtifactFile, Batch, MetricPoint, Param, RunEnd, RunInfo, Tag
from trackhub_local.options import LocalOptions
from trackhub_local.plugin import open_backend

url, scratch, begin, count, die_at = sys.argv[1], pathlib.Path(sys.argv[2]), *map(int, sys.argv[3:])
done = 0
def deadly(call, half=None):
    def counted(*arguments, **more):
        global done
        done += 1
        if done == die_at:
            if half is not None:
                half(*arguments)
            os._exit(137)
        return call(*arguments, **more)
    return counted

def half_a_write(descriptor, data):
    write(descriptor, bytes(data)[: len(data) // 2])

write = os.write
for name in ("fsync", "replace", "unlink", "ftruncate", "mkdir"):
    setattr(os, name, deadly(getattr(os, name)))
os.write = deadly(os.write, half_a_write)

def points(start, end):
    made = [(n, n if n % 5 == 0 else n / 7) for n in range(start, end)]
    return tuple(MetricPoint("loss" if n % 3 else "a", value, n // 2, 10**18 + n) for n, value in made)

destination = Destination.parse(url)
backend = open_backend(destination, LocalOptions(**destination.query))
ref = backend.trackhub_start_run(RunInfo(id="0" * 32, name="n", project="p", started=1, resumed=begin > 0))
write(1, b"started\\n")
backend.trackhub_log_params(ref, (Param("lr", 0.1, 1),))
for number in range(begin, count):
    start, size = number * 40, 40
    batch = Batch(start=start, redelivered=number == begin, position=str(number))
    backend.trackhub_log_metrics(ref, points(start, start + size), batch)
    backend.trackhub_set_tags(ref, (Tag("newest", str(number), number),))
    if number % 2 == 0:
        data = b"%d" % number * 100
        source = scratch / f"{number}"
        source.write_bytes(data)
        file = ArtifactFile(path="x.bin", sha256=hashlib.sha256(data).hexdigest(), size=len(data), source=source)
        backend.trackhub_log_artifact(ref, Artifact(name=f"art{number}", type="file", time=1, files=(file,)))
    write(1, b"%d\\n" % number)
backend.trackhub_finish_run(ref, RunEnd(status="finished", time=2))
write(1, b"finished\\n")
backend.trackhub_close()
write(1, b"operations %d\\n" % done)
"""
_BATCHES, _SIZE = 7, 40
REF = RunRef(id=f"p/{'0' * 32}")


def points(count: int) -> list[MetricPoint]:
    made = (n if n % 5 == 0 else n / 7 for n in range(count))
    return [MetricPoint("loss" if n % 3 else "a", value, n // 2, 10**18 + n) for n, value in enumerate(made)]


def child(url: str, scratch: Path, begin: int, count: int, die_at: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _CHILD, url, str(scratch), str(begin), str(count), str(die_at)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def run_child(url: str, scratch: Path, begin: int, die_at: int, count: int = _BATCHES) -> list[str]:
    """Return what a child acknowledged before it died or was done."""
    process = child(url, scratch, begin, count, die_at)
    said, _ = process.communicate(timeout=60)
    assert process.returncode in {0, 137}
    return said.splitlines()


def acknowledged(said: list[str], begin: int) -> int:
    """Return how many batches were acknowledged by now."""
    return max((int(line) + 1 for line in said if line.isdecimal()), default=begin)


def look(base: Path, url: str, tmp_path: Path, batches: int, finished: bool) -> None:
    """Hold what lies in the folder against what was acknowledged: all of it, and at most one batch more."""
    folder = base / REF.id
    if not (folder / "run.json").exists():
        assert not batches
        return
    for path in folder.glob("*.json"):
        json.loads(path.read_bytes())
    for path in folder.glob("metrics.*"):
        frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path)
        assert frame["place"].to_list() == list(range(len(frame)))
    bench = Bench(Setup(target=Target(url=url)), tmp_path)
    held = list(bench.open().read_metrics(REF))
    assert held == points(len(held))
    assert batches * _SIZE <= len(held) <= (batches + 1) * _SIZE
    record = bench.open().read_run("0" * 32, None)
    assert record.status == "finished" if finished else record.status in {"running", "finished"}
    assert int(record.tags.get("newest", -1)) in {batches - 1, batches}
    for stored in bench.open().list_artifacts(REF):
        target = tmp_path / "target"
        bench.open().download_artifact(REF, stored.path, str(target))
        assert target.read_bytes() == stored.artifact.removeprefix("art").encode() * 100
    for path in (folder / "artifacts").rglob("*.bin"):
        assert path.read_bytes() == path.parent.name.removeprefix("art").encode() * 100
    bench.close()


def whole(base: Path, url: str, tmp_path: Path, batches: int = _BATCHES) -> None:
    """Fail unless all that was given is there, once, in the files that people open."""
    look(base, url, tmp_path, batches, finished=True)
    bench = Bench(Setup(target=Target(url=url)), tmp_path)
    assert list(bench.open().read_metrics(REF)) == points(batches * _SIZE)
    assert [file.artifact for file in bench.open().list_artifacts(REF)] == [f"art{n}" for n in range(0, batches, 2)]
    (path,) = (base / REF.id).glob("metrics.*")
    frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path)
    assert len(frame) == batches * _SIZE
    assert list((base / REF.id / ".trackhub").rglob("scratch/*")) == []
    bench.close()


def killed_at(base: Path, kind: str, tmp_path: Path, moments: Iterator[int]) -> int:
    """Kill a child at each moment, look, and let another finish; return how many died."""
    died = 0
    for moment in moments:
        place = base / str(moment)
        url = f"local:{place}?metrics={kind}"
        said = run_child(url, tmp_path, 0, moment)
        if any(line.startswith("operations") for line in said):
            break
        died += 1
        batches = acknowledged(said, 0)
        look(place, url, tmp_path, batches, finished="finished" in said)
        said = run_child(url, tmp_path, batches, 0)
        assert said[-1].startswith("operations")
        whole(place, url, tmp_path)
    return died


@pytest.mark.timeout(180)
def test_killed_before_some_operations(base: Path, kind: str, tmp_path: Path):
    """Before every seventeenth write, fsync, rename, unlink, truncation and mkdir; half of the write is done."""
    first = {"parquet": 3, "csv": 8}[kind]
    assert killed_at(base, kind, tmp_path, iter(range(first, 10_000, 17))) >= 6


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_killed_before_every_operation(base: Path, kind: str, tmp_path: Path):
    """Every write, fsync, rename, unlink, truncation and mkdir of a run's delivery is the last one, once."""
    died = killed_at(base, kind, tmp_path, iter(range(1, 10_000)))
    print(f"\n{kind}: killed before each of {died} operations")  # noqa: T201 - a campaign tells its figures
    assert died > 100


def campaign(base: Path, kind: str, tmp_path: Path, *, batches: int, kills: int, seed: int) -> int:
    """Kill children by SIGKILL at random moments until so many have died; return how many did."""
    chance = random.Random(seed)
    url, begin, died = f"local:{base}?metrics={kind}", 0, 0
    while died < kills:
        process = child(url, tmp_path, begin, batches, 0)
        said: list[str] = []
        assert process.stdout is not None
        said.append(process.stdout.readline().strip())
        time.sleep(chance.random() * 0.15)
        os.kill(process.pid, signal.SIGKILL)
        rest, _ = process.communicate(timeout=60)
        said += rest.splitlines()
        finished = "finished" in said
        died += process.returncode == -signal.SIGKILL
        begin = acknowledged(said, begin)
        look(base, url, tmp_path, begin, finished=finished)
        if finished:
            break
    run_child(url, tmp_path, begin, 0, batches)
    whole(base, url, tmp_path, batches)
    return died


@pytest.mark.timeout(120)
def test_killed_at_random_moments(base: Path, kind: str, tmp_path: Path):
    """By SIGKILL, again and again, each time by another process that goes on where the cursor was."""
    assert campaign(base, kind, tmp_path, batches=400, kills=5, seed=1) >= 3


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_killed_at_very_many_random_moments(base: Path, kind: str, tmp_path: Path):
    """As above, at length."""
    died = sum(campaign(base / str(s), kind, tmp_path, batches=2000, kills=25, seed=s) for s in range(4))
    print(f"\n{kind}: killed {died} times at random")  # noqa: T201 - a campaign tells its figures
    assert died >= 40


def test_what_a_process_that_was_killed_left_is_swept(base: Path, kind: str, tmp_path: Path) -> Any:
    """Half-written files lie in the hidden folder alone, and are gone once somebody delivers again."""
    url = f"local:{base}?metrics={kind}"
    run_child(url, tmp_path, 0, 0)
    stale = base / REF.id / ".trackhub/scratch/0123456789abcdef"
    stale.write_bytes(b"half")
    run_child(url, tmp_path, _BATCHES, 0)
    assert not stale.exists()
    whole(base, url, tmp_path)

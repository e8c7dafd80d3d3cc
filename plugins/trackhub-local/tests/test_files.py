"""Open a run's files with what people have: json, pandas, polars, DuckDB; they hold what was logged."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest

from trackhub.model.entities import MetricPoint, ParentRun
from trackhub.testing import Bench

BEGAN = 1_600_000_000_123_456_789
POINTS = (
    MetricPoint("loss", 0.5, 1, BEGAN + 1),
    MetricPoint("loss", math.nan, 2, BEGAN + 2),
    MetricPoint("loss", -math.inf, 2, BEGAN + 1_000_000_007),
    MetricPoint('train/é, "x"', 7, None, BEGAN + 3),
    MetricPoint("loss", 1e-300, 2.5, BEGAN + 4),
    MetricPoint("seed", 2**70, 3, BEGAN + 5),
    MetricPoint("done", value=True, step=3.0, time=BEGAN + 6),
)
NAMES = [point.name for point in POINTS]
STEPS = [math.nan if point.step is None else float(point.step) for point in POINTS]
VALUES = [float(point.value) for point in POINTS]
EXACT = [None, None, None, "value int", None, "value 1180591620717411303424", "value bool, step float"]
EXACT[5] = "value int"  # 2**70 is a power of two: its double is itself


@pytest.fixture
def run(bench: Bench) -> Any:
    parent = bench.begin(project="team/vision")
    run = bench.begin(project="team/vision", parent=ParentRun(id=parent.info.id), group="sweep")
    run.params({"lr": 0.1, "seed": 2**70, "decay": math.nan, "layers": [1, 2.0]})
    run.params({"lr": 0.2}, overwritten=True)
    run.tags({"phase": "one"})
    run.environment({"host": "a", "load": math.inf})
    run.points(POINTS)
    run.end("failed", reason="ValueError: x")
    return run


def near(found: list[float], wanted: list[float]) -> bool:
    return len(found) == len(wanted) and all(
        one == other or (math.isnan(one) and math.isnan(other)) for one, other in zip(found, wanted, strict=True)
    )


def load(path: Path) -> Any:
    """Read JSON as strictly as other languages do."""

    def refuse(text: str) -> Any:
        raise AssertionError(f"{text} is no JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def test_the_folder_is_plain(run: Any, folder_of: Callable[[Any], Path], kind: str):
    """A run is a folder under its project's, with files whose names say what they are."""
    folder = folder_of(run)
    assert folder.relative_to(folder.parents[1]).as_posix() == f"team%2Fvision/{run.info.id}"
    seen = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    assert seen == ["environment.json", f"metrics.{kind}", "params.json", "run.json", "tags.json"]


def test_run_json(run: Any, folder_of: Callable[[Any], Path]):
    """All that is known of the run, in strict JSON, times to be read and exact."""
    assert load(folder_of(run) / "run.json") == {
        "trackhub-local": "run 1",
        "id": run.info.id,
        "name": "a run of the suite",
        "project": "team/vision",
        "status": "failed",
        "started": "2020-09-13T12:26:40.123456789Z",
        "started_ns": BEGAN,
        "ended": "2020-09-13T12:26:45.123456789Z",
        "ended_ns": BEGAN + 5_000_000_000,
        "reason": "ValueError: x",
        "parent": run.info.parent.id,
        "group": "sweep",
    }


def test_params_tags_and_environment(run: Any, folder_of: Callable[[Any], Path]):
    """Values are plain JSON; what JSON cannot say stands beside, and what was overwritten is kept."""
    time = {"time": "2020-09-13T12:26:40.123456789Z", "time_ns": BEGAN}
    params = load(folder_of(run) / "params.json")["params"]
    assert params["lr"] == {"value": 0.2, **time, "overwritten": True, "before": [{"value": 0.1, **time}]}
    assert params["decay"] == {"value": None, "exact": {"": "nan"}, **time}
    assert params["seed"]["value"] == 2**70
    assert load(folder_of(run) / "tags.json")["tags"] == {"phase": {"value": "one", **time}}
    environment = load(folder_of(run) / "environment.json")
    assert environment["environment"] == {"host": "a", "load": None}
    assert environment["exact"] == {"/load": "inf"}
    frame = pd.DataFrame.from_dict(params, orient="index")
    assert frame.loc["lr", "value"] == 0.2


def test_params_that_come_again_are_known(bench: Bench):
    """A delivery that begins anew gives a value that was overwritten since; it changes nothing and is no conflict."""
    run = bench.begin()
    for _ in range(2):
        run.params({"lr": 0.1})
        for value in (0.2, 0.3):
            run.params({"lr": value}, overwritten=True)
        assert run.record().params == {"lr": 0.3}
        run.elsewhere()


def test_pandas(run: Any, folder_of: Callable[[Any], Path], kind: str):
    """One call gives names, steps, times to the nanosecond and values."""
    path = folder_of(run) / f"metrics.{kind}"
    if kind == "parquet":
        frame = pd.read_parquet(path)
        assert str(frame["time"].dtype) == "datetime64[ns, UTC]"
    else:
        frame = pd.read_csv(path, parse_dates=["time"])
    assert list(frame.columns) == ["name", "step", "time", "value", "place", "exact"]
    assert frame["name"].tolist() == NAMES
    assert near(frame["step"].tolist(), STEPS)
    assert near(frame["value"].tolist(), VALUES)
    times = frame["time"].astype("datetime64[ns, UTC]").astype("int64").tolist()
    assert times == [point.time for point in POINTS]
    assert frame["place"].tolist() == list(range(len(POINTS)))
    assert frame["exact"].astype(object).where(frame["exact"].notna(), None).tolist() == EXACT


def test_polars(run: Any, folder_of: Callable[[Any], Path], kind: str):
    """One call, lazily too."""
    path = folder_of(run) / f"metrics.{kind}"
    frame = pl.read_parquet(path) if kind == "parquet" else pl.read_csv(path, try_parse_dates=False)
    assert frame["name"].to_list() == NAMES
    assert near([math.nan if step is None else step for step in frame["step"].to_list()], STEPS)
    assert near(frame["value"].to_list(), VALUES)
    assert frame["exact"].to_list() == EXACT
    times = frame["time"] if kind == "parquet" else frame["time"].str.to_datetime(time_unit="ns", time_zone="UTC")
    assert times.dt.timestamp("ns").to_list() == [point.time for point in POINTS]
    lazy = pl.scan_parquet(path) if kind == "parquet" else pl.scan_csv(path)
    assert lazy.filter(pl.col("name") == "loss").select(pl.len()).collect().item() == 4


def test_duckdb(run: Any, folder_of: Callable[[Any], Path], kind: str):
    """One query, of one run's file or of all runs'."""
    path = folder_of(run) / f"metrics.{kind}"
    rows = duckdb.sql(f"select name, step, value, exact from '{path}' order by place").fetchall()
    assert [row[0] for row in rows] == NAMES
    assert near([math.nan if row[1] is None else float(row[1]) for row in rows], STEPS)
    assert near([row[2] for row in rows], VALUES)
    assert [row[3] for row in rows] == EXACT
    every = f"{path.parents[2]}/*/*/metrics.{kind}"
    assert duckdb.sql(f"select count(*) from '{every}' where name = 'loss'").fetchall() == [(4,)]
    params = duckdb.sql(f"select params.lr.value from read_json('{path.parent}/params.json')").fetchall()
    assert params == [(0.2,)]


def test_every_run_has_one_schema(bench: Bench, base: Path, kind: str):
    """Runs of floats, of ints and of no steps are read as one table."""
    for number, points in enumerate((POINTS[:1], POINTS[3:4], POINTS[5:])):
        run = bench.begin(project=f"p{number}")
        run.points(points)
        run.end()
    every = f"{base}/*/*/metrics.{kind}"
    assert duckdb.sql(f"select count(*) from '{every}'").fetchall() == [(4,)]
    if kind == "parquet":
        assert len(pl.read_parquet(every)) == 4


def test_a_reader_never_sees_half_a_file(bench: Bench, folder_of: Callable[[Any], Path], kind: str):
    """After every batch the file that people open is whole: the first so many points of the run."""
    run = bench.begin()
    path = folder_of(run) / f"metrics.{kind}"
    open_it = pl.read_parquet if kind == "parquet" else pl.read_csv
    for start in range(0, 300, 7):
        points = [MetricPoint("loss", number / 3, number, BEGAN + number) for number in range(start, start + 7)]
        run.batch(tuple(points), start=start)
        frame = open_it(path)
        assert frame["place"].to_list() == list(range(len(frame)))
        assert frame["value"].to_list() == [number / 3 for number in range(len(frame))]
        assert len(frame) >= (start + 7) / 2
    run.end()
    assert len(open_it(path)) == start + 7


def test_at_the_end_there_is_one_whole_file(run: Any, folder_of: Callable[[Any], Path], bench: Bench):
    """Behind a finish, and behind a close, nothing that people need is in the hidden folder."""
    late = (MetricPoint("late", 0.5, 1, BEGAN), MetricPoint("late", 0.6, 2, BEGAN))
    for number, point in enumerate(late):
        run.batch((point,), start=len(POINTS) + number)
    bench.shut(run.calls)
    (path,) = folder_of(run).glob("metrics.*")
    held = len(pl.read_parquet(path)) if path.suffix == ".parquet" else len(pl.read_csv(path))
    assert held == len(POINTS) + 2

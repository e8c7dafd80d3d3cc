"""Reading runs: listing, finding one by what people type, its series and its artifacts."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trackhub.errors import RunNotFound, TrackhubError
from trackhub.journal.artifacts import ArtifactStore
from trackhub.journal.store import Store
from trackhub.model.events import ArtifactLogged
from trackhub.query.runs import find, runs
from trackhub.query.tokens import QueryError

NAN = float("nan")


def names(**options: Any) -> list[str]:
    return [run.name for run in runs(**options)]


def test_runs_are_filtered_ordered_and_limited(store: Store, written: Any) -> None:
    """A listing says which runs, in which order, and how many."""
    for number in range(4):
        written.add(f"r{number}", params={"n": number}, rows=[(0, {"acc": number / 10})])
    written.add("other", project="elsewhere")
    assert names(source=store.path) == ["other", "r3", "r2", "r1", "r0"]
    assert names(source=str(store.path), project="digits", limit=2) == ["r3", "r2"]
    assert names(source=store.path, where="params.n < 3 and metrics.acc > 0", order_by="metrics.acc") == ["r1", "r2"]
    assert names(source=store.path, order_by="params.n, name")[-1] == "other"


def test_runs_come_from_the_configured_store(store: Store, written: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a source, runs come from the store that settings name."""
    written.add("a")
    monkeypatch.setenv("TRACKHUB_STORE", str(store.path))
    assert names() == ["a"]


def test_a_wrong_order_is_an_error_even_without_runs(store: Store) -> None:
    """A mistake in a filter or an order shows before there is anything to filter."""
    with pytest.raises(QueryError):
        runs(store.path, where="acc > 1")
    with pytest.raises(QueryError):
        runs(store.path, order_by="acc")


def test_a_view_tells_what_was_logged(store: Store, written: Any) -> None:
    """A view has a run's names, times in UTC, params, tags, and newest values."""
    written.add("a", params={"d": 4}, tags={"t": "x"}, rows=[(1, {"loss": 0.5})], parent="f" * 32, group="g")
    (run,) = runs(store.path)
    assert (run.name, run.project, run.status, run.points) == ("a", "digits", "finished", 1)
    assert (run.params, run.tags, run.metrics) == ({"d": 4}, {"t": "x"}, {"loss": 0.5})
    assert (run.parent, run.group) == ("f" * 32, "g")
    assert run.started == datetime.datetime(2025, 11, 13, 2, 13, 20, 1000, tzinfo=datetime.UTC)
    assert run.ended == run.started + datetime.timedelta(milliseconds=4)
    assert repr(run) == f"<RunView a {run.id} finished>"


def test_a_history_has_every_point(store: Store, written: Any) -> None:
    """A series is every point as it was logged, in time's order, over all segments."""
    folder = written.add(rows=[(2, {"loss": 0.5, "x": 1}), (1, {"loss": NAN})], status=None)
    other = written.writer(folder, "w2")
    other.row_at(written.tick(), {"loss": 3.0}, 2)
    other.close()
    (run,) = runs(store.path)
    series = run.history("loss")
    assert len(series) == 3
    assert series.step.tolist() == [2, 1, 2]
    np.testing.assert_array_equal(series.value, [0.5, NAN, 3.0])
    assert np.diff(series.time).tolist() == [10**6, 10**6]
    assert (series.step.dtype, series.time.dtype, series.value.dtype) == (np.int64, np.int64, np.float64)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], np.int64),
        ([1, 2.5], np.float64),
        ([True, False], np.bool_),
        ([2**53 + 1, 0.5], object),
        ([2**70, 1], object),
        ([True, 1], object),
    ],
)
def test_a_history_keeps_values_exactly(store: Store, written: Any, values: list[Any], kind: type) -> None:
    """Values come in the narrowest array that holds each of them exactly."""
    written.add(rows=[(0, {"x": value}) for value in values])
    series = runs(store.path)[0].history("x")
    assert series.value.dtype == kind
    assert series.value.tolist() == values


def test_a_missing_step_is_nan(store: Store, written: Any) -> None:
    """Where a step is missing or a fraction, steps are floats, and NaN is missing."""
    written.add(rows=[(None, {"x": 1}), (1, {"x": 1}), (1.5, {"x": 1})])
    np.testing.assert_array_equal(runs(store.path)[0].history("x").step, [NAN, 1.0, 1.5])


def test_an_unknown_metric_names_the_nearest(store: Store, written: Any) -> None:
    """A history of a metric that was never logged is an error with a hint."""
    written.add(rows=[(0, {"val/loss": 1.0})])
    with pytest.raises(KeyError, match="did you mean 'val/loss'"):
        runs(store.path)[0].history("val/los")


@pytest.mark.parametrize(
    ("library", "method"), [("pandas", "to_pandas"), ("polars", "to_polars"), ("pyarrow", "to_arrow")]
)
def test_a_history_becomes_a_frame(store: Store, written: Any, library: str, method: str) -> None:
    """A series becomes a frame of three columns, where the library is installed."""
    pytest.importorskip(library)
    written.add(rows=[(1, {"x": 0.5}), (2, {"x": 0.25})])
    frame = getattr(runs(store.path)[0].history("x"), method)()
    columns = frame.column_names if library == "pyarrow" else list(frame.columns)
    assert columns == ["step", "time", "value"]
    held = frame["value"].to_pylist() if library == "pyarrow" else list(frame["value"])
    assert held == [0.5, 0.25]
    assert "UTC" in str(frame.schema if library == "pyarrow" else frame.dtypes)


def test_a_frame_library_that_is_missing_is_named(store: Store, written: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library, the error says what to install."""
    written.add(rows=[(1, {"x": 0.5})])
    series = runs(store.path)[0].history("x")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(TrackhubError, match="pip install pandas"):
        series.to_pandas()


def test_artifacts_are_found_by_name(store: Store, written: Any, tmp_path: Path) -> None:
    """An artifact file is found by its path, or by the artifact's name where that is enough."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.txt").write_text("one")
    (source / "b.txt").write_text("two")
    folder = written.add("r", status=None)
    kept = ArtifactStore(folder.artifacts)
    writer = written.writer(folder, "w2")
    for name, path in (("data", source), ("note", source / "a.txt")):
        writer.append(ArtifactLogged(time=written.tick(), name=name, type="file", files=kept.keep(path)))
    writer.close()
    (run,) = runs(store.path)
    assert [file.path for file in run.artifacts] == ["data/a.txt", "data/b.txt", "note/a.txt"]
    assert run.artifact_path("note").read_text() == "one"
    assert run.artifact_path("data/b.txt").read_text() == "two"
    with pytest.raises(KeyError, match="has 2 files"):
        run.artifact_path("data")
    with pytest.raises(KeyError, match=r"did you mean 'note/a\.txt'"):
        run.artifact_path("note/b.txt")


def test_a_run_is_found_by_id_name_and_prefix(store: Store, written: Any) -> None:
    """People name a run by its id, its name, project/name, or the beginning of its id."""
    folder = written.add("forest/1")
    written.add("forest-2")
    for text in (folder.id, "forest/1", "digits/forest/1", folder.id[:-1]):
        assert find(store, text) == folder


def test_an_unknown_run_names_near_ones(store: Store, written: Any) -> None:
    """A run that is not there is an error that names what it may have been."""
    written.add("forest-1")
    with pytest.raises(RunNotFound, match=r"no run 'forst-1' in .*; did you mean 'forest-1'\?"):
        find(store, "forst-1")
    with pytest.raises(RunNotFound, match="`trackhub ls` lists them"):
        find(store, "xyz")
    with pytest.raises(RunNotFound, match="no run ''"):
        find(store, "")


def test_an_ambiguous_name_lists_the_candidates(store: Store, written: Any) -> None:
    """A name that several projects have, or a prefix of several ids, lists them; project/name decides."""
    first, second = written.add("a", project="one"), written.add("a", project="two")
    with pytest.raises(RunNotFound) as caught:
        find(store, "a")
    assert first.id in str(caught.value)
    assert second.id in str(caught.value)
    assert find(store, "two/a") == second
    with pytest.raises(RunNotFound, match="may be any of 2 runs"):
        find(store, first.id[:2])


def test_an_absent_store_is_said(tmp_path: Path) -> None:
    """A run in a store that is not there is not found, for that reason."""
    with pytest.raises(RunNotFound, match="there is no store at"):
        find(Store(tmp_path / "nowhere"), "a")

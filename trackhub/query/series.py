"""Hold one metric's points as NumPy arrays, and hand them to the frame library of your choice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trackhub.errors import TrackhubError

if TYPE_CHECKING:
    import numpy as np

    from trackhub.model.entities import MetricPoint


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Hold one metric's points in the order they were logged, all of them.

    :ivar step: int64 where every point has a whole step; float64 with NaN for a missing one;
        objects where neither holds them exactly.
    :ivar time: int64, nanoseconds since the epoch.
    :ivar value: float64, or int64 or bool where every value is one; objects where neither is exact.
    """

    name: str
    step: np.ndarray[Any, Any]
    time: np.ndarray[Any, Any]
    value: np.ndarray[Any, Any]

    @classmethod
    def of(cls, name: str, points: Iterable[MetricPoint]) -> Series:
        """Return the series of points that are at hand."""
        np = _numpy()
        rows = list(points)
        return cls(
            name=name,
            step=_column([float("nan") if point.step is None else point.step for point in rows]),
            time=np.array([point.time for point in rows], dtype=np.int64),
            value=_column([point.value for point in rows]),
        )

    def __len__(self) -> int:
        """Return how many points there are."""
        return len(self.value)

    def __repr__(self) -> str:
        return f"<Series {self.name}: {len(self)} points>"

    def to_pandas(self) -> Any:
        """Return a pandas frame with the columns step, time (UTC) and value."""
        pandas = _library("pandas")
        time = pandas.to_datetime(self.time, unit="ns", utc=True)
        return pandas.DataFrame({"step": self.step, "time": time, "value": self.value})

    def to_polars(self) -> Any:
        """Return a polars frame with the columns step, time (UTC) and value."""
        polars = _library("polars")
        frame = polars.DataFrame({"step": self.step, "time": self.time, "value": self.value})
        return frame.with_columns(polars.col("time").cast(polars.Datetime("ns", "UTC")))

    def to_arrow(self) -> Any:
        """Return an Arrow table with the columns step, time (UTC) and value."""
        arrow = _library("pyarrow")
        time = arrow.array(self.time).cast(arrow.timestamp("ns", tz="UTC"))
        return arrow.table({"step": arrow.array(self.step), "time": time, "value": arrow.array(self.value)})


def _column(items: list[Any]) -> Any:
    np = _numpy()
    kinds = {type(item) for item in items}
    if kinds <= {float}:
        return np.array(items, dtype=np.float64)
    if kinds == {bool}:
        return np.array(items, dtype=np.bool_)
    if bool not in kinds:
        whole = [item for item in items if isinstance(item, int)]
        if kinds == {int} and all(-(1 << 63) <= item < 1 << 63 for item in whole):
            return np.array(items, dtype=np.int64)
        if all(abs(item) <= 1 << 53 for item in whole):  # every one of them is a float64, too
            return np.array(items, dtype=np.float64)
    column = np.empty(len(items), dtype=object)
    column[:] = items
    return column


def _numpy() -> Any:
    return _library("numpy", 'pip install "trackhub-core[read]"')


def _library(name: str, remedy: str = "") -> Any:
    import importlib  # noqa: PLC0415 - frames are made by few, and their libraries are slow to import

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise TrackhubError(f"{name} is not installed: {remedy or f'pip install {name}'}") from error

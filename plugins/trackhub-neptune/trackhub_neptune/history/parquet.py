"""Read the Parquet files that neptune-exporter wrote, from row groups to batches with plain columns.

A file holds one long table: a row is one value of one attribute of one run. Rows of points, which are most of them,
are never looked at one by one.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Self

from trackhub.errors import SettingsError
from trackhub_neptune.history.buffer import arrays
from trackhub_neptune.history.exact import MILLION

KEYS = ("project_id", "run_id", "attribute_path", "attribute_type")
POINTS = (*KEYS, "step", "timestamp", "float_value")
MAGIC = b"PAR1"
_ROWS = 131_072
_FEW_ROWS = 4_096  # of texts and histograms, which may be a megabyte each
_DIGITS = 18  # what the low half of a decimal holds


def arrow() -> Any:
    """Return pyarrow with its Parquet reader.

    :raises SettingsError: it is not installed.
    """
    try:
        importlib.import_module("pyarrow.parquet")
        return importlib.import_module("pyarrow")
    except ImportError as error:
        raise SettingsError(
            "neptune: there are Parquet files of neptune-exporter: pip install 'trackhub-neptune[parquet]'"
        ) from error


def damage() -> tuple[type[Exception], ...]:
    """Return what pyarrow raises of a damaged file."""
    return (OSError, arrow().ArrowException, UnicodeDecodeError)


class ExportFile:
    """Read one file of an export; of a damaged one :func:`damage` is raised."""

    def __init__(self, path: Path) -> None:
        self.path = path
        read = arrow().parquet.ParquetFile
        with read(path) as plain:
            metadata = plain.metadata
            self._names = set(plain.schema_arrow.names)
        words = [name for name in KEYS if name in self._names]
        self._file = read(path, metadata=metadata, read_dictionary=words)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def is_export(self) -> bool:
        """Return whether it has the exporter's columns."""
        return set(KEYS) <= self._names

    @property
    def groups(self) -> range:
        """Return the numbers of its row groups, each of which is read, or found damaged, by itself."""
        return range(self._file.num_row_groups)

    def bounds(self, group: int, column: str) -> tuple[str, str] | None:
        """Return the least and the greatest text in a column of a group, where the file says so."""
        metadata = self._file.metadata.row_group(group)
        for place in range(metadata.num_columns):
            chunk = metadata.column(place)
            if chunk.path_in_schema == column:
                told = chunk.statistics
                if told is None or not told.has_min_max or told.null_count:
                    return None
                return str(told.min), str(told.max)
        return None

    def may_hold(self, group: int, column: str, wanted: Collection[str]) -> bool:
        """Return whether a group may hold one of some values in a column."""
        bounds = self.bounds(group, column)
        return bounds is None or any(bounds[0] <= value <= bounds[1] for value in wanted)

    def batches(self, group: int, columns: Collection[str], *, few: bool = False) -> Iterator[Any]:
        """Yield the rows of a group; a column that the file lacks is left out."""
        present = [name for name in columns if name in self._names]
        rows = _FEW_ROWS if few else _ROWS
        yield from self._file.iter_batches(batch_size=rows, row_groups=[group], columns=present)


def codes(batch: Any, name: str) -> tuple[Any, list[str | None]]:
    """Return a column of words as numbers, and the words that they stand for; null is the last word."""
    column = batch.column(name)
    if not arrow().types.is_dictionary(column.type):
        column = column.dictionary_encode()
    words = column.dictionary.to_pylist()
    np = arrays()
    numbers = column.indices.fill_null(len(words)).to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers, [*words, None]


def times(batch: Any, missing: int) -> tuple[Any, int]:
    """Return a batch's times in nanoseconds, and how many it had not."""
    np = arrays()
    if "timestamp" not in batch.schema.names:
        return np.full(batch.num_rows, missing, dtype=np.int64), batch.num_rows
    column = batch.column("timestamp")
    scale = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}[column.type.unit]
    whole = column.cast(arrow().int64())
    nulls = whole.null_count
    numbers = whole.fill_null(0).to_numpy(zero_copy_only=False) * scale
    if nulls:
        numbers[column.is_null().to_numpy(zero_copy_only=False)] = missing
    return numbers, nulls


def values(batch: Any) -> Any:
    """Return a batch's numbers; the exporter wrote null for NaN."""
    np = arrays()
    if "float_value" not in batch.schema.names:
        return np.full(batch.num_rows, np.nan)
    return batch.column("float_value").to_numpy(zero_copy_only=False).astype(np.float64, copy=False)


def steps(batch: Any) -> tuple[Any, Any]:
    """Return a batch's steps in millionths, and which of them are missing."""
    np = arrays()
    if "step" not in batch.schema.names:
        return np.zeros(batch.num_rows, dtype=np.int64), np.ones(batch.num_rows, dtype=bool)
    column = batch.column("step")
    missing = column.is_null().to_numpy(zero_copy_only=False)
    decimal = arrow().decimal128(_DIGITS, 6)
    if column.type != decimal:  # never of the exporter's own; what does not fit is refused, and named
        column = column.cast(arrow().decimal128(38, 6)).cast(decimal)
    # A decimal is sixteen bytes, of which the lower eight hold every number of this precision.
    halves = np.frombuffer(column.buffers()[1], dtype="<i8")
    return np.where(missing, 0, halves[2 * column.offset : 2 * (column.offset + len(column)) : 2]), missing


def plain_steps(millionths: Any, missing: Any) -> tuple[Any, int]:
    """Return steps as numbers, and how many of them are not exact: int64 if all are whole, else float64."""
    np = arrays()
    fraction = millionths % MILLION != 0
    if not fraction.any() and not missing.any():
        return millionths // MILLION, 0
    floats = np.where(fraction, millionths / MILLION, millionths // MILLION)
    large = np.flatnonzero(fraction & (np.abs(millionths) > 1 << 53))  # which the array's division rounds twice
    floats[large] = [number / MILLION for number in millionths[large].tolist()]
    # Of a float the part after the point is exact; times a million it would not be.
    floor = np.floor(floats)
    held = floor.astype(np.int64) * MILLION + np.rint((floats - floor) * MILLION).astype(np.int64)
    inexact = fraction & (held != millionths)
    floats[missing] = np.nan
    return floats, int(np.count_nonzero(inexact & ~missing))

"""Write points to a Parquet file and read them back, exactly; the only module that imports pyarrow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from trackhub_local import disk
from trackhub_local.damage import Damaged
from trackhub_local.rows import Rows, joined
from trackhub_local.summary import Summary

NAME = "metrics.parquet"
SCHEMA = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("step", pa.float64()),
        pa.field("time", pa.timestamp("ns", "UTC"), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("place", pa.int64(), nullable=False),
        pa.field("exact", pa.string()),
    ]
)
_AS_TEXTS = ["name", "exact"]
_GROUP = 262_144
_FOOTER = "trackhub-local"
_TODO = "put the file back as it was"


def write(path: Path, pieces: Iterable[Rows]) -> None:
    """Put a file of these rows in a path's place."""
    found = Summary()
    made = {"compression": "zstd", "write_page_checksum": True}
    with disk.replacing(path) as file, pq.ParquetWriter(file, SCHEMA, **made) as writer:
        for rows in _groups(pieces):
            found.add(rows)
            writer.write_table(_table(rows))
        writer.add_key_value_metadata({_FOOTER: found.text()})


def grow(path: Path, rows: Rows) -> None:
    """Put in a file's place one that has these rows, too, behind its own."""
    write(path, chain(read(path), [rows]))


def read(path: Path, first: int = 0) -> Iterator[Rows]:
    """Yield a file's rows piece by piece, but groups that lie before a place.

    :raises Damaged: the file is no Parquet, or has other columns.
    """
    with _told(path), _opened(path) as file:
        groups = [group for group in range(file.num_row_groups) if _reaches(file.metadata.row_group(group), first)]
        for batch in file.iter_batches(_GROUP, columns=SCHEMA.names, row_groups=groups) if groups else ():
            yield _rows(batch)


def summary(path: Path) -> Summary:
    """Return what a file holds in short, from its footer if it is there: another tool writes none."""
    with _told(path):
        footer = pq.read_metadata(path).metadata or {}
        said = footer.get(_FOOTER.encode())
        if said is not None:
            return Summary.read(said.decode())
    found = Summary()
    for rows in read(path):
        found.add(rows)
    return found


def _opened(path: Path) -> Any:
    return pq.ParquetFile(path, read_dictionary=_AS_TEXTS, page_checksum_verification=True)


class _told:  # noqa: N801 - it reads as a verb
    """Say which file is damaged, whatever pyarrow calls it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Watch."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raise our own error in place of pyarrow's."""
        # pyarrow says OSError, too, of pages that are damaged; what the system says has a number.
        ours = isinstance(error, pa.ArrowException | ValueError | KeyError | TypeError)
        if ours or (isinstance(error, OSError) and not error.errno):
            said = (str(error).splitlines() or [type(error).__name__])[0][:200]
            raise Damaged(self._path, f"it cannot be read as the Parquet that was written ({said})", _TODO) from error


def _reaches(group: Any, first: int) -> bool:
    """Return whether a group may hold a place or one behind it."""
    for index in range(group.num_columns if first else 0):
        column = group.column(index)
        if column.path_in_schema == "place" and column.statistics is not None and column.statistics.has_min_max:
            return int(column.statistics.max) >= first
    return True


def _groups(pieces: Iterable[Rows]) -> Iterator[Rows]:
    """Yield rows in groups of one size, so that a file that grew is as one written at once."""
    held: list[Rows] = []
    for rows in pieces:
        held.append(rows)
        while sum(map(len, held)) >= _GROUP:
            whole = joined(held)
            yield whole.take(slice(0, _GROUP))
            held = [whole.take(slice(_GROUP, None))]
    rest = joined(held)
    if len(rest):
        yield rest


def _table(rows: Rows) -> pa.Table:
    said = [mark or None for mark in rows.said]
    stepless = np.isnan(rows.step) & ~_has(rows, lambda mark: "step " in mark)
    columns = [
        _texts(rows.name, rows.names, None),
        pa.array(rows.step, pa.float64(), mask=stepless),
        pa.array(rows.time.astype("datetime64[ns]"), pa.timestamp("ns")).cast(SCHEMA.field("time").type),
        pa.array(rows.value, pa.float64()),
        pa.array(rows.place, pa.int64()),
        _texts(rows.mark, said, ~_has(rows, bool)),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _texts(codes: Any, texts: Sequence[str | None], mask: Any) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=mask), pa.array(texts, pa.string())).cast(pa.string())


def _has(rows: Rows, what: Callable[[str], bool]) -> Any:
    """Return of which rows the mark is such."""
    return np.array([what(mark) for mark in rows.said], np.bool_)[rows.mark]


def _rows(batch: pa.RecordBatch) -> Rows:
    name, names = _coded(batch.column("name"))
    mark, said = _coded(batch.column("exact"))
    nothing = len(said)
    mark = np.where(mark < 0, nothing, mark).astype(np.int32)
    return Rows(
        place=_plain(batch, "place"),
        name=name,
        step=batch.column("step").cast(pa.float64()).fill_null(float("nan")).to_numpy(zero_copy_only=False),
        time=batch.column("time").cast(SCHEMA.field("time").type).cast(pa.int64()).to_numpy(),
        value=_plain(batch, "value"),
        mark=mark,
        names=names,
        said=(*said, ""),
    )


def _plain(batch: pa.RecordBatch, column: str) -> Any:
    values = batch.column(column).cast(SCHEMA.field(column).type)
    if values.null_count:
        raise ValueError(f"its column {column} has empty cells")
    return values.to_numpy()


def _coded(column: Any) -> tuple[Any, tuple[str, ...]]:
    """Return texts as numbers, -1 for none, and what the numbers stand for."""
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    indices = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return indices, tuple(coded.dictionary.to_pylist())

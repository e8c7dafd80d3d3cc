"""Write points to a CSV file and read them back, exactly; Python's own module does it, and NumPy."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from trackhub_local import disk
from trackhub_local.damage import Damaged
from trackhub_local.rows import Rows
from trackhub_local.summary import Summary

NAME = "metrics.csv"
COLUMNS = ("name", "step", "time", "value", "place", "exact")
_HEADER = ",".join(COLUMNS)
_QUOTED = re.compile(r'[",\r\n]|^\s|\s\Z|^\Z')
_PIECE = 100_000
_LONGEST_FIELD = 2**31 - 1


def write(path: Path, pieces: Iterable[Rows]) -> None:
    """Put a file of these rows in a path's place."""
    with disk.replacing(path) as file:
        file.write(f"{_HEADER}\n".encode())
        _write_lines(file, pieces)


def grow(path: Path, rows: Rows) -> None:
    """Put in a file's place one that has these rows, too, behind its own."""
    with disk.replacing(path) as file:
        with path.open("rb") as known:
            shutil.copyfileobj(known, file, 1 << 20)
        _write_lines(file, [rows])


def read(path: Path, first: int = 0) -> Iterator[Rows]:
    """Yield a file's rows piece by piece, but those before a place.

    :raises Damaged: a line is none of ours.
    """
    known = csv.field_size_limit(_LONGEST_FIELD)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file, strict=True)
            header = next(lines, [])
            if tuple(header) != COLUMNS:
                raise ValueError(f"its first line is not {_HEADER}")  # noqa: TRY301 - told with its path below
            while piece := list(islice(lines, _PIECE)):
                rows = _rows(piece)
                yield rows.take(rows.place >= first) if first else rows
    except (ValueError, csv.Error, OverflowError) as error:
        raise Damaged(path, f"it holds no points as they were written ({error})", _TODO) from error
    finally:
        csv.field_size_limit(known)


_TODO = "put the file back as it was; a spreadsheet may have saved it anew"


def summary(path: Path) -> Summary:
    """Return what a file holds in short; all of it is read for that."""
    found = Summary()
    for rows in read(path):
        found.add(rows)
    return found


def _write_lines(file: BinaryIO, pieces: Iterable[Rows]) -> None:
    for rows in pieces:
        starts = range(0, len(rows), _PIECE)
        file.writelines("".join(_lines(rows.take(slice(start, start + _PIECE)))).encode() for start in starts)


def _lines(rows: Rows) -> Iterator[str]:
    names = [_quoted(name) for name in rows.names]
    said = [_quoted(mark) if mark else "" for mark in rows.said]
    times = np.datetime_as_string(rows.time.astype("datetime64[ns]"), unit="ns").tolist()
    columns = (rows.name, rows.step, rows.value, rows.place, rows.mark)
    for time, name, step, value, place, mark in zip(times, *(column.tolist() for column in columns), strict=True):
        yield f"{names[name]},{_step(step)},{time}Z,{_number(value)},{place},{said[mark]}\n"


def _rows(lines: list[list[str]]) -> Rows:
    widths = {len(line) for line in lines}
    if widths != {len(COLUMNS)}:
        raise ValueError(f"a line has {min(widths)} to {max(widths)} columns, not {len(COLUMNS)}")
    name, step, time, value, place, mark = zip(*lines, strict=True)
    names: dict[str, int] = {}
    said: dict[str, int] = {}
    return Rows(
        place=np.array(list(map(int, place)), np.int64),
        name=np.array([names.setdefault(one, len(names)) for one in name], np.int32),
        step=np.array([float(one) if one else np.nan for one in step], np.float64),
        time=np.array([one.removesuffix("Z") for one in time], "datetime64[ns]").astype(np.int64),
        value=np.array(list(map(float, value)), np.float64),
        mark=np.array([said.setdefault(one, len(said)) for one in mark], np.int32),
        names=tuple(names),
        said=tuple(said),
    )


def _step(number: float) -> str:
    if number != number:  # noqa: PLR0124 - NaN: a missing step
        return ""
    return str(int(number)) if number.is_integer() and abs(number) < 2**63 and str(number) != "-0.0" else repr(number)


def _number(value: float) -> str:
    return "NaN" if value != value else repr(value)  # noqa: PLR0124 - as polars wants it; others take either


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text

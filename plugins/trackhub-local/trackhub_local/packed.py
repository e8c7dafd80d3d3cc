"""Turn rows and a position into a record of the tail, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from trackhub_local.rows import Rows

_TYPES = {"place": "<i8", "name": "<i4", "step": "<f8", "time": "<i8", "value": "<f8", "mark": "<i4"}


def pack(rows: Rows, position: str | None) -> dict[str, Any]:
    """Return a record of rows, maybe none, and of the journal's position behind them."""
    record: dict[str, Any] = {"position": position}
    if len(rows):
        record |= {column: getattr(rows, column).astype(kind).tobytes() for column, kind in _TYPES.items()}
        record |= {"names": rows.names, "said": rows.said}
    return record


def unpack(record: dict[str, Any]) -> tuple[Rows, str | None]:
    """Return what :func:`pack` was given."""
    if "place" not in record:
        return Rows.empty(), record["position"]
    columns = {column: np.frombuffer(record[column], kind) for column, kind in _TYPES.items()}
    native = {column: values.astype(values.dtype.newbyteorder("=")) for column, values in columns.items()}
    return Rows(names=tuple(record["names"]), said=tuple(record["said"]), **native), record["position"]

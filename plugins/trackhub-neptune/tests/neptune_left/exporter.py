"""Write exports as neptune-exporter wrote them, by its schema, its file names and its two folders.

The exporter itself needs a Neptune server. What is taken from its source: the schema, the names with their digest, the
parts of which the first is named last, a row group for each batch, and where the files of each kind lie.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA = pa.schema(
    [
        ("project_id", pa.string()),
        ("run_id", pa.string()),
        ("attribute_path", pa.string()),
        ("attribute_type", pa.string()),
        ("step", pa.decimal128(18, 6)),
        ("timestamp", pa.timestamp("ms", tz="UTC")),
        ("int_value", pa.int64()),
        ("float_value", pa.float64()),
        ("string_value", pa.string()),
        ("bool_value", pa.bool_()),
        ("datetime_value", pa.timestamp("ms", tz="UTC")),
        ("string_set_value", pa.list_(pa.string())),
        ("file_value", pa.struct([("path", pa.string())])),
        (
            "histogram_value",
            pa.struct([("type", pa.string()), ("edges", pa.list_(pa.float64())), ("values", pa.list_(pa.float64()))]),
        ),
    ]
)
_COLUMN = {
    "float_series": "float_value",
    "string_series": "string_value",
    "histogram_series": "histogram_value",
    "file": "file_value",
    "file_series": "file_value",
    "file_set": "file_value",
    "artifact": "file_value",
}


def sanitized(part: str) -> str:
    """Return the exporter's name for a project or a run."""
    readable = "".join(letter if letter.isalnum() or letter in "_-" else "_" for letter in part)
    return f"{readable}-{hashlib.blake2b(part.encode(), digest_size=8).hexdigest()}"


def row(attribute: str, kind: str, value: Any, step: Any = None, time: int | None = None) -> dict[str, Any]:
    """Return one row; ``time`` is in milliseconds."""
    if kind in {"file", "file_series", "file_set", "artifact"}:
        value = {"path": value}
    return {
        "attribute_path": attribute,
        "attribute_type": kind,
        "step": None if step is None else Decimal(str(step)).quantize(Decimal("1.000000")),
        "timestamp": time,
        _COLUMN.get(kind, f"{kind}_value"): value,
    }


class Export:
    """Write one export.

    :param root: the folder that holds ``data`` and ``files``.
    """

    def __init__(self, root: Path, data: str = "data", files: str = "files") -> None:
        self.data = root / data
        self.files = root / files

    def run(
        self,
        project: str,
        run: str,
        *groups: Iterable[dict[str, Any]],
        number: int = 0,
        scope: str = "",
        tmp: bool = False,
    ) -> Path:
        """Write one part of a run, a row group for each batch of rows."""
        folder = self.data / sanitized(project) / scope
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{sanitized(run)}_part_{number}.parquet{'.tmp' if tmp else ''}"
        with pq.ParquetWriter(path, SCHEMA, compression="snappy") as writer:
            for rows in groups:
                held = [{"project_id": project, "run_id": run, **row} for row in rows]
                writer.write_batch(pa.RecordBatch.from_pylist(held, schema=SCHEMA))
        return path

    def file(self, project: str, path: str, content: bytes = b"bytes") -> str:
        """Write a file of a project and return the path that its row tells."""
        place = self.files / sanitized(project) / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return path

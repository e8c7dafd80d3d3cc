"""Read the whole tables that Comet may keep of long metrics, where its rows are a sample; from assets, to rows.

Comet names such a table after its metric, with everything odd in the name replaced, so that two metrics
may share a name: then neither is read.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

FULL_METRIC = "ASSET_TYPE_FULL_METRIC"
KEPT = 15_000
"""How many values of a metric Comet keeps; one that has as many may have had more."""
_ODD = re.compile("[^a-zA-Z0-9-+]+")
_TABLE = re.compile(r"(.*)_(\d+)\.csv\.zip")
_Series = tuple[str, Any]


def completed(
    rows: Sequence[Mapping[str, Any]], assets: Iterable[Mapping[str, Any]], content: Callable[[str], bytes]
) -> list[Mapping[str, Any]]:
    """Return rows, with those of a series that has a whole table replaced by that.

    :param content: returns an asset's bytes by its id.
    """
    tables: dict[str, list[tuple[int, str]]] = {}
    for asset in assets:
        named = _TABLE.fullmatch(str(asset.get("fileName")))
        if asset.get("type") == FULL_METRIC and named:
            tables.setdefault(named[1], []).append((int(named[2]), str(asset["assetId"])))
    series = dict.fromkeys(_series_of(row) for row in rows)
    shared = Counter(_ODD.sub("_", name) for name, _ in series)
    whole = {
        one: parts
        for one in series
        if (parts := tables.get(_ODD.sub("_", one[0]))) and shared[_ODD.sub("_", one[0])] == 1
    }
    made = [row for row in rows if _series_of(row) not in whole]
    for (name, context), parts in whole.items():
        for _, asset_id in sorted(parts):
            made += _rows(name, context, content(asset_id))
    return made


def sampled(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names of the series of which Comet may have kept some values only."""
    return [name for (name, _), count in Counter(map(_series_of, rows)).items() if count == KEPT]


def _series_of(row: Mapping[str, Any]) -> _Series:
    return str(row["metricName"]), row.get("runContext")


def _rows(name: str, context: Any, packed: bytes) -> Iterator[dict[str, Any]]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        for file in archive.namelist():
            for line in csv.DictReader(io.StringIO(archive.read(file).decode())):
                yield {
                    "metricName": name,
                    "runContext": context,
                    "metricValue": line["value"],
                    "timestamp": round(float(line["timestamp"]) * 1000),
                    "step": int(float(line["step"])) if line.get("step") else None,
                    "epoch": int(float(line["epoch"])) if line.get("epoch") else None,
                }

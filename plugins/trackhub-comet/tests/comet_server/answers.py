"""Write what the server holds as its read routes answer it: every value a text, every time in milliseconds."""

from __future__ import annotations

import csv
import io
import json
import math
import random
import re
import time
import zipfile
from collections import defaultdict
from decimal import Decimal
from typing import Any

from comet_server.behaviour import Behaviour
from comet_server.state import Asset, Experiment, MetricRow, Summary

FULL_METRIC = "ASSET_TYPE_FULL_METRIC"


def metadata(experiment: Experiment) -> dict[str, Any]:
    """Return what ``experiment/metadata`` says."""
    return {
        "experimentKey": experiment.key,
        "experimentName": experiment.name,
        "workspaceName": experiment.workspace,
        "projectName": experiment.project,
        "projectId": f"{experiment.workspace}/{experiment.project}",
        "startTimeMillis": experiment.start,
        "endTimeMillis": experiment.end,
        "durationMillis": experiment.end - experiment.start,
        "running": experiment.running,
        "hasCrashed": experiment.crashed,
        "error": experiment.error,
        "archived": False,
        "throttle": False,
        "optimizationId": None,
        "fileName": None,
        "filePath": None,
    }


def visible(experiment: Experiment, behaviour: Behaviour) -> list[MetricRow]:
    """Return the rows that can be read by now."""
    until = time.monotonic() - behaviour.lag_s
    return [row for row in experiment.metrics if row.arrived <= until]


def sampled(rows: list[MetricRow], behaviour: Behaviour) -> list[MetricRow]:
    """Return what is left of the rows of one metric: all of them, or some with the first and the last."""
    kept = behaviour.values_kept
    if kept is None or len(rows) <= kept:
        return rows
    draw = random.Random(len(rows))
    return [rows[0], *draw.sample(rows[1:-1], kept - 2), rows[-1]]


def metrics(rows: list[MetricRow], behaviour: Behaviour) -> list[dict[str, Any]]:
    """Return what ``experiment/metrics/get-all`` says of rows."""
    by_name: dict[tuple[str, str | None], list[MetricRow]] = defaultdict(list)
    for row in rows:
        by_name[row.name, row.context].append(row)
    found = [row for some in by_name.values() for row in sampled(some, behaviour)]
    if behaviour.shuffles:
        random.Random(len(found)).shuffle(found)
    return [
        {
            "metricName": row.name,
            "metricValue": value_text(row.value, behaviour),
            "timestamp": row.time,
            "step": 0 if row.step is None and behaviour.zero_steps else row.step,
            "epoch": row.epoch,
            "runContext": row.context,
            "offset": row.offset,
        }
        for row in found
    ]


def metric_summaries(rows: list[MetricRow], behaviour: Behaviour) -> list[dict[str, Any]]:
    """Return what ``experiment/metrics/summary`` says: the newest value of each metric, among others."""
    newest = {f"{row.context}_{row.name}" if row.context else row.name: row for row in rows}
    return [
        {
            "name": name,
            "valueCurrent": value_text(row.value, behaviour),
            "timestampCurrent": row.time,
            "stepCurrent": row.step,
            "editable": False,
        }
        for name, row in newest.items()
    ]


def summaries(held: dict[str, Summary]) -> list[dict[str, Any]]:
    """Return what ``experiment/parameters`` and ``experiment/log-other`` say."""
    return [
        {
            "name": name,
            "valueMin": one.value,
            "valueMax": one.value,
            "valueCurrent": one.value,
            "timestampCurrent": one.time,
            "editable": True,
        }
        for name, one in held.items()
    ]


def assets(experiment: Experiment, behaviour: Behaviour, kind: str | None) -> list[dict[str, Any]]:
    """Return what ``experiment/asset/list`` says."""
    until = time.monotonic() - behaviour.lag_s
    found = [asset for asset in experiment.assets if asset.arrived <= until]
    if behaviour.full_metrics:
        found += full_metrics(experiment, behaviour)
    return [
        {
            "assetId": asset.id,
            "fileName": asset.name,
            "fileSize": len(asset.content),
            "type": asset.kind,
            "step": asset.step,
            "runContext": None,
            "createdAt": asset.created,
            "dir": "others",
            "remote": False,
            "metadata": listed_metadata(asset, behaviour),
            "experimentKey": experiment.key,
        }
        for asset in found
        if kind in (None, "all", asset.kind)
    ]


def listed_metadata(asset: Asset, behaviour: Behaviour) -> Any:
    """Return an asset's metadata, as a mapping or as its text."""
    if asset.metadata is None or behaviour.texts_of_metadata:
        return asset.metadata
    return json.loads(asset.metadata)


def full_metrics(experiment: Experiment, behaviour: Behaviour) -> list[Asset]:
    """Return the zipped tables of the metrics that are sampled, as the SDK's ``get_metric_total_df`` reads them."""
    by_name: dict[str, list[MetricRow]] = defaultdict(list)
    for row in visible(experiment, behaviour):
        by_name[row.name].append(row)
    made = []
    for name, rows in by_name.items():
        if behaviour.values_kept is not None and len(rows) > behaviour.values_kept:
            file = f"{re.sub('[^a-zA-Z0-9-+]+', '_', name)}_0.csv.zip"
            made.append(Asset(f"full{abs(hash(name))}", file, FULL_METRIC, _table(rows), None, None, 0.0, 0))
    return made


def value_text(value: Any, behaviour: Behaviour) -> str:
    """Return a metric's value as a text."""
    if isinstance(value, str):
        return value
    if behaviour.writes_doubles:
        return java_text(float(value))
    return repr(value)


def java_text(value: float) -> str:
    """Return a double as Java's ``Double.toString`` writes it.

    >>> java_text(3.0), java_text(0.00001), java_text(1e300)
    ('3.0', '1.0E-5', '1.0E300')
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    number = Decimal(repr(abs(value)))
    figures = "".join(map(str, number.as_tuple().digits)).rstrip("0")
    return f"{'-' if value < 0 else ''}{figures[0]}.{figures[1:] or '0'}E{number.adjusted()}"


def _table(rows: list[MetricRow]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["value", "timestamp", "step", "epoch"])
    for row in rows:
        writer.writerow([row.value, row.time / 1000, "" if row.step is None else row.step, row.epoch])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("metric.csv", text.getvalue())
    return packed.getvalue()

"""Read the query parameters of a local destination, as people write them in URLs."""

from __future__ import annotations

from typing import Literal

from trackhub.backend import Options


class LocalOptions(Options):
    """Hold the query parameters of a local destination.

    :ivar metrics: the format that a run's points are kept in.
    """

    metrics: Literal["parquet", "csv"] = "parquet"

"""Hold the options of a W&B destination; from its URL's query, to the backend."""

from __future__ import annotations

from pydantic import Field

from trackhub.backend import Options


class WandbOptions(Options):
    """Hold the query parameters of a W&B destination.

    :ivar timeout_s: how long one request may wait for the server.
    :ivar settle_s: how long the server may take until it tells of rows that it took.
    :ivar live: keep a run open while its training logs, as the SDK does; else it is opened for each batch.
    """

    timeout_s: float = Field(default=20.0, gt=0, le=50)
    settle_s: float = Field(default=10.0, gt=0, le=50)
    live: bool = True

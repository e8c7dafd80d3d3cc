"""Say what the query of a Comet destination's URL may hold; imported where there is one, and where lanes run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trackhub.backend import Options


class CometOptions(Options):
    """Hold the query parameters of a Comet destination.

    :ivar route: how metrics go: ``batch`` by the SDK's own upload of batches, ``public`` by its documented API, a
        request for each value; ``auto`` takes batches where the installed SDK has them.
    :ivar values_per_minute: no more metric values are sent; 0 is without limit.
    :ivar timeout_s: how long one request may wait for the server; one with a file, four times as long.
    :ivar settle_s: how long Comet may take to show what it took; waited for where an answer was lost.
    """

    route: Literal["auto", "batch", "public"] = "auto"
    values_per_minute: int = Field(default=12_000, ge=0)
    timeout_s: float = Field(default=10.0, ge=1, le=15)
    settle_s: float = Field(default=5.0, ge=0, le=25)

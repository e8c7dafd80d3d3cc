"""Say what the query of a Neptune destination's URL may hold; imported where there is one, and where lanes run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trackhub.backend import Options


class NeptuneOptions(Options):
    """Hold the query parameters of a Neptune destination.

    :ivar api: ``v1`` for Neptune 2.x, ``scale`` for 3.x; by default what is installed and what the server says.
    :ivar token_env: the environment variable that holds the API token, where a process has several.
    :ivar timeout_s: how long one request may wait for the server.
    :ivar files: where an export's files lie, if that is not beside its tables; of ``neptune:PATH`` alone.
    """

    api: Literal["auto", "v1", "scale"] = "auto"
    token_env: str = Field(default="NEPTUNE_API_TOKEN", min_length=1)
    timeout_s: float = Field(default=15.0, gt=0, le=30)
    files: str | None = None

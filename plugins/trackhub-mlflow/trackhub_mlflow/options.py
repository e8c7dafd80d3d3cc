"""Say what the query of an MLflow destination's URL may hold; imported where there is one, and where lanes run."""

from __future__ import annotations

from pydantic import Field

from trackhub.backend import Options


class MlflowOptions(Options):
    """Hold the query parameters of an MLflow destination.

    :ivar experiment: the experiment that takes every run; by default one named as the run's project.
    :ivar artifacts: where a new experiment keeps its artifacts, as a URI; by default the server's
        choice, and beside the database file for sqlite.
    :ivar timeout_s: how long one request may wait for the server.
    """

    experiment: str | None = Field(default=None, min_length=1, max_length=500)
    artifacts: str | None = None
    timeout_s: float = Field(default=30.0, gt=0)

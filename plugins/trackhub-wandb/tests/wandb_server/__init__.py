"""Serve W&B's wire protocol on the loopback, with faithful state, faults on demand and plausible whims."""

from __future__ import annotations

from wandb_server.behaviour import KINDEST, WORST, Behaviour
from wandb_server.server import API_KEY, WandbServer, wandb_server
from wandb_server.state import ArtifactVersion, Run, State

__all__ = [
    "API_KEY",
    "KINDEST",
    "WORST",
    "ArtifactVersion",
    "Behaviour",
    "Run",
    "State",
    "WandbServer",
    "wandb_server",
]

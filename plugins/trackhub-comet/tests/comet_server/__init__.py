"""Serve Comet's wire protocol on the loopback, with faithful state, faults on demand and plausible whims."""

from __future__ import annotations

from comet_server.behaviour import KINDEST, WORST, Behaviour
from comet_server.server import API_KEY, CometServer, comet_server
from comet_server.state import Asset, Experiment, MetricRow

__all__ = [
    "API_KEY",
    "KINDEST",
    "WORST",
    "Asset",
    "Behaviour",
    "CometServer",
    "Experiment",
    "MetricRow",
    "comet_server",
]

"""Turn arguments, environment, and files into one :class:`Settings`, and say where each value came from."""

from __future__ import annotations

from trackhub.settings.destinations import split_destinations
from trackhub.settings.model import Settings
from trackhub.settings.precedence import origins, resolve

__all__ = ["Settings", "origins", "resolve", "split_destinations"]

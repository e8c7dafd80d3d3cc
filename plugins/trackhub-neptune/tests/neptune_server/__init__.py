"""Serve the protocols of Neptune 2.x and 3.x on the loopback, with state, for tests."""

from __future__ import annotations

from neptune_server.rules import Rules
from neptune_server.serving import NeptuneServer, neptune_server
from neptune_server.state import Attribute, Point, Run, State

__all__ = ["Attribute", "NeptuneServer", "Point", "Rules", "Run", "State", "neptune_server"]

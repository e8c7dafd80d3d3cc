"""Name the plain types that every layer shares; nothing here does anything."""

from __future__ import annotations

from typing import Literal, TypeAlias

Scalar: TypeAlias = bool | int | float
"""A metric's value: a Python number; ints are exact at any size."""

Step: TypeAlias = int | float | None
"""A metric's step as the user gave it: repeated, decreasing, fractional or missing."""

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
"""A param's value: anything JSON can say, with its type kept."""

Status: TypeAlias = Literal["running", "finished", "failed", "killed", "crashed"]
"""How a run stands: ``killed`` is a signal, ``crashed`` a process that vanished."""

EndStatus: TypeAlias = Literal["finished", "failed", "killed", "crashed"]
"""How a run ended."""

Mode: TypeAlias = Literal["online", "offline", "disabled"]
Resume: TypeAlias = Literal["never", "allow", "must"]
Durability: TypeAlias = Literal["process", "disk"]
DeliveryMode: TypeAlias = Literal["process", "thread", "off"]
OnError: TypeAlias = Literal["raise", "warn"]

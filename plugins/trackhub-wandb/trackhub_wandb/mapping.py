"""Turn params, tags and statuses into what W&B shows, and back; pure functions."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from trackhub.errors import Rejected
from trackhub.types import Status, Value

LONGEST_TAG = 64
LONGEST_NAME = 128
_EXACT_INT = 2**53
_STATES: dict[str, Status] = {
    "finished": "finished",
    "failed": "failed",
    "killed": "killed",
    "crashed": "crashed",
    "preempted": "crashed",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def shown_value(value: Value) -> Any:
    """Return a param's value as W&B's pages and searches know it: as it is, but for what no JSON holds.

    >>> shown_value([1, float("nan"), {"a": "b"}])
    [1, 'nan', {'a': 'b'}]
    """
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        return _CONTROL.sub(_kept, value)
    if isinstance(value, Mapping):
        return {str(shown_value(key)): shown_value(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [shown_value(part) for part in value]
    return value


def exact_text(value: Value) -> str | None:
    """Return a value as JSON in ASCII, where what W&B shows may come back otherwise; else None.

    The SDK itself writes 3.0 as 3, and large integers as doubles, when it goes on with a run.

    >>> exact_text("adam"), exact_text(0.1), exact_text(3.0), exact_text([2**60])
    (None, None, '3.0', '[1152921504606846976]')
    """
    if _is_safe(value):
        return None
    try:
        return json.dumps(value)
    except (ValueError, RecursionError) as error:
        raise Rejected(f"a param's value cannot be written as JSON: {error}") from error


def tag_text(name: str, value: str) -> str:
    """Return a tag as W&B has tags: a short text.

    >>> tag_text("phase", "baseline"), len(tag_text("why", "x" * 100))
    ('phase=baseline', 64)
    """
    text = _CONTROL.sub(" ", f"{name}={value}").strip()
    return text if len(text) <= LONGEST_TAG else f"{text[: LONGEST_TAG - 1]}…"


def shown_name(name: str) -> str:
    """Return a run's name as W&B's pages show it."""
    text = _CONTROL.sub(" ", name).strip()
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"


def our_status(state: str) -> Status:
    """Return how a run stands by W&B's word alone.

    >>> our_status("failed"), our_status("pending")
    ('failed', 'running')
    """
    return _STATES.get(state, "running")


def _is_safe(value: Value) -> bool:
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, int):
        return -_EXACT_INT <= value <= _EXACT_INT
    if isinstance(value, float):
        return math.isfinite(value) and not value.is_integer()
    if isinstance(value, str):
        return _CONTROL.search(value) is None
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and key and _is_safe(key) and _is_safe(part) for key, part in value.items())
    return isinstance(value, list) and all(_is_safe(part) for part in value)


def _kept(match: re.Match[str]) -> str:
    return match[0] if match[0] in "\n\t" else "\ufffd"

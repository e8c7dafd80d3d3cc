"""Say any value in JSON that every parser reads, and beside it what JSON cannot say; both ways.

JSON has no NaN, no infinity, and few parsers take an int of a thousand digits. Such a value is null (a value that it
is part of has null there), and ``exact`` tells what it is, by where it is (RFC 6901): ``{"/1": "nan"}``.
"""

from __future__ import annotations

import json
import math
from typing import Any

_LONGEST_BITS = 1000


def say(value: Any) -> dict[str, Any]:
    """Return the entries that tell a value.

    >>> say([1, float("-inf"), {"a/b": float("nan")}])
    {'value': [1, None, {'a/b': None}], 'exact': {'/1': '-inf', '/2/a~1b': 'nan'}}
    >>> say({"lr": 0.1})
    {'value': {'lr': 0.1}}
    """
    exact: dict[str, str] = {}
    plain = _plain(value, "", exact)
    return {"value": plain, "exact": exact} if exact else {"value": plain}


def read(said: dict[str, Any]) -> Any:
    """Return the value that entries tell.

    :raises ValueError: what they say to be exact is not there.

    >>> read(say([1, float("-inf"), {"a/b": 2.0}]))
    [1, -inf, {'a/b': 2.0}]
    """
    value = [said["value"]]  # in a list, so that the whole of it may be told exactly, too
    for pointer, text in said.get("exact", {}).items():
        keys = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
        holder, last = value, 0
        try:
            for key in keys:
                holder = holder[last]
                last = int(key) if isinstance(holder, list) else key
            holder[last] = float(text) if text in {"nan", "inf", "-inf"} else int(text, 0)
        except (LookupError, TypeError) as error:
            raise ValueError(f"nothing is at {pointer!r}, which is said to be {text[:40]}") from error
    return value[0]


def identity(said: dict[str, Any]) -> str:
    """Return what two values have in common only if they are one, types included; the order of keys is none."""
    return json.dumps([said["value"], said.get("exact", {})], sort_keys=True)


def _plain(value: Any, pointer: str, exact: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item, f"{pointer}/{_escaped(key)}", exact) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{pointer}/{index}", exact) for index, item in enumerate(value)]
    text = _beyond_json(value)
    if text is None:
        return value
    exact[pointer] = text
    return None


def _beyond_json(value: Any) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, int) and value.bit_length() > _LONGEST_BITS:
        return hex(value)
    return None


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")

"""Turn params, tags and texts into attributes of Neptune's types, and back; pure functions."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any, NamedTuple

from trackhub.errors import Rejected
from trackhub.types import Value
from trackhub_neptune.service import Bounds, Held, Plain

_APART = "@"  # begins no JSON
_KINDS: dict[type, str] = {bool: "bool", int: "int", float: "float", str: "string"}
_EXACT_INTS = 2**53


class Fitted(NamedTuple):
    """Hold what an attribute shows, and what is kept beside where that does not tell all.

    :ivar kind: the attribute's type.
    :ivar exact: JSON of the value.
    """

    kind: str
    shown: Plain
    exact: str | None = None


def fitted(value: Value, bounds: Bounds) -> Fitted:
    """Return a param or a tag as Neptune's attribute.

    :raises Rejected: the value cannot be written as JSON.

    >>> bounds = Bounds(text=16_000, entry=1000, bits=32)
    >>> fitted(0.1, bounds), fitted(2**40, bounds).shown, fitted(None, bounds)
    (Fitted(kind='float', shown=0.1, exact=None), '1099511627776', Fitted(kind='string', shown='null', exact='null'))
    """
    kind = _KINDS.get(type(value), "string")
    if kind == "bool" or (kind == "float" and math.isfinite(value)):  # type: ignore[arg-type]
        return Fitted(kind, value)  # type: ignore[arg-type]
    if kind == "int" and -(2 ** (bounds.bits - 1)) <= value < 2 ** (bounds.bits - 1):
        return Fitted(kind, value)  # type: ignore[arg-type]
    text = value if isinstance(value, str) else json_text(value)
    shown = show(text, bounds.text)
    if isinstance(value, str) and shown == text:
        return Fitted("string", text)
    return Fitted("string", shown, json_text(value))


def show(text: str, longest: int) -> str:
    """Return a text that Neptune takes; it is the text itself, but for what is too long or no Unicode."""
    plain = text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
    if len(plain) <= longest:
        return plain
    mark = f"… [trackhub: {len(text)} characters, the whole is kept beside]"
    return plain[: longest - len(mark)] + mark


def json_text(value: Any) -> str:
    """Return a value's JSON, in ASCII; NaN and the infinities as Python writes them.

    :raises Rejected: there is none.
    """
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise Rejected(f"a value cannot be written as JSON: {error}") from error


def is_apart(text: str) -> str | None:
    """Return the hash under which a text is kept as a file, if it is not the text itself."""
    return text.removeprefix(_APART) if text.startswith(_APART) else None


def apart(text: str) -> tuple[str, str]:
    """Return what stands for a text that is kept as a file, and its hash."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return _APART + digest, digest


def canonical(held: Held | None, exact: str | None) -> str | None:
    """Return a param's value as JSON, of what Neptune holds: the same for equal values only."""
    if exact is not None:
        return exact
    return None if held is None else json_text(held.value)


def last_value(last: object, kind: str) -> Any:
    """Return a series' last value by the series' kind; NaN where Neptune tells none."""
    if not isinstance(last, int | float):
        return math.nan
    value_kind = kind.partition(" ")[0]
    if value_kind == "bool":
        return bool(last)
    return int(last) if value_kind == "int" and math.isfinite(last) else float(last)

"""Turn what users pass as metric values into Python numbers, or say which key is at fault."""

from __future__ import annotations

import math
from typing import Any

from trackhub.types import Scalar

_SHOWN = 60


def as_scalar(value: object, name: str) -> Scalar:
    """Return a metric's value as an exact Python number.

    Takes every numeric kind: Python and NumPy numbers, 0-d arrays of any framework through
    ``item()``, anything else through ``__index__`` or ``__float__``.

    :raises TypeError: it is no single number, or one beyond a double; the message names the metric.

    >>> import decimal
    >>> as_scalar(decimal.Decimal("0.5"), "loss"), as_scalar(2**70, "count")
    (0.5, 1180591620717411303424)
    >>> as_scalar("0.5", "loss")
    Traceback (most recent call last):
    TypeError: metric 'loss': '0.5' (str) is not a number; convert it with float() first
    """
    plain = _plain(value)
    if plain is not None:
        return plain
    shape = getattr(value, "shape", ())
    if isinstance(value, str | bytes | bytearray | complex) or value is None or (shape is not None and len(shape) > 0):
        raise _unusable(value, name)
    item = getattr(value, "item", None)
    try:
        if callable(item):
            plain = _plain(item())
            if plain is not None:
                return plain
        if hasattr(value, "__index__"):
            return int(value.__index__())
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError) as error:
        raise _unusable(value, name) from error
    if math.isinf(number) and value != number:
        raise _unusable(value, name)
    return number


def _plain(value: Any) -> Scalar | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    return None


def _unusable(value: object, name: str) -> TypeError:
    text = repr(value)
    shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
    kind = type(value).__name__
    if len(getattr(value, "shape", ())) > 0:
        return TypeError(f"metric {name!r}: {shown} ({kind}) holds several numbers; log its mean(), or each by name")
    if isinstance(value, dict):
        return TypeError(f"metric {name!r}: {shown} (dict) is not a number; log its items under names of their own")
    return TypeError(f"metric {name!r}: {shown} ({kind}) is not a number; convert it with float() first")

"""Turn what users pass as metrics and a step into the columns of a row, or say what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from trackhub.journal.segment import BOOL, FLOAT, INT, int_code
from trackhub.model.scalars import as_scalar
from trackhub.model.values import require_text
from trackhub.types import Scalar, Step


def scalars_of(metrics: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return metrics as exact Python numbers under plain names.

    :raises TypeError: a name is no text, or a value is no number.
    """
    for name in metrics:
        if not isinstance(name, str) or not name:
            raise TypeError(f"metric name {name!r}: names are non-empty strings")
    return {require_text(str(name), name): as_scalar(value, name) for name, value in metrics.items()}


def step_of(step: object) -> Step:
    """Return a step as a row holds it.

    :raises TypeError: it is no number.
    :raises ValueError: it is not finite.
    """
    if step is None or type(step) is int:
        return step
    try:
        plain = as_scalar(step, "step")
    except TypeError:
        plain = False
    if isinstance(plain, bool):
        raise TypeError(f"step {step!r}: a step is an int or a float, or left out")
    if isinstance(plain, float) and not math.isfinite(plain):
        raise ValueError(f"step {step!r}: a step is finite")
    return plain


def code_of(value: Scalar) -> str:
    """Return the column code that holds a value exactly."""
    if isinstance(value, bool):
        return BOOL
    return int_code(value) if isinstance(value, int) else FLOAT


def columns_of(scalars: Mapping[str, Scalar], step: Step) -> list[Scalar | bytes]:
    """Return what is packed for a row, the step first."""
    return [_column(value) for value in ([] if step is None else [step]) + list(scalars.values())]


def _column(value: Scalar) -> Scalar | bytes:
    if isinstance(value, int) and not isinstance(value, bool) and int_code(value) != INT:
        return value.to_bytes(int(int_code(value)[1:]), "little", signed=True)
    return value


def packs_as_is(value: object) -> bool:
    """Return whether ``struct`` packs every value of this type exactly, without being asked twice."""
    if isinstance(value, int):
        return int_code(value) == INT
    return isinstance(value, float) or (type(value).__name__ in _NUMPY_SCALARS and type(value).__module__ == "numpy")


_NUMPY_SCALARS = frozenset(
    ["float16", "float32", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool", "bool_"]
)

"""Turn what users pass as params and tags into plain values, or say which key is at fault."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import os
from collections.abc import Iterator, Mapping
from typing import Any

from trackhub.model.digits import to_digits
from trackhub.types import Value

_PLAIN = (bool, int, float, str, type(None))


def plain_value(value: object, key: str) -> Value:
    """Return a value as JSON-like data with its type kept.

    NumPy and 0-d array scalars become Python numbers; tuples become lists; enums, paths and
    dates become what they stand for.

    :raises TypeError: the value is none of these; the message names the key.
    :raises ValueError: a string cannot be written as UTF-8, two keys become one, or it holds itself.

    >>> plain_value((1, 2.5, None), "sizes")
    [1, 2.5, None]
    """
    kind = type(value)
    if kind is str:
        return require_text(value, key)  # type: ignore[arg-type]
    if kind in _PLAIN:
        return value  # type: ignore[return-value]
    if isinstance(value, enum.Enum):
        return plain_value(value.value, key)
    if isinstance(value, Mapping | list | tuple):
        try:
            return _nested(value, key)
        except RecursionError:
            raise ValueError(f"param {key[:60]!r}: it holds itself, or nests too deeply to be kept") from None
    if isinstance(value, os.PathLike):
        return require_text(os.fsdecode(value), key)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return _convert(value, key)


def _nested(value: Mapping[Any, Any] | list[Any] | tuple[Any, ...], key: str) -> Value:
    if not isinstance(value, Mapping):
        return [plain_value(item, f"{key}[{index}]") for index, item in enumerate(value)]
    plain: dict[str, Value] = {}
    for name, item in value.items():
        text = _text_key(name, key)
        if text in plain:
            raise ValueError(f"param {key!r}: two of its keys are both written {text!r}; rename one")
        plain[text] = plain_value(item, f"{key}.{text}")
    return plain


def _convert(value: Any, key: str) -> Value:
    for base in (bool, int, float, str):
        if isinstance(value, base):
            return plain_value(base(value), key)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain_value(_fields(value), key)
    if hasattr(value, "tolist"):  # NumPy, torch, JAX: scalars and arrays alike
        return plain_value(value.tolist(), key)
    if hasattr(value, "item"):
        return plain_value(value.item(), key)
    raise TypeError(
        f"param {key!r}: a {type(value).__name__} is not JSON-like "
        "(None, bool, int, float, str, lists and mappings of these); pass str(value) to keep its text"
    )


def flatten(params: object, prefix: str = "") -> Iterator[tuple[str, Value]]:
    """Yield each leaf of nested mappings under its dotted key; an empty mapping is a leaf.

    A dataclass's value and what ``argparse`` returns are mappings, too.

    :raises TypeError: it is none; the message says what to pass.

    >>> dict(flatten({"model": {"depth": 4, "bias": True}, "lr": 0.1}))
    {'model.depth': 4, 'model.bias': True, 'lr': 0.1}
    """
    for name, value in as_mapping("params", params).items():
        key = f"{prefix}{_text_key(name, prefix)}"
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{key}.")
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            yield from flatten(_fields(value), f"{key}.")
        else:
            yield key, plain_value(value, key)


def as_mapping(what: str, given: object) -> Mapping[Any, Any]:
    """Return a mapping, or the fields of what has some.

    :raises TypeError: it has none.
    """
    if isinstance(given, Mapping):
        return given
    if dataclasses.is_dataclass(given) and not isinstance(given, type):
        return _fields(given)
    if type(given).__name__ == "Namespace":  # argparse's, which need not be imported for that
        return vars(given)
    raise TypeError(f"{what}: a {type(given).__name__} is no mapping; pass a dict of names to values, such as vars(it)")


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _text_key(name: object, where: str) -> str:
    if isinstance(name, str):
        if not name:
            raise ValueError(f"an empty key under {where.rstrip('.') or 'the top level'!r}: name it")
        return require_text(name, name)
    if isinstance(name, int | float | bool) or name is None:  # JSON's own rule for keys that are not text
        return to_digits(name) if type(name) is int else str(name)
    raise TypeError(f"key {name!r} under {where.rstrip('.') or 'the top level'!r}: keys are strings")


def require_text(text: str, key: str) -> str:
    """Return text that UTF-8 can hold, as a plain ``str``.

    :raises ValueError: it holds a lone surrogate; the message names the key.
    """
    try:
        encoded = text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{key!a}: the text {text[:40]!a} holds a lone surrogate, which UTF-8 cannot say; "
            "decode it with errors='backslashreplace' first"
        ) from error
    return text if type(text) is str else encoded.decode()

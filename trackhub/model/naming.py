"""Check the names and texts that people give; from a run's calls, before anything is written."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import PurePosixPath

from trackhub.model.digits import to_digits
from trackhub.model.ids import RUN_ID
from trackhub.model.values import as_mapping, require_text


def tag_texts(tags: object) -> dict[str, str]:
    """Return tags as texts by their names.

    :raises TypeError: it is no mapping, or a value has no text.
    """
    return {require_name("tag", name): tag_text(name, value) for name, value in as_mapping("tags", tags).items()}


def tag_text(name: object, value: object) -> str:
    """Return a tag's text; numbers and flags have one.

    :raises TypeError: the value is none of these.
    """
    if isinstance(value, str):
        return require_text(value, str(name))
    if isinstance(value, bool | int | float):
        return to_digits(value) if type(value) is int else str(value)
    raise TypeError(f"tag {name!r}: {type(value).__name__} is no text; pass str(value)")


def require_name(what: str, name: object) -> str:
    """Return a name that can be one.

    :raises TypeError: it is no text, or empty.
    """
    if not isinstance(name, str) or not name:
        raise TypeError(f"{what} name {name!r}: names are non-empty strings")
    return require_text(name, name)


def alias_names(given: Iterable[str]) -> tuple[str, ...]:
    """Return the aliases that a list of them holds.

    :raises TypeError: it is a single text, or one of them is no name.
    """
    if isinstance(given, str):
        raise TypeError(f"aliases {given!r}: one alias goes in a list: aliases=[{given!r}]")
    return tuple(require_name("alias", alias) for alias in given)


def artifact_name(name: object) -> str:
    """Return an artifact's name that leads nowhere but below its run.

    :raises TypeError: it is no text, or empty.
    :raises ValueError: it is absolute, or leads up.
    """
    text = require_name("artifact", name)
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"artifact name {text!r}: a name is relative and stays below its run")
    return text


def require_words(what: str, text: object) -> str:
    """Return a text that says something.

    :raises TypeError: it is no text, or empty.
    """
    if not isinstance(text, str) or not text:
        raise TypeError(f"{what} {text!a}: a {what} is a non-empty string")
    return require_text(text, what)


def require_run_id(what: str, run_id: object) -> str:
    """Return what can be a run's id.

    :raises TypeError: it is no text.
    :raises ValueError: it is another text.
    """
    if not isinstance(run_id, str):
        raise TypeError(f"{what} {run_id!a}: pass a run, or its id")
    if not RUN_ID.fullmatch(run_id):
        raise ValueError(f"{what} {run_id!a}: an id is 32 lower-case hex digits; pass the run itself, or its run.id")
    return str(run_id)


def require_seconds(what: str, seconds: object) -> float:
    """Return a number of seconds.

    :raises TypeError: it is no number.
    :raises ValueError: it is NaN.
    """
    if isinstance(seconds, str | bytes) or not hasattr(type(seconds), "__float__"):
        raise TypeError(f"{what} {seconds!a}: pass a number of seconds")
    number = float(seconds)  # type: ignore[arg-type]
    if math.isnan(number):
        raise ValueError(f"{what} {number}: pass a number of seconds")
    return number

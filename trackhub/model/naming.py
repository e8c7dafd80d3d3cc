"""Check the names and texts that people give; from a run's calls, before anything is written."""

from __future__ import annotations

from pathlib import PurePosixPath

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
        return str(value)
    raise TypeError(f"tag {name!r}: {type(value).__name__} is no text; pass str(value)")


def require_name(what: str, name: object) -> str:
    """Return a name that can be one.

    :raises TypeError: it is no text, or empty.
    """
    if not isinstance(name, str) or not name:
        raise TypeError(f"{what} name {name!r}: names are non-empty strings")
    return require_text(name, name)


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

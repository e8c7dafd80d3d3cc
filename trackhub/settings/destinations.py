"""Read destinations as people write them: URLs and names, in lists or between commas."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping

from trackhub.errors import SettingsError
from trackhub.settings.suggestion import suggest

_SCHEME = r"[a-z][a-z0-9-]*(?:\+[a-z][a-z0-9+-]*)?:"
_URL = re.compile(_SCHEME)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_NEXT_NAMED = re.compile(rf",(?=\s*{_NAME.pattern}\s*=\s*{_SCHEME})")
_USER = re.compile(r"(?<=//)[^/]*@")


def split_destinations(text: str, names: Container[str] = ()) -> tuple[str, ...]:
    """Return the destinations of a comma-separated text.

    A comma inside a URL's query belongs to the query, unless a URL or a known name follows; whatever
    begins like ``scheme:`` is one, so that no destination is lost. ``%2C`` never separates.

    :param names: the destinations that settings name.

    >>> split_destinations("prod, mlflow+http://host:5000?tags=a,b,wandb://team/digits", names={"prod"})
    ('prod', 'mlflow+http://host:5000?tags=a,b', 'wandb://team/digits')
    """
    entries: list[str] = []
    for piece in text.split(","):
        word = piece.strip()
        in_query = bool(entries) and "?" in entries[-1]
        if in_query and word not in names and not _URL.match(word):
            entries[-1] += f",{piece}"
        else:
            entries.append(piece)
    return tuple(entry for entry in map(str.strip, entries) if entry)


def split_named(text: str) -> dict[str, str]:
    """Return the named destinations of a text such as ``prod=mlflow+http://host,lab=wandb://team/digits``.

    :raises ValueError: a part is no ``name=URL``.

    >>> split_named("prod=mlflow+http://host?tags=a,b, lab=wandb://team/digits")
    {'prod': 'mlflow+http://host?tags=a,b', 'lab': 'wandb://team/digits'}
    """
    named: dict[str, str] = {}
    for part in filter(None, (part.strip(", ") for part in _NEXT_NAMED.split(text))):
        name, equals, url = part.partition("=")
        if not equals:
            raise ValueError(f"{without_user(part)!r} is no name=URL")
        named[name.strip()] = url.strip()
    return named


def check_named(name: str, url: str) -> None:
    """Refuse a name that could be taken for a URL, and a URL that is none.

    :raises ValueError: one of them; the message tells which.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"the name {name!r} has more than letters, digits, and _ . -")
    if not _URL.match(url):
        raise ValueError(f"{name} is no URL such as mlflow+http://host:5000")


def expand(entry: str, named: Mapping[str, str]) -> tuple[str, str]:
    """Return an entry's name and URL; a URL written out has the name ``""``.

    :raises SettingsError: it is neither a URL nor a name; the nearest name is in the message.

    >>> expand("prod", {"prod": "mlflow+http://host:5000"})
    ('prod', 'mlflow+http://host:5000')
    """
    if entry in named:
        return entry, named[entry]
    if _URL.match(entry):
        return "", entry
    raise SettingsError(
        f"destination {without_user(entry)!r}: neither a URL such as mlflow+http://host:5000, nor a name in "
        f"[trackhub.destinations]{suggest(entry, named)}"
    )


def without_user(text: str) -> str:
    """Return a text without the user-info of a URL, fit for a message."""
    return _USER.sub("", text)

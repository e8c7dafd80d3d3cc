"""Say under which path an artifact's file is listed, the same as for every vendor; pure functions."""

from __future__ import annotations

import posixpath
from collections.abc import Container


def is_whole(name: str, path: str) -> bool:
    """Return whether a file of an artifact is called as the artifact itself.

    >>> is_whole("plots/loss.png", "loss.png"), is_whole("weights", "model.pt")
    (True, False)
    """
    return path in (name, posixpath.basename(name))


def listed(name: str, version: int, path: str) -> str:
    """Return the path under which a file is listed: it begins with its artifact's name.

    >>> listed("weights", 1, "model.pt"), listed("weights", 2, "model.pt"), listed("model.pt", 1, "model.pt")
    ('weights/model.pt', 'weights@v2/model.pt', 'model.pt')
    """
    root = f"{name}@v{version}" if version > 1 else name
    return root if is_whole(name, path) else f"{root}/{path}"


def unique(path: str, taken: Container[str]) -> str:
    """Return a path that is not taken yet: file ``b`` of artifact ``a`` is not artifact ``a/b``.

    >>> unique("a/b", {"a/b"})
    'a/b (2)'
    """
    wanted, number = path, 1
    while path in taken:
        number += 1
        path = f"{wanted} ({number})"
    return path

"""Turn names into the tags that TensorBoard shows, each into another; what is here is pure."""

from __future__ import annotations

import re

TAGS, ARTIFACTS, ABOUT = "tags/", "artifacts/", "about/"
_METRIC = "metric:"
_OURS = (TAGS, ARTIFACTS, ABOUT, "_hparams_/", "trackhub/", _METRIC)
_PASS = re.compile(r"#\d+\Z", re.ASCII)
_NOT_PORTABLE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|\Z)", re.IGNORECASE)
_LONGEST = 120
_DEEPEST = 7

FILES = "artifacts"
"""The folder of a run's files, which is no run's own."""


def chart(name: str, turn: int) -> str:
    """Return the tag of a metric's chart: its name, as far as nothing else is shown under it.

    :param turn: 1, or more for points whose step was there before.

    >>> chart("train/loss", 1), chart("train/loss", 2), chart("loss#2", 1), chart("tags/x", 1)
    ('train/loss', 'train/loss#2', 'loss#2#1', 'metric:tags/x')
    """
    shown = _METRIC + name if name.startswith(_OURS) else name
    return f"{shown}#{turn}" if turn > 1 or _PASS.search(shown) else shown or f"{_METRIC}"


def folder(name: str) -> str:
    """Return a folder or file name that every file system takes; two names may have one.

    >>> folder("forest-1"), folder("a/b: é"), folder(".."), folder("")
    ('forest-1', 'a_b_ é', '__', '_')
    """
    plain = _NOT_PORTABLE.sub("_", name)
    plain = re.sub(r"\A[.~ ]|[. ]\Z", "_", plain)
    # A name with "tfevents" in it is an event file, to TensorBoard and to the reader.
    plain = re.sub("tfevents", "tf-events", plain, flags=re.IGNORECASE)
    if _DEVICE.match(plain):
        plain = f"_{plain}"
    return cut(plain, _LONGEST) or "_"


def folders(name: str) -> str:
    """Return a path of folders for a name with slashes, which TensorBoard shows as it is.

    >>> folders("exp1/train"), folders("a//../artifacts")
    ('exp1/train', 'a/_/__/artifacts_')
    """
    parts = [folder(part) for part in name.split("/", _DEEPEST)]
    return "/".join(f"{part}_" if part.casefold() == FILES else part for part in parts)


def cut(text: str, length: int) -> str:
    """Return a text of at most so many bytes, cut between characters."""
    return text.encode()[:length].decode(errors="ignore")

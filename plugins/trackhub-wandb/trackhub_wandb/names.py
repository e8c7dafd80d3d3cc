"""Turn any name into one that W&B takes, and back; pure text.

A character that W&B refuses becomes ``_xHH_`` with its code point in hexadecimal, and so does an
underscore that would read as the beginning of such a form.
"""

from __future__ import annotations

import hashlib
import re
import sys

LONGEST = 200
LONGEST_PROJECT = 128
OURS = "trackhub"
_EMPTY = "_xFFFFFF_"
_WORDS = ("runs", "sweeps")
_OPENS = r"_(?=x(?:[0-9A-F]{2}|L))"
# Control characters, and what no UTF-8 can write.
_NEVER = "\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\u2028\\u2029"

_KEY = re.compile(rf"[{_NEVER}]|{_OPENS}")
_PROJECT = re.compile(rf"[{_NEVER}/\\#?%:]|{_OPENS}|^\s|\s\Z")
# W&B puts a file's name into URLs as it is, and into folders.
_SEGMENT = re.compile(rf"[{_NEVER}\\#?%:*\"<>|]|{_OPENS}|^ | \Z|^\.(?=\.?\Z)")
_FORM = re.compile(r"_x([0-9A-F]{2,6})_")
_PLAIN = re.compile(r"[^A-Za-z0-9_.\-]+")


def escape(name: str) -> str:
    """Return a key for history or config, different for every name.

    Names that are W&B's own, which begin with an underscore, and ours are escaped as well. One that is too long is
    cut and ends with its hash; the whole name must be kept elsewhere, see :func:`is_cut`.

    >>> escape("val/acc"), escape("_step"), escape("trackhub/step"), escape("")
    ('val/acc', '_x5F_step', '_x74_rackhub/step', '_xFFFFFF_')
    """
    key = _KEY.sub(_code, name) or _EMPTY
    if name.startswith(("_", OURS, "wandb_version")) and not key.startswith("_x"):
        key = _code_of(name[0]) + key[1:]
    if len(key) <= LONGEST:
        return key
    return f"{key[: LONGEST - 37]}-_xL{_digest(name)[:32]}_"


def unescape(key: str) -> str:
    """Return the name that a key stands for, unless it was cut.

    >>> unescape("_x5F_step")
    '_step'
    """
    return _FORM.sub(_character, key)


def is_cut(key: str) -> bool:
    """Return whether a key says only the beginning of its name."""
    return re.search(r"-_xL[0-9A-F]{32}_\Z", key) is not None


def escape_project(project: str) -> str:
    """Return a project's name as W&B takes it.

    >>> escape_project("vision/v2: new")
    'vision_x2F_v2_x3A_ new'
    """
    text = _PROJECT.sub(_code, project) or _EMPTY
    if text in _WORDS:  # which the SDK takes out of paths
        text = _code_of(text[0]) + text[1:]
    return text if len(text) <= LONGEST_PROJECT else f"{text[: LONGEST_PROJECT - 17]}-{_digest(project)[:16]}"


def escape_path(path: str) -> str:
    """Return a file's place in an artifact, with each of its parts as W&B can carry it; the slashes stay."""
    return "/".join(_segment(part) for part in path.split("/"))


def plain(name: str, longest: int = 100) -> str:
    """Return what W&B takes as the name or the type of an artifact; several names may become one.

    >>> plain("plots/loss.png"), plain("größe")
    ('plots-loss.png', 'gr-e')
    """
    return _PLAIN.sub("-", name)[:longest].strip("-") or "unnamed"


def short_digest(name: str) -> str:
    """Return a few characters that tell names apart."""
    return _digest(name)[:12].lower()


def _segment(part: str) -> str:
    text = _SEGMENT.sub(_code, part) or _EMPTY
    if len(text.encode()) <= LONGEST:
        return text
    return f"{text.encode()[: LONGEST - 40].decode(errors='ignore')}-{_digest(part)[:32]}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest().upper()


def _code(match: re.Match[str]) -> str:
    return _code_of(match[0])


def _code_of(character: str) -> str:
    return f"_x{ord(character):02X}_"


def _character(match: re.Match[str]) -> str:
    if match[0] == _EMPTY:
        return ""
    code = int(match[1], 16)
    return chr(code) if code <= sys.maxunicode else match[0]

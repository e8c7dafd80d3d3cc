"""Turn any name into one that MLflow takes, and back; pure text.

A character that MLflow refuses becomes ``_xHH_`` with its code point in hexadecimal, and so does an
underscore that would read as the beginning of such a form.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Mapping

LONGEST = 250
LONGEST_SEGMENT = 200
_EMPTY = "_xFFFFFF_"
_OPENS = r"_(?=x(?:[0-9A-F]{2}|L))"

# MLflow takes word characters and "/.- :", and of those only what is a path in its normal form.
_KEY = re.compile(rf"[^/\w.\- :]|{_OPENS}|^/|/(?=/|\Z)|(?:^|(?<=/))\.(?=\.?(?:/|\Z))|^\.(?=\.)")
# A file's name travels in a URL path, and may come to lie on any file system; MLflow quotes nothing.
_SEGMENT = re.compile(rf"[^\w.\-@+=, ]|{_OPENS}|^ | \Z|^\.(?=\.?\Z)|@(?=v[0-9]+(?:\.|\Z))")
# A model's name stands in a models:/ URI, before a slash or an at sign, and databases take a space at its end for none.
_MODEL = re.compile(rf"[^\w.\- ]|{_OPENS}|^ | \Z|^\.(?=\.|\Z)")
# "latest" and "v1" would read as versions, whatever their case.
_ALIAS = re.compile(rf"[^\w\-]|{_OPENS}|^(?i:l(?=atest\Z)|v(?=\d+\Z))")
_FORM = re.compile(r"_x([0-9A-F]{2,6})_|_xL([0-9A-F]{32})_")


def escape(name: str, room: int = LONGEST) -> str:
    """Return a key that MLflow takes, different for every name.

    One that is longer than the room is cut and ends with its hash; the whole name must be kept
    elsewhere, see :func:`long_name`.

    >>> escape("val/acc"), escape("loss#1"), escape("a//b")
    ('val/acc', 'loss_x23_1', 'a_x2F_/b')
    """
    return _escaped(_KEY, name, room)


def escape_model(name: str) -> str:
    """Return a name that MLflow's registry takes for a model; a long one is cut, as by :func:`escape`.

    >>> escape_model("digits 2.0"), escape_model("team/digits"), escape_model("..")
    ('digits 2.0', 'team_x2F_digits', '_x2E_.')
    """
    return _escaped(_MODEL, name, LONGEST)


def escape_alias(name: str) -> str:
    """Return an alias that MLflow's registry takes; a long one is cut, as by :func:`escape`.

    >>> escape_alias("champion"), escape_alias("latest"), escape_alias("v1"), escape_alias("a.b")
    ('champion', '_x6C_atest', '_x76_1', 'a_x2E_b')
    """
    return _escaped(_ALIAS, name, LONGEST)


def unescape(key: str, long_names: Mapping[str, str] | None = None) -> str:
    """Return the name that a key stands for.

    :param long_names: whole names by their hash.

    >>> unescape("loss_x23_1")
    'loss#1'
    """
    digest = long_name(key)
    if digest is not None:
        return (long_names or {}).get(digest, key)
    return _FORM.sub(_character, key)


def long_name(key: str) -> str | None:
    """Return the hash that a cut key ends with, or None where the key is whole."""
    forms = list(_FORM.finditer(key))
    return forms[-1][2] if forms and forms[-1].end() == len(key) else None


def escape_segment(name: str) -> str:
    """Return one part of a path that is the same on every server and file system.

    >>> escape_segment("100%?.txt"), escape_segment(".."), escape_segment("a/b")
    ('100_x25__x3F_.txt', '_x2E_.', 'a_x2F_b')
    """
    text = _SEGMENT.sub(_code, name) or _EMPTY
    return text if len(text.encode()) <= LONGEST_SEGMENT else _cut(text, name, LONGEST_SEGMENT)


def escape_path(path: str) -> str:
    """Return a path with each of its parts escaped; the slashes stay."""
    return "/".join(map(escape_segment, path.split("/")))


def unescape_path(path: str) -> str:
    """Return the path that an escaped one stands for."""
    return _FORM.sub(_character, path)


def _escaped(pattern: re.Pattern[str], name: str, room: int) -> str:
    key = pattern.sub(_code, name) or _EMPTY
    return key if len(key) <= room else _cut(key, name, room)


def _cut(text: str, name: str, room: int) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32].upper()
    room -= len(digest) + len("-_xL_")
    # Counted in bytes too: a file system counts them.
    beginning = text[:room].encode()[:room].decode(errors="ignore")
    return f"{beginning}-_xL{digest}_"  # the dash ends a form that was cut in two


def _code(match: re.Match[str]) -> str:
    return f"_x{ord(match[0]):02X}_"


def _character(match: re.Match[str]) -> str:
    if match[0] == _EMPTY:
        return ""
    code = int(match[1], 16) if match[1] else sys.maxunicode + 1
    return chr(code) if code <= sys.maxunicode else match[0]

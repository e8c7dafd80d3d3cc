"""Turn any name into one that Comet keeps, and back; pure text.

A character that may be lost on its way becomes ``_xHH_`` with its code point in hexadecimal, and so
does an underscore that would read as the beginning of such a form.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Mapping

LONGEST = 100
_EMPTY = "_xFFFFFF_"
_OPENS = r"_(?=x(?:[0-9A-F]{2}|L))"
# Control characters and halves of surrogate pairs, and blanks at the ends, where a database may trim them.
_KEY = re.compile(rf"[\x00-\x1f\x7f-\x9f\ud800-\udfff]|{_OPENS}|^\s|\s\Z")
_FORM = re.compile(r"_x([0-9A-F]{2,6})_|_xL([0-9A-F]{32})_")


def escape(name: str, *, reserved: tuple[str, ...] = (), room: int = LONGEST) -> str:
    """Return a key that Comet keeps, different for every name.

    One that is longer than the room is cut and ends with its hash; the whole name must be kept
    elsewhere, see :func:`long_name`.

    :param reserved: how names begin that are not the user's.

    >>> escape("val/acc"), escape(" x"), escape("trackhub.tail", reserved=("trackhub.",))
    ('val/acc', '_x20_x', '_x74_rackhub.tail')
    """
    key = _KEY.sub(_code, name) or _EMPTY
    if key.startswith(reserved):
        key = f"_x{ord(key[0]):02X}_{key[1:]}"
    return key if len(key) <= room else _cut(key, name, room)


def unescape(key: str, long_names: Mapping[str, str] | None = None) -> str:
    """Return the name that a key stands for.

    :param long_names: whole names by their hash.

    >>> unescape("_x20_x")
    ' x'
    """
    digest = long_name(key)
    if digest is not None:
        return (long_names or {}).get(digest, key)
    return _FORM.sub(_character, key)


def long_name(key: str) -> str | None:
    """Return the hash that a cut key ends with, or None where the key is whole."""
    forms = list(_FORM.finditer(key))
    return forms[-1][2] if forms and forms[-1].end() == len(key) else None


def _cut(text: str, name: str, room: int) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32].upper()
    return f"{text[: room - len(digest) - len('-_xL_')]}-_xL{digest}_"  # the dash ends a form that was cut in two


def _code(match: re.Match[str]) -> str:
    return f"_x{ord(match[0]):02X}_"


def _character(match: re.Match[str]) -> str:
    if match[0] == _EMPTY:
        return ""
    code = int(match[1], 16) if match[1] else sys.maxunicode + 1
    return chr(code) if code <= sys.maxunicode else match[0]

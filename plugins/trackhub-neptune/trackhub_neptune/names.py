"""Turn any name into a part of a path that every Neptune takes, and back; pure text.

A character that a server might refuse becomes ``_xHH_`` with its code point in hexadecimal, and so does
an underscore that would read as the beginning of such a form.
"""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from collections.abc import Iterable, Mapping

LONGEST = 700  # bytes; a path may have 1024, and ours have folders before the name
_EMPTY = "_xFFFFFF_"
_NOTHING = "_xFFFFFE_"  # tells a name from the folder of that name
_OPENS = r"_(?=x(?:[0-9A-F]{2}|L))"
_ODD = re.compile(rf"[^/\w.\- :]|{_OPENS}|^/|/(?=/|\Z)|(?:^|(?<=/))\.(?=\.?(?:/|\Z))|^\.(?=\.)|(?:^|(?<=/)) | (?=/|\Z)")
_FORM = re.compile(r"_x([0-9A-F]{2,6})_|_xL([0-9A-F]{32})_")


def escape(name: str, *, flat: bool = False) -> str:
    """Return a path that Neptune takes, different for every name.

    :param flat: a slash is escaped as well.

    >>> escape("val/acc"), escape("loss#1"), escape("a//b"), escape("a/b", flat=True)
    ('val/acc', 'loss_x23_1', 'a_x2F_/b', 'a_x2F_b')
    """
    path = _ODD.sub(_code, name) or _EMPTY
    if flat:
        path = path.replace("/", "_x2F_")
    return path if len(path.encode("utf-8", "surrogatepass")) <= LONGEST else _cut(path, name)


def unescape(path: str, long_names: Mapping[str, str] | None = None) -> str:
    """Return the name that a path stands for.

    :param long_names: whole names by their hash.

    >>> unescape("loss_x23_1"), unescape(escape("n" * 999), {long_name(escape("n" * 999)): "n" * 999}) == "n" * 999
    ('loss#1', True)
    """
    digest = long_name(path)
    if digest is not None:
        return (long_names or {}).get(digest, path)
    return _FORM.sub(_character, path)


def long_name(path: str) -> str | None:
    """Return the hash that a cut path ends with, or None where the path is whole."""
    end, forms = len(path), list(_FORM.finditer(path))
    if forms and forms[-1][0] == _NOTHING and forms[-1].end() == end:
        end = forms.pop().start()
    return forms[-1][2] if forms and forms[-1].end() == end else None


def key_of(path: str) -> str:
    """Return a short name of a series, the same in every process."""
    return base64.urlsafe_b64encode(hashlib.sha256(path.encode("utf-8", "surrogatepass")).digest())[:10].decode()


class Names:
    """Know which path each name has in one folder, so that none is another's folder.

    :param paths: those that are there, below the folder.
    :param long_names: whole names by their hash.
    """

    def __init__(self, paths: Iterable[str], long_names: Mapping[str, str]) -> None:
        self._paths: dict[str, str] = {}
        self._taken: set[str] = set()
        self._folders: set[str] = set()
        for path in paths:
            self._add(unescape(path, long_names), path)

    def path(self, name: str) -> str:
        """Return the path of a name; a new one is remembered."""
        known = self._paths.get(name)
        if known is not None:
            return known
        path = escape(name)
        if any(folder in self._taken for folder in _above(path)):
            path = escape(name, flat=True)
        if path in self._folders:
            path += _NOTHING
        self._add(name, path)
        return path

    def _add(self, name: str, path: str) -> None:
        self._paths.setdefault(name, path)
        self._taken.add(path)
        self._folders.update(_above(path))


def _above(path: str) -> list[str]:
    return [path[: match.start()] for match in re.finditer("/", path)]


def _cut(path: str, name: str) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32].upper()
    room = LONGEST - len(digest) - len("-_xL_")
    beginning = path.encode("utf-8", "surrogatepass")[:room].decode(errors="ignore").rstrip("/ .")
    return f"{beginning}-_xL{digest}_"  # the dash ends a form that was cut in two


def _code(match: re.Match[str]) -> str:
    return f"_x{ord(match[0]):02X}_"


def _character(match: re.Match[str]) -> str:
    if match[0] in (_EMPTY, _NOTHING):
        return ""
    code = int(match[1], 16) if match[1] else sys.maxunicode + 1
    return chr(code) if code <= sys.maxunicode else match[0]

r"""Turn names of every shape into file names that every file system takes; no two names become one.

What some system refuses is written ``%HH``: ``team/vision`` is ``team%2Fvision``. A USB stick (FAT, exFAT), macOS and
Windows take fewer names than Linux, and a run is to be copied to any of them.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

LONGEST = 180
"""How many bytes of UTF-8 a file name has at most; systems take 255, and a version and a counter may be added."""
_REFUSED = re.compile(r'[\x00-\x1f\x7f%/\\:*?"<>|]|^ | \Z|\.\Z')
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)", re.IGNORECASE)
_HASHED = 16


def component(name: str) -> str:
    """Return a name as one file name.

    >>> component("cm.png"), component("a/b: 50%"), component(".."), component(""), component("NUL.txt")
    ('cm.png', 'a%2Fb%3A 50%25', '.%2E', '%_', '%4EUL.txt')

    A long one is cut, and its digest keeps it apart:

    >>> component("n" * 300)[-20:]
    'nn%_230b077491957fb4'
    """
    if not name:
        return "%_"
    text = _REFUSED.sub(lambda found: _escaped(found[0]), name)
    if _DEVICES.match(text):
        text = _escaped(text[0]) + text[1:]
    if len(text.encode()) <= LONGEST:
        return text
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASHED]
    kept = text.encode()[: LONGEST - _HASHED - 2].decode(errors="ignore")
    return f"{re.sub(r'%[0-9A-F]?$', '', kept)}%_{digest}"


def shelf(project: str) -> str:
    """Return the folder of a project; none is hidden.

    >>> shelf("team/vision"), shelf(".old")
    ('team%2Fvision', '%2Eold')
    """
    text = component(project)
    return _escaped(".") + text[1:] if text.startswith(".") else text


def same_place(path: str) -> str:
    """Return what two paths have in common that are one file on some system, in case or in the form of an accent.

    >>> same_place("A/E\u0301.txt") == same_place("a/\u00e9.TXT")
    True
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _escaped(character: str) -> str:
    return f"%{ord(character):02X}"

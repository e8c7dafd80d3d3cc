"""Turn a destination's URL into the folder that it names."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

from trackhub.backend import Destination
from trackhub.errors import SettingsError

_HOW = "write local:folder, local:/a/folder, or local:///a/folder with %-escapes"


def folder_of(destination: Destination) -> Path:
    """Return the full path of a destination's folder.

    What begins with ``//`` is a URL, in which ``%20`` is a blank; anything else is a path as it stands.

    :raises SettingsError: the URL names no folder of this machine.

    >>> folder_of(Destination.parse("local:/data/100% mine")).as_posix()
    '/data/100% mine'
    >>> folder_of(Destination.parse("local:///data/my%20runs%3F")).as_posix()
    '/data/my runs?'
    """
    rest = destination.rest
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host not in {"", "localhost"}:
            shown = host.rpartition("@")[2]
            raise SettingsError(f"{destination.shown}: {shown!r} is another machine; mount its folder, and {_HOW}")
        rest = unquote(slash + path)
        if os.name == "nt":  # file URLs have a slash before the drive
            rest = rest.lstrip("/")
    if not rest.strip() or "\0" in rest:
        raise SettingsError(f"{destination.shown}: no folder is named; {_HOW}")
    # Made full at once, as delivery may go on elsewhere.
    return Path(os.path.abspath(Path(rest).expanduser()))  # noqa: PTH100 - links stay as the user wrote them

"""Read what Neptune left on disk, from a path to the read hooks of a backend; no Neptune client is needed."""

from __future__ import annotations

from trackhub.backend import Destination
from trackhub_neptune.history.history import History


def open_history(path: str, destination: Destination) -> object:
    """Return a backend that reads the folders, databases and exports at a path, however deep they lie.

    :param path: a folder or a file; ``~`` is the user's home.
    :param destination: what it is called in messages; its query parameter ``files`` names the folder that
        an export's files lie in, where that is not found beside its data.
    :raises SettingsError: there is nothing at the path, or nothing that Neptune left.
    """
    return History(path, destination)

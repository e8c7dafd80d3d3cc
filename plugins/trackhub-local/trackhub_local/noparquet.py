"""Stand in for the Parquet module where Python has no pyarrow: say so of the files that need it."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from trackhub.errors import SettingsError

NAME = "metrics.parquet"


def read(path: Path, first: int = 0) -> NoReturn:
    """Say what to install.

    :raises SettingsError: always.
    """
    del first
    raise SettingsError(f"{path}: to read its points, pip install pyarrow")


def summary(path: Path) -> NoReturn:
    """Say what to install; see :func:`read`."""
    read(path)

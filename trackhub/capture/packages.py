"""List the packages that a process could import, from the metadata on its path."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import distributions


def list_packages(path: Sequence[str]) -> dict[str, str]:
    """Return the version of each package on a path, by name; the first of two wins, as in an import.

    >>> import sys
    >>> "pydantic" in list_packages(sys.path)
    True
    """
    packages: dict[str, str] = {}
    for distribution in distributions(path=list(path)):
        try:
            name, version = distribution.metadata["Name"], distribution.version
        except Exception:  # noqa: BLE001, S112 - half an installation is another's trouble, and there are many kinds
            continue
        if name and version:
            packages.setdefault(name, version)
    return dict(sorted(packages.items(), key=lambda package: package[0].lower()))

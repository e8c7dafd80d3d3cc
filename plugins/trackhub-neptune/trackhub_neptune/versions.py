"""Hold the clients to the versions that were tried; from the installed metadata, to an error or none.

Their inner routes are used, which nobody promises to keep.
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from trackhub.errors import SettingsError

Api = Literal["v1", "scale"]

_WANTED: dict[Api, dict[str, tuple[str, str]]] = {
    "v1": {"neptune": (r"1\.14(\..*)?", "neptune 1.14")},
    "scale": {
        "neptune-scale": (r"0\.30(\..*)?", "neptune-scale 0.30"),
        "neptune-api": (r"0\.24(\..*)?", "neptune-api 0.24"),
    },
}
_PRODUCT: dict[Api, str] = {"v1": "2.x", "scale": "3.x"}


def installed(api: Api) -> bool:
    """Return whether a client is there, whatever its version."""
    return _version(next(iter(_WANTED[api]))) is not None


def require(api: Api, shown: str) -> None:
    """Refuse a client that is not there, or is not the version whose routes are known.

    :raises SettingsError: it names what to install.
    """
    for name, (pattern, wanted) in _WANTED[api].items():
        found = _version(name)
        if found is None:
            raise SettingsError(
                f"{shown}: to deliver to Neptune {_PRODUCT[api]}, pip install 'trackhub-neptune[{api}]'"
            )
        if not re.fullmatch(pattern, found):
            raise SettingsError(
                f"{shown}: {name} {found} is installed, and delivery was made for {wanted}, whose inner routes it "
                f"takes; pip install 'trackhub-neptune[{api}]'"
            )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None

"""Read what arguments, the environment, and files say; an unknown name is an error that names its source."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from trackhub.errors import SettingsError
from trackhub.settings.destinations import split_named
from trackhub.settings.model import SETTINGS
from trackhub.settings.suggestion import suggest

PREFIX = "TRACKHUB_"
OTHER_VARIABLES = frozenset({"TRACKHUB_CACHE"})
"""Variables of ours that are no settings: ``TRACKHUB_CACHE`` is the folder of the rebuildable index."""

_KEYS = tuple(SETTINGS)
_LISTS = frozenset({"to", "redact", "redact_allow"})
# Kubernetes puts these into every pod beside a service named trackhub; nobody set them for us.
_SERVICE_LINK = re.compile(r"TRACKHUB_(\w+_)?(SERVICE_(HOST|PORT\w*)|PORT(_\w+)?)")


class Said(NamedTuple):
    """Hold a value and where it was said: ``argument``, a variable, or a file."""

    value: object
    origin: str


Layer: TypeAlias = dict[str, Said]
"""What one source says; each named destination has a key of its own, such as ``destinations.prod``."""


def from_arguments(arguments: Mapping[str, object], here: Path) -> Layer:
    """Return the arguments that were given; None is not given.

    :raises SettingsError: there is no such setting.
    """
    given = {key: value for key, value in arguments.items() if value is not None}
    return _layer(given, "argument", here)


def from_environment(environ: Mapping[str, str], here: Path) -> Layer:
    """Return what ``TRACKHUB_*`` variables say; an empty one empties a list and is else not set.

    :raises SettingsError: there is no such setting.
    """
    layer: Layer = {}
    for variable in environ:
        if not variable.startswith(PREFIX) or variable in OTHER_VARIABLES or _SERVICE_LINK.fullmatch(variable):
            continue
        key = variable.removeprefix(PREFIX).lower()
        if key not in _KEYS:
            known = [*(f"{PREFIX}{key.upper()}" for key in _KEYS), *OTHER_VARIABLES]
            raise SettingsError(f"{variable}: trackhub has no such setting{suggest(variable, known)}")
        if environ[variable] or key in _LISTS:
            layer |= _layer({key: environ[variable]}, variable, here)
    return layer


def from_trackhub_toml(path: Path) -> Layer:
    """Return what a ``trackhub.toml`` or the user's ``config.toml`` says, at its top or under ``[trackhub]``.

    :raises SettingsError: it is no TOML, says a thing twice, or there is no such setting.
    """
    top = dict(_read(path))
    table = top.pop("trackhub", {})
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: 'trackhub' is a table of settings; write [trackhub]")
    for key in top.keys() & table.keys():
        raise SettingsError(f"{path}: {key!r} is said twice, at the top and under [trackhub]; keep one")
    return _file_layer(top | table, path, str(path))


def from_pyproject(path: Path) -> Layer | None:
    """Return what ``[tool.trackhub]`` says, or None where a ``pyproject.toml`` has no such table.

    :raises SettingsError: it mentions trackhub and is no TOML, or there is no such setting.
    """
    try:
        # Most say nothing of us: they need no parser, and their mistakes are not ours to report.
        if b"trackhub" not in path.read_bytes():
            return None
    except OSError:
        return None
    tool = _read(path).get("tool")
    table = tool.get("trackhub") if isinstance(tool, dict) else None
    return None if not isinstance(table, dict) else _file_layer(table, path, f"{path} [tool.trackhub]")


def _read(path: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - only where there is a file to read

    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # tomllib says the line; a file that is not UTF-8 ends up here too
        raise SettingsError(f"{path}: not TOML: {error}") from error


def _file_layer(values: Mapping[str, object], path: Path, origin: str) -> Layer:
    if "run_id" in values:
        raise SettingsError(f"{origin}: run_id names one run, so no file can set it; use TRACKHUB_RUN_ID")
    return _layer(values, origin, path.parent)


def _layer(values: Mapping[str, object], origin: str, folder: Path) -> Layer:
    layer: Layer = {}
    for key, value in values.items():
        if key not in _KEYS:
            raise SettingsError(f"{origin}: trackhub has no setting {key!r}{suggest(key, _KEYS)}")
        if key == "store" and isinstance(value, str | os.PathLike) and str(value):
            layer[key] = Said(folder / os.path.expanduser(os.fspath(value)), origin)  # noqa: PTH111 - never raises
        elif key == "destinations":
            layer |= {name: Said(url, origin) for name, url in _named(value, origin).items()}
        else:
            layer[key] = Said(value, origin)
    return layer


def _named(value: object, origin: str) -> dict[str, object]:
    try:
        named = split_named(value) if isinstance(value, str) else value
    except ValueError as error:
        raise SettingsError(f"{origin}: destinations: {error}") from error
    if not isinstance(named, Mapping):
        raise SettingsError(f"{origin}: destinations: a table of names and URLs, not {type(value).__name__}")
    return {f"destinations.{name}": url for name, url in named.items()}

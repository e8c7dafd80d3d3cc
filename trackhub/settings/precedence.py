"""Put the sources in order: argument, environment, trackhub.toml, pyproject.toml, user file, default."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trackhub.errors import SettingsError
from trackhub.settings.model import SETTINGS, Settings, UnfitSettingsError
from trackhub.settings.sources import (
    Layer,
    Said,
    from_arguments,
    from_environment,
    from_pyproject,
    from_trackhub_toml,
)

_NEVER_SHOWN = frozenset({"to", "destinations"})


def resolve(**arguments: object) -> Settings:
    """Return the settings in force here; an argument that is None counts as not given.

    The stronger source wins, whole; named destinations of all sources come together. A relative
    store belongs to the folder of the file that says it, else to the current folder.

    :raises SettingsError: an unknown name, or a value that cannot be; the message says where.

    >>> resolve(mode="offline", finish_timeout_s=5).finish_timeout_s
    5.0
    """
    said = _gather(arguments)
    values: dict[str, Any] = {}
    named: dict[str, object] = {}
    for key, (value, _) in said.items():
        group, _, name = key.partition(".")
        if name:
            named[name] = value
        else:
            values[group] = value
    try:
        return Settings(**values, destinations=named)  # type: ignore[arg-type]  # checked there
    except UnfitSettingsError as error:
        raise SettingsError(_explain(error, said)) from error


def origins(**arguments: object) -> dict[str, str]:
    """Return where each setting was said: ``argument``, a variable, a file, or ``default``.

    >>> origins(mode="offline")["mode"]
    'argument'
    """
    said = _gather(arguments)
    unsaid = dict.fromkeys(SETTINGS, "default")
    return unsaid | {key: origin for key, (_, origin) in said.items()}


def _gather(arguments: Mapping[str, object]) -> Layer:
    here = _current_folder()
    said: Layer = {"store": Said(here / ".trackhub", "default")}
    # From the weakest to the strongest, so that each replaces what those before it said.
    for layer in _file_layers(here, os.environ):
        said |= layer
    return said | from_environment(os.environ, here) | from_arguments(arguments, here)


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except OSError:  # removed under our feet: a training with an absolute store goes on
        return Path()


def _file_layers(here: Path, environ: Mapping[str, str]) -> Iterator[Layer]:
    home = environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111 - never raises
    for path in _existing(Path(home, "trackhub", "config.toml")):
        yield from_trackhub_toml(path)
    folders = (here, *here.parents)
    for path in _existing(*(folder / "pyproject.toml" for folder in folders)):
        if (layer := from_pyproject(path)) is not None:
            yield layer
            break
    for path in _existing(*(folder / "trackhub.toml" for folder in folders)):
        yield from_trackhub_toml(path)
        break


def _existing(*paths: Path) -> Iterator[Path]:
    return (path for path in paths if os.path.isfile(path))  # noqa: PTH113 - a forbidden folder is no error


def _explain(error: UnfitSettingsError, said: Layer) -> str:
    lines = []
    for key, part, message in error.faults:
        place = f"{key}.{part}" if part else key
        shown = "" if key in _NEVER_SHOWN else f" = {said[key].value!r}"
        origin = said[place].origin if place in said else _origin_of_any(key, said)
        lines.append(f"{origin}: {place}{shown}: {message}")
    return "\n".join(lines)


def _origin_of_any(key: str, said: Layer) -> str:
    return ", ".join(dict.fromkeys(origin for place, (_, origin) in said.items() if place.startswith(key)))

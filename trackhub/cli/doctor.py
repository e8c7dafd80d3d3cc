"""Look at all that a run needs, and say what is wrong with it: Python, store, settings, plugins, destinations."""

# ruff: noqa: D301, PLC0415 - \b keeps examples as they are; imports wait, so that --help is quick

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from trackhub import __version__
from trackhub.cli.output import JsonOption, StoreOption, ToOption, print_json, print_table, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trackhub.settings import Settings

_LITTLE = 1_000_000_000
_FLEETING = frozenset({"tmpfs", "ramfs", "overlay"})


@dataclass(frozen=True, slots=True)
class Finding:
    """Say how one thing stands; what has ``failed`` needs a person."""

    about: str
    state: Literal["ok", "warning", "failed"]
    detail: str


def doctor(
    *,
    to: ToOption = None,
    timeout_s: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds for all destinations together.")] = 15,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check store, settings, plugins and destinations.

    Asks each destination who it is and writes nothing there. Exit code 1 if something has failed.

    \b
    trackhub doctor
    trackhub doctor --to mlflow+http://127.0.0.1:5000 --timeout 5
    """
    from trackhub.settings import resolve

    settings = resolve(to=to, store=store)
    findings = [
        _python(),
        *_store(settings.store.absolute()),
        *_settings(settings, to=to, store=store),
        *_plugins(),
        *_destinations(settings, timeout_s),
    ]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_table(("about", "state", "detail"), [(one.about, one.state, one.detail) for one in findings])
    raise typer.Exit(1 if any(finding.state == "failed" for finding in findings) else 0)


def _python() -> Finding:
    detail = f"trackhub {__version__}, Python {platform.python_version()} ({sys.executable}), {platform.platform()}"
    return Finding("trackhub", "ok", detail)


def _store(path: Path) -> Iterator[Finding]:
    place = next(folder for folder in (path, *path.parents) if folder.is_dir())
    try:
        with tempfile.NamedTemporaryFile(dir=place, prefix=".trackhub-doctor-"):
            pass
    except OSError as error:
        yield Finding("store", "failed", f"{path} cannot be written: {error.strerror}; pass --store or mend {place}")
    else:
        yield Finding("store", "ok", f"{path} {'is writable' if place == path else 'is not there yet and can be made'}")
    free = shutil.disk_usage(place).free
    yield Finding("store space", "warning" if free < _LITTLE else "ok", f"{size(free)} free")
    kind = _filesystem(place)
    if kind:
        fleeting = "; what lies there goes with the machine or the container" if kind in _FLEETING else ""
        yield Finding("store file system", "warning" if fleeting else "ok", f"{kind}{fleeting}")


def _filesystem(path: Path) -> str | None:
    """Return the type of the file system that holds a path, where the system tells."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    found = [line.split()[1:3] for line in lines]
    mounts = {Path(point.replace("\\040", " ")): kind for point, kind in found}
    path = path.resolve()
    return next((mounts[place] for place in (path, *path.parents) if place in mounts), None)


def _settings(settings: Settings, **arguments: object) -> Iterator[Finding]:
    from trackhub.settings import origins

    for key, origin in sorted(origins(**arguments).items()):
        if origin != "default":
            yield Finding(f"setting {key}", "ok", f"{_shown(settings, key)} (from {origin})")


def _shown(settings: Settings, key: str) -> str:
    """Return a setting's value without what may be secret in it."""
    from trackhub.settings.destinations import without_user

    group, _, name = key.partition(".")
    value = getattr(settings, group)
    if name:
        return without_user(value[name])
    if group == "to":
        return ", ".join(without_user(one) for one in value) or "none"
    return str(value)


def _plugins() -> Iterator[Finding]:
    from trackhub.plugins.installed import catalogue

    entries = catalogue()
    for entry in entries:
        about = f"plugin {entry.name}"
        if entry.error:
            yield Finding(about, "failed", entry.error)
        else:
            yield Finding(about, "ok", f"{entry.distribution} {entry.version}, serves {', '.join(entry.transports)}")
    if not entries:
        yield Finding(
            "plugins", "warning", "none is installed, so runs stay in the journal; pip install trackhub-mlflow"
        )


def _destinations(settings: Settings, timeout_s: float) -> Iterator[Finding]:
    from trackhub import hub
    from trackhub.cli.probe import probe
    from trackhub.settings.destinations import without_user

    wanted = {url: name for name, url in settings.resolve_destinations()}
    wanted |= {url: name for name, url in settings.destinations.items()}
    pairs = [(name or without_user(url), name or url) for url, name in wanted.items()]
    if not pairs:
        yield Finding("destinations", "ok", "none configured: runs stay in the journal, for `trackhub sync --to URL`")
    for answer in probe(pairs, lambda destination: hub.open_backend(destination, settings), timeout_s):
        yield Finding(f"destination {answer.destination}", "ok" if answer.ok else "failed", answer.detail)

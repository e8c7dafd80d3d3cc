"""Hold what a plugin offers against what its backend is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from typing import Any

from trackhub.hookspec import PREFIX, BackendHooks
from trackhub.testing.bench import Bench
from trackhub.testing.comparing import expect, same
from trackhub.testing.sentences import states

HOOKS = tuple(name.removeprefix(PREFIX) for name in vars(BackendHooks) if name.startswith(PREFIX))
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_LOAD = """
import sys
from trackhub.plugins.installed import GROUP, PluginSet
from importlib.metadata import entry_points
before = set(sys.modules)
PluginSet(entry_points(group=GROUP, name=sys.argv[1])).catalogue()
print(*{name.partition(".")[0] for name in set(sys.modules) - before})
"""
_CONNECTING = {"socket.connect", "sqlite3.connect"}
_watched = threading.local()


class Offering:
    """Check what is offered."""

    @states("O1")
    def test_a_run_can_be_started(self, bench: Bench) -> None:
        """The one hook that every backend needs is there."""
        expect(bench.calls.can("start_run"), "it has no trackhub_start_run")

    @states("O2")
    def test_capabilities_are_those_of_the_backend(self, bench: Bench) -> None:
        """People are told of every hook that is there, and of no other."""
        there = {hook for hook in HOOKS if bench.calls.can(hook)}
        told = set(bench.target.spec.capabilities)
        expect(not there - told, f"BackendSpec.capabilities lacks {sorted(there - told)}")
        expect(not told - there, f"BackendSpec.capabilities names {sorted(told - there)}, which it does not implement")

    @states("O3")
    def test_offering_imports_no_sdk(self, bench: Bench) -> None:
        """A training process that names the scheme does not pay for the vendor's SDK."""
        entry = bench.target.entry()
        ours = _required("trackhub-core") | {"trackhub-core"}
        try:
            theirs = _required(entry["distribution"]) - ours
        except (PackageNotFoundError, KeyError):
            bench.unsupported("its plugin is no installed distribution")
        heavy = {module for module, names in packages_distributions().items() if theirs & set(map(_plain, names))}
        command = [sys.executable, "-c", _LOAD, entry["name"]]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        imported = sorted(heavy & set(done.stdout.split()))
        expect(not imported, f"offering imports {', '.join(imported)}")

    @states("O4")
    def test_the_factory_connects_to_nothing(self, bench: Bench) -> None:
        """A backend can be made while its vendor is away."""
        same("connections while the backend is made", _connections_of(bench.open), [])


def _required(distribution: str) -> set[str]:
    """Return what a distribution requires without its extras."""
    lines = (line for line in requires(distribution) or () if "extra ==" not in line)
    return {_plain(match[0]) for line in lines if (match := _NAME.match(line))}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _connections_of(make: Any) -> list[str]:
    _watch_once()
    seen: list[str] = []
    _watched.seen = seen
    try:
        make()
    finally:
        _watched.seen = None
    return seen


def _watch_once() -> None:
    if not _installed:
        _installed.append(True)
        sys.addaudithook(_note)


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    del arguments
    seen = getattr(_watched, "seen", None)
    if seen is not None and event in _CONNECTING:
        seen.append(event)


_installed: list[bool] = []

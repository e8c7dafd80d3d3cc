"""Name what is tested: a destination's URL and where its plugin comes from; also across processes."""

from __future__ import annotations

import functools
import re
import socket
from importlib.metadata import EntryPoint
from typing import Any

import msgspec

from trackhub.backend import BackendCalls, BackendSpec, Destination
from trackhub.hub import installed_plugins
from trackhub.plugins.installed import GROUP, PluginSet

_AUTHORITY = re.compile(r"//[^/?]*")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Open a destination's backend as a lane does, in this process or another.

    :ivar plugins: entry points as pairs of a name and ``module`` or ``module:attribute``; without
        them the installed plugins are asked.
    """

    url: str
    plugins: tuple[tuple[str, str], ...] | None = None

    @property
    def destination(self) -> Destination:
        """Return the destination."""
        return Destination.parse(self.url)

    @property
    def spec(self) -> BackendSpec:
        """Return what the plugin offers for the destination."""
        return self._set().spec(self.destination)

    def open(self, url: str | None = None) -> BackendCalls:
        """Return a backend made afresh, of this destination or another of the same plugin."""
        return self._set().open(Destination.parse(url) if url else self.destination)

    def entry(self) -> dict[str, Any]:
        """Return what ``trackhub plugins`` tells of the plugin."""
        scheme = self.destination.scheme
        entries = (msgspec.to_builtins(entry) for entry in self._set().catalogue() if scheme in entry.schemes)
        return next(entries, {})

    def closed_url(self) -> str | None:
        """Return the URL with a port on which nobody listens, where it names a web server."""
        destination = self.destination
        if destination.transport not in {"http", "https"}:
            return None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        return _AUTHORITY.sub(f"//127.0.0.1:{port}", self.url, count=1)

    def _set(self) -> PluginSet:
        return installed_plugins() if self.plugins is None else _plugins(self.plugins)


@functools.cache
def _plugins(pairs: tuple[tuple[str, str], ...]) -> PluginSet:
    return PluginSet([EntryPoint(name=name, value=value, group=GROUP) for name, value in pairs])

"""Be a vendor on the loopback that takes everything, as the scheme ``bench``; loaded in the delivery process.

``bench://NAME`` counts what it is given. ``bench+tcp://HOST:PORT`` asks a socket first: one that
nobody listens on refuses, and one that nobody answers on keeps the lane waiting.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from trackhub.backend import BackendSpec, Destination
from trackhub.errors import RetryLater
from trackhub.hookspec import hookimpl
from trackhub.model.entities import RunRef

if TYPE_CHECKING:
    from benchmarks.options import BenchOptions

_TIMEOUT_S = 5.0


class BenchBackend:
    """Count points, after an answer from the socket if there is one."""

    def __init__(self, destination: Destination) -> None:
        self._address = destination.rest.strip("/").rsplit(":", 1) if destination.transport else None
        self.points = 0

    @hookimpl
    def trackhub_start_run(self, run: Any) -> RunRef:
        """Take any run."""
        self._ask()
        return RunRef(id=run.id)

    @hookimpl
    def trackhub_log_metrics(self, points: tuple[Any, ...]) -> None:
        """Count points."""
        self._ask()
        self.points += len(points)

    @hookimpl
    def trackhub_finish_run(self) -> None:
        """Take the end."""
        self._ask()

    def _ask(self) -> None:
        if self._address is None:
            return
        host, port = self._address
        try:
            with contextlib.closing(socket.create_connection((host, int(port)), _TIMEOUT_S)) as connection:
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                connection.recv(1)
        except OSError as error:
            raise RetryLater(f"{host}:{port}: {error}") from error


def _open(destination: Destination, _: BenchOptions) -> BenchBackend:
    return BenchBackend(destination)


@hookimpl
def trackhub_backends() -> Iterator[BackendSpec]:
    """Offer the loopback vendor."""
    yield BackendSpec(
        scheme="bench",
        factory=_open,
        options="benchmarks.options:BenchOptions",
        transports=(None, "tcp"),
        capabilities=("start_run", "log_metrics", "finish_run"),
    )

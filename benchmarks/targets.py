"""Make destinations that are alive, refuse, or never answer, on sockets of this process."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any


@contextlib.contextmanager
def targets(kind: str, count: int) -> Iterator[list[str]]:
    """Give destination URLs, usable inside the ``with``.

    :param kind: ``alive`` takes everything. Of ``dead`` ones, half refuse the connection and half
        take it and never answer; they are MLflow servers where that plugin is installed.
    """
    with contextlib.ExitStack() as sockets:
        yield [_alive(at) if kind == "alive" else _dead(at, sockets) for at in range(count)]


def stop_delivery() -> None:
    """End this process's delivery process, which would go on for minutes."""
    from trackhub import hub

    process: Any = hub._process._process
    if process is not None and process.poll() is None:
        os.kill(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        process.wait()


def _alive(at: int) -> str:
    return f"bench://vendor-{at}"


def _dead(at: int, sockets: contextlib.ExitStack) -> str:
    listener = sockets.enter_context(contextlib.closing(socket.socket()))
    listener.bind(("127.0.0.1", 0))  # bound and not listening: it refuses, and nobody else can take the port
    if at % 2:
        listener.listen(128)  # the kernel takes the connection, and nobody ever reads it
    scheme = "mlflow+http" if any(point.name == "mlflow" for point in entry_points(group="trackhub")) else "bench+tcp"
    return f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"

"""Listen on the loopback, decide on faults and keys, and pass what is left to the routes."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.faultproxy import Fault, FaultProxy

from comet_server.behaviour import KINDEST, Behaviour
from comet_server.exchange import Answer, Request, refusal
from comet_server.logger import NO_KEY, Logger
from comet_server.rest import Rest
from comet_server.state import Experiment, NotThereError, State

API_KEY = "a-key-for-tests-only-0123456789"
HALF = Fault("half")  # type: ignore[arg-type]  # a kind that the proxy lacks
"""A batch of which the first half is taken, before the server fails."""
_PREFIXES = ("/clientlib/rest/v2/", "/api/rest/v2/", "/clientlib/", "/")


@dataclass
class CometServer:
    """Hold where a server listens, what it was given, and what goes wrong.

    :ivar faults: decides what happens to each request before it is passed on; ``script`` and ``rates`` say so.
    """

    state: State
    faults: FaultProxy = field(default_factory=lambda: FaultProxy(""))
    keys: set[str] = field(default_factory=lambda: {API_KEY})
    url: str = ""

    @property
    def destination(self) -> str:
        """Return a destination's URL, without workspace and project."""
        return f"comet+{self.url}"

    def experiment(self, run_id: str) -> Experiment:
        """Return the one experiment of a trackhub run."""
        with self.state.lock:
            (found,) = self.experiments(run_id)
            return found

    def experiments(self, run_id: str) -> list[Experiment]:
        """Return the experiments that tell a trackhub run's id."""
        with self.state.lock:
            return [
                held
                for held in self.state.experiments.values()
                if "trackhub.run_id" in held.others and held.others["trackhub.run_id"].value == run_id
            ]


@contextlib.contextmanager
def comet_server(behaviour: Behaviour = KINDEST, *, port: int = 0, state: State | None = None) -> Iterator[CometServer]:
    """Run a server; its threads end with the block.

    :param port: where it listens; any free one unless said.
    :param state: what a server before this one held, for one that comes back.
    """
    comet = CometServer(state or State(behaviour))
    server = _Server(comet, port)
    comet.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield comet
    finally:
        comet.faults.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, comet: CometServer, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Exchange)
        self.comet = comet
        self.routes: dict[str, Any] = {**Logger(comet.state).routes, **Rest(comet.state).routes}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that hangs up is what faults are about."""


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or an answer waits for an acknowledgement, 40 ms each
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it so
        """Write no log."""

    def handle_any(self) -> None:
        """Answer one request, or do to it what a fault says."""
        faults = self.server.comet.faults
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        place = _place(self.path)
        fault = faults.decide(self.command, f"/{place}", body)
        kind: str = fault.kind if fault else "pass"
        if kind in {"reset", "hole"}:
            if kind == "hole":
                faults.closing.wait()
            self._hang_up(reset=kind == "reset")
            return
        if fault and kind == "delay":
            (fault.until or faults.closing).wait(fault.seconds)
        if fault and kind == "answer":
            self._send(Answer(fault.body, fault.status, dict(fault.headers)))
            return
        answer = self._answer(place, body, half=kind == "half")
        if kind in {"drop", "stall"}:
            if kind == "stall":
                faults.closing.wait()
            self._hang_up(reset=False)
            return
        self._send(answer)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815  the base class calls these

    def _answer(self, place: str, body: bytes, *, half: bool) -> Answer:
        comet = self.server.comet
        try:
            request = Request.of(self.command, self.path, dict(self.headers.items()), body, half=half)
            if place not in {"isAlive/ver", "health/ping"} and self.headers.get("Authorization") not in comet.keys:
                if place in {"logger/add/run", "logger/get/run"}:
                    return refusal(400, "this API key is not registered", NO_KEY)
                return refusal(401, "this API key is not registered")
            route = self.server.routes.get(place)
            if route is None:
                return refusal(404, f"no such page: {place}")
            with comet.state.lock:
                return route(request)  # type: ignore[no-any-return]
        except NotThereError as error:
            return refusal(400, str(error))
        except (KeyError, ValueError, zlib.error, json.JSONDecodeError) as error:
            return refusal(400, f"{type(error).__name__}: {error}")

    def _send(self, answer: Answer) -> None:
        content = answer.content
        self.send_response_only(answer.status)
        self.send_header("Content-Type", answer.type)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _hang_up(self, *, reset: bool) -> None:
        self.close_connection = True
        if reset:  # lingering for no time makes the kernel send RST
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()


def _place(target: str) -> str:
    """Return what a path names, whichever root it has."""
    path = target.partition("?")[0]
    for prefix in _PREFIXES:
        if path.startswith(prefix):
            return path.removeprefix(prefix)
    return path

"""Stand before a real HTTP server and do to its traffic what networks do; from tests, to any server.

A fault is scripted for a path, or drawn at random from a seed. Everything else passes unchanged.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Fault:
    """Describe what happens to one request.

    :ivar kind: ``drop`` loses the answer after the server has processed the request; ``reset``
        refuses the connection's bytes at once; ``delay`` waits, then passes; ``answer`` replies in
        the server's place; ``hole`` takes the request and never replies; ``stall`` has the server
        process it, and never replies.
    """

    kind: Literal["drop", "reset", "delay", "answer", "hole", "stall"]
    status: int = 503
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    seconds: float = 0.0
    until: threading.Event | None = None


DROP = Fault("drop")
RESET = Fault("reset")
HOLE = Fault("hole")
STALL = Fault("stall")


def delay(seconds: float, until: threading.Event | None = None) -> Fault:
    """Return a fault that slows a request down.

    :param until: lets it pass when it is set.
    """
    return Fault("delay", seconds=seconds, until=until)


def answer(status: int, *, retry_after: str | None = None, body: bytes = b"") -> Fault:
    """Return a fault that replies in the server's place."""
    headers = (("Retry-After", retry_after),) if retry_after is not None else ()
    return Fault("answer", status=status, headers=headers, body=body)


@dataclass(frozen=True, slots=True)
class Seen:
    """Hold one request that came by, and what was done to it; ``pass`` is nothing."""

    method: str
    path: str
    fault: str


@dataclass(slots=True)
class _Script:
    prefix: str
    method: str | None
    fault: Fault
    left: int
    holding: bytes


@dataclass(slots=True)
class FaultProxy:
    """Decide what happens to each request; safe to change while requests go by.

    :ivar url: where it listens.
    :ivar seen: every request so far.
    """

    target: str
    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    _scripts: list[_Script] = field(default_factory=list)
    _rates: Mapping[Fault, float] = field(default_factory=dict)
    _random: random.Random = field(default_factory=random.Random)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def script(
        self,
        prefix: str,
        fault: Fault,
        *,
        times: int = 1,
        method: str | None = None,
        after: int = 0,
        holding: bytes = b"",
    ) -> None:
        """Do something to the next requests whose path begins so.

        :param after: how many such requests pass first.
        :param holding: only those with these bytes in their body.
        """
        with self._lock:
            if after:
                self._scripts.append(_Script(prefix, method, Fault("delay"), after, holding))
            self._scripts.append(_Script(prefix, method, fault, times, holding))

    def rates(self, rates: Mapping[Fault, float], *, seed: int) -> None:
        """Draw a fault for every request that no script names, each with its probability."""
        with self._lock:
            self._rates, self._random = dict(rates), random.Random(seed)

    def heal(self) -> None:
        """Let everything pass from now on."""
        with self._lock:
            self._scripts.clear()
            self._rates = {}

    def count(self, prefix: str, fault: str | None = None) -> int:
        """Return how many requests came by whose path begins so."""
        with self._lock:
            return sum(seen.path.startswith(prefix) and fault in (None, seen.fault) for seen in self.seen)

    @property
    def reads_bodies(self) -> bool:
        """Return whether a request's body has to be known before it is decided on."""
        return any(script.holding for script in self._scripts)

    def decide(self, method: str, path: str, body: bytes = b"") -> Fault | None:
        """Return what happens to a request, and write it down."""
        with self._lock:
            fault = self._scripted(method, path, body) or self._drawn()
            self.seen.append(Seen(method, path, fault.kind if fault else "pass"))
            return fault

    def _scripted(self, method: str, path: str, body: bytes) -> Fault | None:
        for script in self._scripts:
            meant = path.startswith(script.prefix) and script.method in (None, method) and script.holding in body
            if script.left and meant:
                script.left -= 1
                return script.fault
        return None

    def _drawn(self) -> Fault | None:
        left = self._random.random() if self._rates else 1.0
        for fault, rate in self._rates.items():
            left -= rate
            if left < 0:
                return fault
        return None


@contextlib.contextmanager
def fault_proxy(target: str, port: int = 0) -> Iterator[FaultProxy]:
    """Run a proxy before a server; its threads end with the block.

    :param port: where it listens; any free one unless said.
    """
    proxy = FaultProxy(target)
    server = _Server(proxy, port)
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: FaultProxy, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Exchange)
        self.proxy = proxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that hangs up is what faults are about."""


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it so
        """Write no log."""

    def handle_any(self) -> None:
        """Pass one request on, or not."""
        proxy = self.server.proxy
        self._read: bytes | None = None
        fault = proxy.decide(self.command, self.path, self._body() if proxy.reads_bodies else b"")
        if fault is None:
            self._pass()
        elif fault.kind == "reset":
            self._hang_up(reset=True)
        elif fault.kind == "delay":
            (fault.until or proxy.closing).wait(fault.seconds)
            self._pass()
        elif fault.kind == "answer":
            self._body()
            self._reply(fault.status, list(fault.headers), fault.body)
        elif fault.kind in {"hole", "stall"}:
            self._body() if fault.kind == "hole" else self._ask()
            proxy.closing.wait()
            self._hang_up()
        else:
            self._ask()
            self._hang_up()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_any  # noqa: N815  the base class calls these

    def _pass(self) -> None:
        self._reply(*self._ask())

    def _ask(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """Return what the server replies."""
        place = urlsplit(self.server.proxy.target)
        connection = http.client.HTTPConnection(place.hostname or "127.0.0.1", place.port, timeout=120)
        try:
            body = self._body()
            headers = {key: value for key, value in self.headers.items() if key.lower() not in _HOP}
            connection.request(self.command, self.path, body=body, headers=headers)
            reply = connection.getresponse()
            kept = [(key, value) for key, value in reply.getheaders() if key.lower() not in _HOP]
            return reply.status, kept, reply.read()
        finally:
            connection.close()

    def _body(self) -> bytes:
        if self._read is None:
            self._read = self._receive()
        return self._read

    def _receive(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for key, value in headers:
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            for place in range(0, len(body), _CHUNK):
                self.wfile.write(body[place : place + _CHUNK])

    def _hang_up(self, *, reset: bool = False) -> None:
        self.close_connection = True
        if reset:  # lingering for no time makes the kernel send RST
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()

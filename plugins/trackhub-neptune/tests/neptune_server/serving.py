"""Listen on the loopback and hand each request to the routes of one of Neptune's products; from HTTP, to HTTP."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from neptune_server.rules import Rules
from neptune_server.state import State

KEY = "the-key-of-the-tests"
_LIFETIME = 3600


@dataclass(frozen=True, slots=True)
class Request:
    """Hold one request.

    :ivar url: where the client took the server to be, so that it finds a proxy again.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    url: str

    @property
    def json(self) -> Any:
        """Return the body as JSON says it."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold one answer; a body that is no bytes becomes JSON."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """Return the bytes to send."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Refused(Exception):  # noqa: N818 - it is an answer
    """Answer with a status and no more."""

    def __init__(self, status: int, body: Any = None) -> None:
        super().__init__(f"{status}")
        self.answer = Answer(body if body is not None else {"code": status, "title": "refused"}, status)


Routes = Callable[[Request], Answer]


@dataclass(slots=True)
class NeptuneServer:
    """Hold a running server.

    :ivar product: ``v1`` for Neptune 2.x, ``scale`` for 3.x.
    :ivar requests: the paths that were asked for.
    :ivar generation: access tokens of an earlier one are refused.
    :ivar tear: asked at each request of operations: behind how many of them it is cut short and answered by 503.
    """

    product: str
    state: State
    url: str = ""
    requests: list[str] = field(default_factory=list)
    tear: Callable[[], int | None] = lambda: None
    refresh_tokens: int = 0
    generation: int = 0

    def token(self, url: str | None = None, key: str = KEY) -> str:
        """Return an API token for the server, or for a proxy before it."""
        return api_token(url or self.url, key)


def api_token(url: str, key: str = KEY) -> str:
    """Return an API token as Neptune gives it: an address and a key."""
    return base64.b64encode(json.dumps({"api_address": url, "api_url": url, "api_key": key}).encode()).decode()


def access_token(url: str, generation: int = 0) -> str:
    """Return a token that clients can decode; nobody verifies its signature."""

    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {"exp": int(time.time()) + _LIFETIME, "iat": int(time.time()), "azp": "tests", "iss": f"{url}/auth"}
    claims["generation"] = generation
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}.c2ln"


def check_bearer(request: Request, generation: int) -> None:
    """Refuse a request without an access token of this generation."""
    word, _, token = request.headers.get("authorization", "").partition(" ")
    claims = token.split(".")[1] if word == "Bearer" and token.count(".") == 2 else ""
    told = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)) or b"{}")
    if told.get("generation") != generation:
        raise Refused(401)


def check_key(text: str | None) -> None:
    """Refuse an API token that is not ours."""
    try:
        key = json.loads(base64.b64decode(text or ""))["api_key"]
    except (ValueError, KeyError, TypeError):
        key = None
    if key != KEY:
        raise Refused(401)


@contextlib.contextmanager
def neptune_server(
    product: str, rules: Rules | None = None, projects: tuple[str, ...] = ("team/digits",), port: int = 0
) -> Iterator[NeptuneServer]:
    """Run a server until the block ends.

    :param product: ``v1`` or ``scale``.
    """
    server = NeptuneServer(product, State(rules or Rules(), projects))
    listening = _Listening(server, _routes(server), port)
    server.url = f"http://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def _routes(server: NeptuneServer) -> Routes:
    if server.product == "v1":
        from neptune_server.v1 import routes  # each imports only its own client's things
    else:
        from neptune_server.scale import routes
    return routes(server)


class _Listening(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, served: NeptuneServer, routes: Routes, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Exchange)
        self.served = served
        self.routes = routes

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients hang up in tests of faults."""


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer
    server: _Listening

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it so
        """Write no log."""

    def handle_any(self) -> None:
        """Answer one request."""
        place = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = self._chunks()
        headers = {name.lower(): text for name, text in self.headers.items()}
        url = f"http://{self.headers.get('Host')}"
        query = dict(parse_qsl(place.query, keep_blank_values=True))
        self.server.served.requests.append(place.path)
        try:
            answer = self.server.routes(Request(self.command, place.path, query, headers, body, url))
        except Refused as refused:
            answer = refused.answer
        content = answer.content
        self.send_response_only(answer.status)
        for name, text in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_HEAD = handle_any  # noqa: N815  the base class calls these

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

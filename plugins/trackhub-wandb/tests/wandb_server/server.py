"""Listen on the loopback, decide on faults and keys, and pass what is left to the routes."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import re
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from support.faultproxy import Fault, FaultProxy

from wandb_server.artifacts import Artifacts
from wandb_server.behaviour import KINDEST, Behaviour
from wandb_server.runs import Runs
from wandb_server.state import Refused, Run, State

API_KEY = "0123456789abcdef0123456789abcdef01234567"
_OPERATION = re.compile(r"\b(?:query|mutation)\s+(\w+)")


@dataclass
class WandbServer:
    """Hold where a server listens, what it was given, and what goes wrong.

    :ivar faults: decides what happens to each request before it is passed on; GraphQL operations are known to it
        by the path ``/graphql/<operation>``.
    :ivar broken: the requests that it could make nothing of.
    """

    state: State
    faults: FaultProxy = field(default_factory=lambda: FaultProxy(""))
    keys: set[str] = field(default_factory=lambda: {API_KEY})
    refusal: int = 401
    url: str = ""
    broken: list[str] = field(default_factory=list)

    @property
    def destination(self) -> str:
        """Return a destination's URL, without entity and project."""
        return f"wandb+{self.url}"

    def runs(self, name: str) -> list[Run]:
        """Return the runs of an id, of whatever project."""
        with self.state.lock:
            return [run for run in self.state.runs.values() if run.name == name]

    def run(self, name: str) -> Run:
        """Return the one run of an id."""
        (found,) = self.runs(name)
        return found


@contextlib.contextmanager
def wandb_server(behaviour: Behaviour = KINDEST, *, port: int = 0, state: State | None = None) -> Iterator[WandbServer]:
    """Run a server; its threads end with the block.

    :param port: where it listens; any free one unless said.
    :param state: what a server before this one held, for one that comes back.
    """
    wandb = WandbServer(state or State(behaviour))
    server = _Server(wandb, port)
    wandb.url = server.artifacts.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield wandb
    finally:
        wandb.faults.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, wandb: WandbServer, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Exchange)
        self.wandb = wandb
        self.artifacts = Artifacts(wandb.state)
        self.operations = {**Runs(wandb.state).operations, **self.artifacts.operations}

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
        faults = self.server.wandb.faults
        if faults.closing.is_set():  # a connection that was kept open does not outlive the server
            self._hang_up(reset=True)
            return
        body = self._body()
        place = unquote(urlsplit(self.path).path)
        if place == "/graphql":
            body = json.loads(body or b"{}")
            found = _OPERATION.search(body.get("query", ""))
            place = f"/graphql/{found[1] if found else ''}"
        fault = faults.decide(self.command, place, json.dumps(body).encode() if isinstance(body, dict) else body)
        kind = fault.kind if fault else "pass"
        if kind in {"reset", "hole"}:
            if kind == "hole":
                faults.closing.wait()
            self._hang_up(reset=kind == "reset")
            return
        if fault and kind == "delay":
            (fault.until or faults.closing).wait(fault.seconds)
        if fault and kind == "answer":
            self._send(fault.body, fault.status, fault)
            return
        status, answer = self._answer(place, body)
        if kind in {"drop", "stall"}:
            if kind == "stall":
                faults.closing.wait()
            self._hang_up(reset=False)
            return
        self._send(answer, status)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815  the base class calls these

    def _body(self) -> Any:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            body = b"".join(parts)
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _answer(self, place: str, body: Any) -> tuple[int, bytes]:
        wandb = self.server.wandb
        parts = place.strip("/").split("/")
        if parts[0] != "storage" and not self._is_known():
            return wandb.refusal, b'{"errors": [{"message": "user is not logged in"}]}'
        try:
            with wandb.state.lock:
                if parts[0] == "graphql":
                    return self._graphql(parts[1], body)
                if parts[0] == "files" and parts[-1] == "file_stream":
                    return 200, self._stream(*parts[1:4], json.loads(body))
                if parts[0] == "storage":
                    return self._storage(parts[1:], body)
                if parts[0].startswith("artifacts"):
                    blob = wandb.state.blobs.get(parts[-2] if parts[0] == "artifactsV2" else parts[-1])
                    return (404, b"") if blob is None else (200, blob)
        except Refused as error:
            return 400, json.dumps({"error": str(error)}).encode()
        except (KeyError, ValueError, TypeError) as error:
            wandb.broken.append(f"{place}: {error!r}")
            return 400, json.dumps({"error": wandb.broken[-1]}).encode()
        return 404, b"{}"

    def _is_known(self) -> bool:
        words = self.headers.get("Authorization", "").split(" ")
        if words[0] != "Basic":
            return False
        return base64.b64decode(words[1]).decode().partition(":")[2] in self.server.wandb.keys

    def _graphql(self, operation: str, body: dict[str, Any]) -> tuple[int, bytes]:
        serve = self.server.operations.get(operation)
        if serve is None:
            return 400, json.dumps({"errors": [{"message": f"no operation {operation!r} here"}]}).encode()
        try:
            return 200, json.dumps({"data": serve(body.get("variables") or {})}).encode()
        except Refused as error:
            return 200, json.dumps({"data": None, "errors": [{"message": str(error)}]}).encode()

    def _stream(self, entity: str, project: str, name: str, given: dict[str, Any]) -> bytes:
        state = self.server.wandb.state
        run = state.need(entity, project, name)
        files = given.get("files") or {}
        history = files.get("wandb-history.jsonl")
        if history is not None:
            for line in history["content"]:
                json.loads(line)
            run.put_lines(history["offset"], history["content"], keeps_copies=state.behaviour.keeps_copies)
        if "wandb-summary.json" in files:
            run.summary = files["wandb-summary.json"]["content"][-1]
        if given.get("complete"):
            run.exit_code = given.get("exitcode") or 0
            run.state = "failed" if run.exit_code else "finished"
        else:
            run.state = "running"
        return b'{"exitcode": null, "limits": {}}'

    def _storage(self, parts: list[str], body: bytes) -> tuple[int, bytes]:
        state = self.server.wandb.state
        if parts[0] == "blob":
            held: dict[str, bytes] = state.blobs
            name = parts[1]
        else:
            held, name = state.need(*parts[1:4]).files, "/".join(parts[4:])
        if self.command == "PUT":
            held[name] = body
            return 200, b""
        return (200, held[name]) if name in held else (404, b"")

    def _send(self, content: bytes, status: int, fault: Fault | None = None) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        for name, value in fault.headers if fault else ():
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

"""Hold the proxy to what its faults say, against a small real server."""

from __future__ import annotations

import http.client
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from support.faultproxy import DROP, HOLE, RESET, STALL, FaultProxy, answer, delay, fault_proxy


class _Echo(BaseHTTPRequestHandler):
    received: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.path, body))
        self.send_response(201)
        self.send_header("X-Echo", "yes")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
        pass


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    _Echo.received = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    with fault_proxy(f"http://127.0.0.1:{server.server_port}") as proxy:
        yield proxy
    server.shutdown()
    server.server_close()
    thread.join()


def post(proxy: FaultProxy, path: str = "/a", body: bytes = b"hello", timeout: float = 5) -> tuple[int, bytes]:
    with urllib.request.urlopen(f"{proxy.url}{path}", data=body, timeout=timeout) as reply:
        assert reply.headers["X-Echo"] == "yes"
        return reply.status, reply.read()


def test_everything_passes_unchanged_by_default(proxy: FaultProxy):
    """Status, headers and bytes are the server's own."""
    assert post(proxy, body=b"x" * 3_000_000) == (201, b"x" * 3_000_000)
    assert [(seen.path, seen.fault) for seen in proxy.seen] == [("/a", "pass")]


def test_a_dropped_answer_was_processed(proxy: FaultProxy):
    """The server has the request, the client gets nothing."""
    proxy.script("/a", DROP)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        post(proxy)
    assert _Echo.received == [("/a", b"hello")]
    assert post(proxy)[0] == 201


def test_a_reset_never_reaches_the_server(proxy: FaultProxy):
    """The connection breaks before anything is processed."""
    proxy.script("/a", RESET)
    with pytest.raises((OSError, http.client.HTTPException)):
        post(proxy)
    assert _Echo.received == []


def test_an_answer_is_given_in_the_servers_place(proxy: FaultProxy):
    """A scripted status comes with its Retry-After, and the server hears nothing."""
    proxy.script("/a", answer(429, retry_after="7"))
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(proxy)
    assert (caught.value.code, caught.value.headers["Retry-After"]) == (429, "7")
    caught.value.close()
    assert _Echo.received == []


def test_a_delay_passes_later(proxy: FaultProxy):
    """A delayed request is answered after its time."""
    proxy.script("/a", delay(0.2))
    began = time.monotonic()
    assert post(proxy)[0] == 201
    assert time.monotonic() - began >= 0.2


def test_a_hole_never_answers(proxy: FaultProxy):
    """The client's own time limit is what ends the wait."""
    proxy.script("/a", HOLE)
    with pytest.raises(TimeoutError):
        post(proxy, timeout=0.2)


def test_a_script_names_paths_methods_and_how_often(proxy: FaultProxy):
    """Only requests that match are touched, after those that may pass, as often as told."""
    proxy.script("/a", answer(503), times=2, method="POST", after=1)
    assert post(proxy, "/b")[0] == 201
    assert post(proxy)[0] == 201
    for _ in range(2):
        with pytest.raises(urllib.error.HTTPError) as caught:
            post(proxy)
        caught.value.close()
    assert post(proxy)[0] == 201
    assert (proxy.count("/a", "answer"), proxy.count("/b")) == (2, 1)


def test_rates_are_the_same_for_the_same_seed():
    """What is drawn depends on the seed alone."""
    drawn = []
    for _ in range(2):
        proxy = FaultProxy("http://127.0.0.1:1")
        proxy.rates({DROP: 0.2, answer(503): 0.3}, seed=5)
        drawn.append([proxy.decide("GET", "/") for _ in range(200)])
    assert drawn[0] == drawn[1]
    assert 20 <= drawn[0].count(DROP) <= 60
    proxy.heal()
    assert proxy.decide("GET", "/") is None


def test_a_stalled_request_is_processed_all_the_same(proxy: FaultProxy):
    """The server has taken it, and the client never hears of it."""
    proxy.script("/a", STALL)
    with pytest.raises(TimeoutError):
        post(proxy, timeout=0.5)
    assert [path for path, _ in _Echo.received][-1] == "/a"


def test_a_script_may_ask_for_what_a_body_holds(proxy: FaultProxy):
    """A poisoned entry is one that breaks the server wherever it is."""
    proxy.script("/", answer(500), times=9, holding=b"poison")
    assert post(proxy, body=b"good")[0] == 201
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(proxy, body=b"a poison pill")
    caught.value.close()

"""Read a request off the wire, and say what an answer is; between the sockets and the routes."""

from __future__ import annotations

import email.parser
import email.policy
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """Hold one request.

    :ivar path: without the query.
    :ivar half: only the first half of a batch is to be taken, and then the server fails.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    half: bool = False

    @classmethod
    def of(cls, method: str, target: str, headers: Mapping[str, str], body: bytes, *, half: bool = False) -> Request:
        """Return what a request says, unpacked."""
        parts = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        lower = {name.lower(): value for name, value in headers.items()}
        if lower.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        return cls(method, parts.path, query, lower, body, half)

    @property
    def json(self) -> dict[str, Any]:
        """Return the body as JSON, with the query's fields."""
        is_json = "json" in self.headers.get("content-type", "json")
        held: Any = json.loads(self.body) if self.body and is_json else {}
        return {**self.query, **(held or {})}

    def parts(self) -> dict[str, bytes]:
        """Return the parts of a multipart body by name."""
        head = f"Content-Type: {self.headers.get('content-type', '')}\r\n\r\n".encode()
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + self.body)
        return {
            str(part.get_param("name", header="content-disposition")): bytes(part.get_payload(decode=True) or b"")
            for part in message.iter_parts()
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold one answer; a body that is no bytes is JSON."""

    body: Any = field(default_factory=lambda: {"msg": "", "code": 200})
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """Return the body as bytes."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()

    @property
    def type(self) -> str:
        """Return the content type; the SDK refuses JSON with a charset."""
        return "application/octet-stream" if isinstance(self.body, bytes) else "application/json"


def refusal(status: int, message: str, code: int | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer that says no, as Comet words it."""
    return Answer({"msg": message, "code": status, "sdk_error_code": code or 0}, status, headers or {})

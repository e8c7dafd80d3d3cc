"""Find secrets in what clients and servers say to each other: URLs with a user, HTTP headers, a .netrc."""

from __future__ import annotations

import re

from trackhub.redact.shapes import REDACTED, cut

_NOT_YET = re.escape(REDACTED).join(("(?!", ")"))
_USER = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]{0,40})://(?P<user>[^\s/?#\"'<>`\\]+)@")
_SCHEME = r"(?:basic|bearer|digest|token|apikey|negotiate)"
_START = r"\\*[\"']?\s*[:=,]\s*\\*[\"']?"
_HEADERS = (
    ("authorization", rf"(?i)\bauthorization\b{_START}{_SCHEME}\s+(?P<secret>{_NOT_YET}[^\s\"'\\<>(){{}}$%]+)"),
    ("bearer", r"(?i)\bbearer\s+(?=\S{0,128}[0-9])(?P<secret>[\w.~+/-]{12,}=*)"),
    ("cookie", rf"(?i)\bcookie\\*[\"']?:\s*\\*[\"']?(?P<secret>{_NOT_YET}[\w.-]+=[^\r\n\"'\\]+)"),
    ("login", rf"\blogin\s+\S+\s+password\s+(?P<secret>{_NOT_YET}\S+)"),
)


def redact_headers(text: str) -> tuple[str, int]:
    """Return a text without what its URLs and headers authorize with, and how many there were.

    >>> redact_headers("https://me:hunter2@host/x.git")
    ('https://[redacted]@host/x.git', 1)
    >>> redact_headers("Authorization: Basic bWU6aHVudGVyMg==")
    ('Authorization: Basic [redacted]', 1)
    """
    count = 0
    if "://" in text and "@" in text:
        spans = [match.span("user") for match in _USER.finditer(text) if _is_secret(match)]
        text = cut(text, spans)
        count += len(spans)
    lower = text.lower()
    for mark, header in _HEADERS:
        if mark in lower:
            spans = [match.span("secret") for match in re.finditer(header, text)]
            text = cut(text, spans)
            count += len(spans)
    return text, count


def _is_secret(match: re.Match[str]) -> bool:
    # A lone user name is no secret, but https://TOKEN@host is how tokens are often given.
    user, scheme = match["user"], match["scheme"].lower()
    return user != REDACTED and (":" in user or scheme.endswith(("http", "https")))

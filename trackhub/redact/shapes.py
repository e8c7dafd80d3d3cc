"""Find secrets that show by their own look, whatever stands around them: vendors' keys and private keys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

REDACTED = "[redacted]"

# What follows a prefix is long and holds a digit; hf_transfer and sk-learn are innocent.
_PREFIXES = (
    "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- gldt- glrt- glcbt- glptt- glsa_ hf_ api_org_ sk-ant- sk-proj- "
    "sk-svcacct- sk-admin- sk-or- sk-lf- sk_live_ sk_test_ rk_live_ rk_test_ whsec_ xoxa- xoxb- xoxe- xoxo- xoxp- "
    "xoxr- xoxs- xapp- npm_ pypi- gsk_ xai- r8_ nvapi- pplx- lsv2_pt_ lsv2_sk_ wandb_v1_ dckr_pat_ dop_v1_ doo_v1_ "
    "shpat_ sntrys_ pcsk_ PMAK- ATATT3 GOCSPX- AGE-SECRET-KEY-1 hvs. hvb. ya29. lin_api_ tskey-"
)
_AFTER_PREFIX = r"(?=[\w.-]{0,64}[0-9])[\w-]{16,}(?:\.[\w-]{16,})*"
_PATTERNS: tuple[tuple[str, str], ...] = (
    ("AKIA", r"AKIA[A-Z0-9]{16}"),
    ("ASIA", r"ASIA[A-Z0-9]{16}"),
    ("AIza", r"AIza[\w-]{30,}"),
    ("sk-", r"sk-(?=[A-Za-z0-9]{0,64}[0-9])[A-Za-z0-9]{20,}"),
    ("SG.", r"SG\.[\w-]{16,}\.[\w-]{16,}"),
    ("dapi", r"dapi[0-9a-f]{32}(?:-[0-9]+)?"),
    ("key-", r"key-[0-9a-f]{32}"),
    ("eyJ", r"eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)*"),
    ("eyJhcGlf", r"eyJhcGlf[\w+/-]{20,}={0,2}"),  # Neptune: the base64 of {"api_...
    (":AA", r"[0-9]{8,10}:AA[\w-]{30,}"),
    ("hooks.slack.com/", r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[\w/-]{16,}"),
    ("/api/webhooks/", r"(?<=/api/webhooks/)[0-9]+/[\w-]{16,}"),
    (".webhook.office.com/", r"(?<=\.webhook\.office\.com/)[\w/@-]{16,}"),
)
_ALL = (*((prefix, re.escape(prefix) + _AFTER_PREFIX) for prefix in _PREFIXES.split()), *_PATTERNS)
_SHORTEST = 19  # r8_ and 16 more
_PEM_NAME = r"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_PEM_LINES = r"(?:[^-]|-(?!----))*+-?-----END "
_PEM = rf"-----BEGIN {_PEM_NAME}(?:{_PEM_LINES}{_PEM_NAME}|(?:[\s+\\-]*[A-Za-z0-9+/=]{{20,}})*)"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return a compiled pattern; most are never needed in a process, so none is made at import."""
    return re.compile(rf"(?<![A-Za-z0-9]){pattern}", re.DOTALL)


def redact_shapes(text: str) -> tuple[str, int]:
    """Return a text without the secrets that show by their own look, and how many there were.

    >>> redact_shapes("token: " + "ghp_" + "a1" * 18)
    ('token: [redacted]', 1)
    """
    count = 0
    if len(text) < _SHORTEST:
        return text, count
    # A plain search for each mark is the fast way to find nothing, and nothing is what there is.
    if "-----BEGIN " in text:
        text, found = _compiled(_PEM).subn(REDACTED, text)
        count += found
    for mark, pattern in _ALL:
        if mark in text:
            text, found = _compiled(pattern).subn(REDACTED, text)
            count += found
    return text, count


def cut(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return a text with spans of it, in order and apart, replaced.

    >>> cut("a=1, b=2", [(2, 3), (7, 8)])
    'a=[redacted], b=[redacted]'
    """
    pieces: list[str] = []
    end = 0
    for start, stop in spans:
        pieces += (text[end:start], REDACTED)
        end = stop
    return "".join((*pieces, text[end:]))

"""Find secrets that a text assigns to a name: in code, diffs, tracebacks, dotenv and YAML files, URL queries, flags."""

from __future__ import annotations

import re

from trackhub.redact.keys import Sensitivity, sensitivity, vocabulary
from trackhub.redact.shapes import REDACTED, cut

_HINT = re.compile(r"(?i)pass|pwd|secret|token|key|auth|cred|cookie|jwt|bearer|kennwort|netrc|sig|_pat\b")
_ASSIGNED = re.compile(
    r"""(?P<flag>(?<![\w-])--)?(?:(?<![\w.])|(?<=\\[nrt]))"""
    r"""(?P<key>[A-Za-z_][\w.-]{1,99})(?P<key_quote>\\*["'])?\]?"""
    r"""(?P<sign>[ \t]{0,9}(?::[ \t]{0,3}[A-Za-z_][\w.\[\], |]{0,40}[ ]=|===?|!=|=>|:=|=|:|,)"""
    r"""|(?(flag)(?=[ \t])|(?!)))"""
    r"""[ \t]{0,9}(?:[rbufRBUF]{1,2}(?=\\*["']))?+"""
)
_QUOTED = re.compile(r"""(?P<quote>\\*["'])(?P<value>(?:(?!(?P=quote)).){1,8192}?)(?P=quote)""")
_BARE = re.compile(r"""(?P<value>[^\s&;"'<>`]{1,8192})(?P<prose>[ ]+[A-Za-z])?""")

_ENVIRONMENT_NAME = re.compile(r"[A-Z][A-Z0-9_]+")
_REFERENCE = re.compile(
    r"\$\{?[A-Z_][A-Z0-9_]*\}?|\$\{[\w.:]+\}|\{\{[^{}]*\}\}|\{[\w.!:\[\]()]*\}|%\(\w*\)s|%s|\*+|<[\w -]*>|\.\.\."
)
_CODE = re.compile(
    r"""[$%{<(\[*!]|[A-Za-z_][\w.]*[(\[]|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+[)\]},:]*$|[-+]?[0-9]{1,5}[)\]},:]*$"""
)
_CODE_WORDS = vocabulary(
    "any await bool bytes dict float int lambda list new not object return secretstr self str string tuple"
)
_SPECIAL_TOKEN = re.compile(r"<[^<>]*>|\[[A-Z0-9_ ]+\]|\W+|[▁Ġ#]\S*")
_FILE = re.compile(r"(?:[/~.]|[A-Za-z]:\\)[\w./\\ -]*\.(?:json|pem|key|txt|ya?ml|toml|ini|cfg|env|crt|cert)")
_NOTHING = vocabulary("none null nil true false yes no on off default auto optional required")
_METHODS = vocabulary(
    "anonymous api_key apikey aws azure basic bearer cert digest gcp gssapi iam jwt kerberos ldap local mtls netrc "
    "ntlm oauth oauth2 oidc password pkce plain saml sasl scram ssh ssl sso token"
)
_SCHEME = re.compile(r"(?i)(?:basic|bearer|token)\s+")
_QUERY_SECRETS = ("sig", "signature", "credential")
_CLOSERS = ")]},:."
_SHORTEST_TOKEN = 8


def value_is_secret(sensitive: Sensitivity, value: str) -> bool:
    """Return whether a text under such a key is the secret that the name promises.

    >>> value_is_secret("strong", "hunter2"), value_is_secret("strong", "${DB_PASSWORD}")
    (True, False)
    >>> value_is_secret("auth", "kerberos"), value_is_secret("token", "<pad>")
    (False, False)
    """
    word = value.strip()
    if scheme := _SCHEME.match(word):
        word = word[scheme.end() :]
    if not word or word == REDACTED or word.lower() in _NOTHING or _FILE.fullmatch(word) or _only_refers(word):
        return False
    if sensitive == "token":
        return _SPECIAL_TOKEN.fullmatch(word) is None
    if sensitive == "auth":
        return word.lower() not in _METHODS
    if sensitive == "pwd":
        return not word.startswith(("/", "~", "\\\\")) and word[1:3] not in (":\\", ":/")
    return sensitive == "strong"


def _only_refers(word: str) -> bool:
    """Return whether a text says only where a secret is, as ``${PASSWORD}`` or ``{user}:{password}``."""
    rest = _REFERENCE.sub("", word)
    return rest != word and not any(map(str.isalnum, rest))


def redact_assignments(text: str) -> tuple[str, int]:
    r"""Return a text without the values it assigns to secret names, and how many there were.

    Code that only speaks of secrets stays: ``token = next(tokens)``, ``password: str``.

    >>> redact_assignments('connect(user="me", password="hunter2")')
    ('connect(user="me", password="[redacted]")', 1)
    >>> redact_assignments("password = os.environ['PASSWORD']; token = tokens[0]")
    ("password = os.environ['PASSWORD']; token = tokens[0]", 0)
    """
    if _HINT.search(text) is None:
        return text, 0
    spans: list[tuple[int, int]] = []
    end = 0
    for match in _ASSIGNED.finditer(text):
        if match.start() >= end and (span := _secret(match)):
            spans.append(span)
            end = span[1]
    return cut(text, spans), len(spans)


def _secret(match: re.Match[str]) -> tuple[int, int] | None:
    """Return where the secret of one assignment stands, if it is one."""
    key = match["key"]
    in_query = match.start() > 0 and match.string[match.start() - 1] in "?&;"
    sensitive = sensitivity(key.rpartition(".")[2])
    if in_query and key.lower().endswith(_QUERY_SECRETS):
        sensitive = "strong"
    if sensitive == "none":
        return None
    if quoted := _QUOTED.match(match.string, match.end()):
        return quoted.span("value") if _literal_is_secret(match, sensitive, quoted["value"]) else None
    bare = _BARE.match(match.string, match.end())
    if bare is None or match["sign"].strip() == ",":
        return None
    value = bare["value"].rstrip(_CLOSERS)
    if bare["value"].startswith(REDACTED) and len(value) < len(REDACTED):
        return None
    if value.lower() in _METHODS or not value_is_secret(sensitive, value):
        return None
    as_environment = match["sign"] == "=" and (in_query or _ENVIRONMENT_NAME.fullmatch(key) is not None)
    is_secret = value[:1] not in "${<(%" if as_environment else _bare_is_secret(match, sensitive, bare)
    return (bare.start(), bare.start() + len(value)) if is_secret else None


def _literal_is_secret(match: re.Match[str], sensitive: Sensitivity, value: str) -> bool:
    if not value_is_secret(sensitive, value) or not any(map(str.isalnum, value)) or _names(match["key"], value):
        return False
    if match["sign"].strip() == ",":  # setdefault("API_KEY", "abc"), but not a list of names
        return _ENVIRONMENT_NAME.fullmatch(match["key"]) is not None and _ENVIRONMENT_NAME.fullmatch(value) is None
    return sensitive != "token" or (len(value) >= _SHORTEST_TOKEN and not re.search(r"\s", value))


def _bare_is_secret(match: re.Match[str], sensitive: Sensitivity, bare: re.Match[str]) -> bool:
    """Tell a value that stands without quotes, as in YAML, from code and prose."""
    value = bare["value"].rstrip(_CLOSERS)
    if value.startswith(REDACTED):
        return True  # a known shape was taken, and what stands beside it is part of the secret
    if _CODE.match(bare["value"]) or value.lower() in _CODE_WORDS or _names(match["key"], value):
        return False
    if bare["prose"] and value.isalpha():
        return False  # :param password: The password of the user.
    certain = sensitive == "strong" and not match["flag"]
    return certain or (len(value) >= _SHORTEST_TOKEN and any(map(str.isdigit, value)))


def _names(key: str, value: str) -> bool:
    """Return whether a value is a name itself: ``password=db_password``, ``API_KEY = "api_key"``."""
    return value.isidentifier() and (sensitivity(value) != "none" or value.lower() in key.lower())

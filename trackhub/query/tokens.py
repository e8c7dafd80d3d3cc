"""Cut the text of a filter or an order into tokens, and say what is wrong with one; knows no field."""

from __future__ import annotations

import re
from typing import NamedTuple

from trackhub.errors import TrackhubError

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
      | (?P<field>(?:metrics|params|tags)\.(?:"(?:[^"\\]|\\.)*"|`[^`]*`|[\w./:@-]+))
      | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<sign><=|>=|!=|<>|==|=|<|>)
      | (?P<mark>[(),])
      | (?P<word>[^\W\d][\w./:@-]*)""",
    re.VERBOSE | re.DOTALL,
)
_KEYWORDS = frozenset({"and", "or", "not", "in", "like", "ilike", "asc", "desc"})


class QueryError(TrackhubError, ValueError):
    """Report a filter or an order that cannot be read, with the place in it."""


class Token(NamedTuple):
    """Hold a piece of text, what kind it is, and where it begins."""

    kind: str
    text: str
    at: int


class Tokens:
    """Walk through a text token by token.

    :param what: how errors call the text: ``where`` or ``order_by``.
    """

    def __init__(self, text: str, what: str) -> None:
        self._text = text
        self._what = what
        self._tokens = self._cut()
        self._next = 0

    @property
    def token(self) -> Token:
        """Return the next token without taking it; its kind is ``end`` behind the last one."""
        return self._tokens[self._next]

    def take(self, *texts: str) -> Token | None:
        """Take the next token if it is one of these keywords and signs."""
        token = self.token
        if token.kind in {"keyword", "sign", "mark"} and token.text in texts:
            self._next += 1
            return token
        return None

    def skip(self) -> None:
        """Take the next token, whatever it is."""
        self._next += 1

    def error(self, trouble: str, token: Token | None = None) -> QueryError:
        """Return the error for a token, or for the next one, with a mark below it."""
        token = token or self.token
        shown = repr(token.text) if token.text else "the end"
        mark = " " * token.at + "^"
        return QueryError(f"{self._what}: {trouble}, at {shown} (character {token.at + 1})\n  {self._text}\n  {mark}")

    def _cut(self) -> list[Token]:
        tokens = []
        at = 0
        while at < len(self._text):
            match = _TOKEN.match(self._text, at)
            if match is None:
                found = self._text[at]
                trouble = "this quote is not closed" if found in "'\"`" else "a character that means nothing here"
                raise self.error(trouble, Token("", found, at))
            kind, text = str(match.lastgroup), match.group()
            if kind == "word" and text.lower() in _KEYWORDS:
                kind, text = "keyword", text.lower()
            if kind != "space":
                tokens.append(Token(kind, text, at))
            at = match.end()
        return [*tokens, Token("end", "", at)]


def unquoted(text: str) -> str:
    r"""Return what a text means that may stand in quotes.

    >>> unquoted('"with space"'), unquoted(r"'it\'s'"), unquoted("plain")
    ('with space', "it's", 'plain')
    """
    if text[:1] == "`":
        return text[1:-1]
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL) if text[:1] in {'"', "'"} else text

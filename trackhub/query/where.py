"""Parse the filter language into a test of run summaries; reads text, touches no run.

    metrics.acc > 0.9 and (params.depth in (4, 8) or tags."my owner" like 'ann%') and not status = 'failed'

A value that a run does not have makes a comparison unknown, and so does one that has no order with
what it is compared to. As in SQL, unknown is no match, and ``not`` of unknown is unknown.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from trackhub.query.fields import GROUPS, MISSING, Field, field_named, field_names
from trackhub.query.summary import RunSummary
from trackhub.query.tokens import Token, Tokens, unquoted

_Test = Callable[[RunSummary], bool | None]
_Compare = Callable[[Any], bool | None]

_WORDS = {"true": True, "false": False, "null": None, "none": None, "nan": float("nan"), "inf": float("inf")}
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Where:
    """Test runs.

    >>> run = RunSummary(id="0" * 32, name="a", project="p", status="finished", params={"depth": 4})
    >>> Where.parse("params.depth in (2, 4) and name like 'a%'").matches(run)
    True
    >>> Where.parse("not metrics.acc > 0.9").matches(run)
    False

    :ivar fields: the fields that the filter looks at.
    """

    text: str
    fields: tuple[Field, ...]
    _test: _Test

    @classmethod
    def parse(cls, text: str) -> Where:
        """Return the filter that a text says.

        :raises QueryError: it says none; the message shows where.
        """
        parser = _Parser(Tokens(text, "where"))
        test = parser.whole()
        return cls(text=text, fields=tuple(parser.fields), _test=test)

    def matches(self, run: RunSummary) -> bool:
        """Return whether a run matches."""
        return self._test(run) is True

    def hints(self, runs: Iterable[RunSummary]) -> list[str]:
        """Return a line for each field that no run has, with the nearest name that one has."""
        known = list(runs)
        names = {name for run in known for name in field_names(run)}
        lines = []
        for field in self.fields:
            if not any(field.known(run) for run in known):
                near = get_close_matches(field.name, names, n=1)
                lines.append(f"no run has {field.name}" + (f"; did you mean {near[0]}?" if near else ""))
        return lines


class _Parser:
    """Read one expression: ``or`` of ``and`` of ``not`` of comparisons and parentheses."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self.fields: list[Field] = []

    def whole(self) -> _Test:
        """Return the test that the whole text says."""
        test = self._either()
        if self._tokens.token.kind != "end":
            raise self._tokens.error("expected 'and', 'or' or the end")
        return test

    def _either(self) -> _Test:
        tests = [self._all()]
        while self._tokens.take("or"):
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda run: _any(test(run) for test in tests)

    def _all(self) -> _Test:
        tests = [self._one()]
        while self._tokens.take("and"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda run: _every(test(run) for test in tests)

    def _one(self) -> _Test:
        if self._tokens.take("not"):
            return _negated(self._one())
        if self._tokens.take("("):
            test = self._either()
            if not self._tokens.take(")"):
                raise self._tokens.error("expected ')'")
            return test
        return self._comparison()

    def _comparison(self) -> _Test:
        field = self._field()
        negated = self._tokens.take("not") is not None
        sign = self._tokens.take("in", "like", "ilike", *(() if negated else ("=", "==", "!=", "<>", *_ORDERS)))
        if sign is None:
            raise self._tokens.error(f"expected =, !=, <, <=, >, >=, like, ilike or in after {field.name}")
        if sign.text == "in":
            compare = _within(self._values(field))
        elif sign.text in {"like", "ilike"}:
            compare = _like(str(self._value(field)), insensitive=sign.text == "ilike")
        else:
            compare = _compared(sign.text, self._value(field))

        def test(run: RunSummary) -> bool | None:
            value = field.of(run)
            return None if value is MISSING else compare(value)

        return _negated(test) if negated else test

    def _field(self) -> Field:
        token = self._tokens.token
        if token.kind not in {"field", "word"}:
            raise self._tokens.error("expected a field such as metrics.acc, params.lr, tags.owner or status")
        try:
            field = field_named(token.text)
        except ValueError as error:
            raise self._tokens.error(str(error)) from None
        self._tokens.skip()
        self.fields.append(field)
        return field

    def _values(self, field: Field) -> list[Any]:
        if not self._tokens.take("("):
            raise self._tokens.error("expected '(' after in")
        values = [self._value(field)]
        while self._tokens.take(","):
            values.append(self._value(field))
        if not self._tokens.take(")"):
            raise self._tokens.error("expected ',' or ')'")
        return values

    def _value(self, field: Field) -> Any:
        token = self._tokens.token
        try:
            value = field.literal(_literal(token))
        except (ValueError, OverflowError) as error:
            raise self._tokens.error(str(error)) from None
        self._tokens.skip()
        return value


def _literal(token: Token) -> Any:
    """Return the value that a token writes.

    :raises ValueError: it writes none.
    """
    if token.kind == "number":
        return int(token.text) if token.text.lstrip("+-").isdecimal() else float(token.text)
    if token.kind == "string":
        return unquoted(token.text)
    if token.kind == "word" and token.text.lower() in _WORDS:
        return _WORDS[token.text.lower()]
    if token.kind == "word" and token.text.partition(".")[0] not in GROUPS:
        raise ValueError(f"text stands in quotes: '{token.text}'")
    raise ValueError("expected a number, a text in quotes, true, false or null")


def _any(answers: Iterator[bool | None]) -> bool | None:
    unknown = False
    for answer in answers:
        if answer:
            return True
        unknown = unknown or answer is None
    return None if unknown else False


def _every(answers: Iterator[bool | None]) -> bool | None:
    unknown = False
    for answer in answers:
        if answer is False:
            return False
        unknown = unknown or answer is None
    return None if unknown else True


def _negated(test: _Test) -> _Test:
    def negated(run: RunSummary) -> bool | None:
        answer = test(run)
        return None if answer is None else not answer

    return negated


def _alike(value: Any, wanted: Any) -> Any:
    """Return the value, as a number where it is a text that says one and a number is wanted."""
    if isinstance(value, str) and isinstance(wanted, int | float) and not isinstance(wanted, bool):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _equal(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, float) and math.isnan(wanted):  # nothing equals NaN, so no filter could find it otherwise
        return isinstance(value, float) and math.isnan(value)
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(_alike(value, wanted) == wanted)


def _compared(sign: str, wanted: Any) -> _Compare:
    if sign in {"=", "=="}:
        return lambda value: _equal(value, wanted)
    if sign in {"!=", "<>"}:
        return lambda value: not _equal(value, wanted)
    order = _ORDERS[sign]

    def ordered(value: Any) -> bool | None:
        try:
            return bool(order(_alike(value, wanted), wanted))
        except TypeError:
            return None

    return ordered


def _within(wanted: list[Any]) -> _Compare:
    return lambda value: any(_equal(value, item) for item in wanted)


def _like(wanted: str, *, insensitive: bool) -> _Compare:
    wild = {"%": ".*", "_": "."}
    pattern = re.compile(
        "".join(wild.get(character) or re.escape(character) for character in wanted),
        re.DOTALL | (re.IGNORECASE if insensitive else 0),
    )
    return lambda value: pattern.fullmatch(str(value)) is not None

"""Say what a backend can, what it cannot, and which sentences it breaks; from a run of the suite, for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from trackhub.testing.gates import BETTER
from trackhub.testing.sentences import sentences

Result: TypeAlias = Literal["passed", "failed", "not supported", "overridden"]
_SHORT = 400
_NO_LOSS = {f"no trackhub_{hook}" for hook in BETTER}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Hold how one test ended.

    :ivar detail: what went wrong, what is missing, or why the test was overridden.
    """

    test: str
    states: tuple[str, ...]
    result: Result
    detail: str = ""
    seconds: float = 0.0


class CapabilityCard(msgspec.Struct, frozen=True, kw_only=True):
    """Tell what a run of the suite found.

    :ivar destination: where it ran, without user-info.
    :ivar can: the hooks that are there; ``cannot`` those that are not.
    """

    destination: str
    plugin: str
    hookspec: str
    trackhub: str
    can: tuple[str, ...] = ()
    cannot: tuple[str, ...] = ()
    outcomes: tuple[Outcome, ...] = ()

    @property
    def passed(self) -> bool:
        """Return whether nothing failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """Return the tests that failed."""
        return self._of("failed")

    @property
    def broken(self) -> tuple[str, ...]:
        """Return the sentences that do not hold, in the page's order."""
        codes = {code for outcome in self.failed for code in outcome.states}
        return tuple(code for code in sentences() if code in codes)

    def groups(self) -> dict[str, str]:
        """Return how each group of sentences stands, in few words."""
        return {group: _standing(outcomes) for group, outcomes in self._by_group().items()}

    def text(self) -> str:
        """Return the card as plain text."""
        lines = [f"{self.destination}: {self.plugin}, hookspec {self.hookspec}, trackhub {self.trackhub}", ""]
        lines += [f"can     {', '.join(self.can) or 'nothing'}", f"cannot  {', '.join(self.cannot) or '-'}", ""]
        longest = max(map(len, self.groups()), default=0)
        lines += [f"{group:{longest}}  {standing}" for group, standing in self.groups().items()]
        if self.failed:
            lines += ["", "failed:", *(line for outcome in self.failed for line in _told(outcome))]
        for result in ("not supported", "overridden"):
            found = _by_detail(self._of(result))
            lines += [line for line in ("", f"{result}:") if found]
            lines += [f"  {', '.join(codes)}: {detail}" for detail, codes in found.items()]
        counts = (f"{len(self._of(result))} {result}" for result in ("passed", "failed", "not supported", "overridden"))
        return "\n".join([*lines, "", ", ".join(counts)])

    def markdown(self) -> str:
        """Return the card as a table, and what failed below it."""
        return capability_table([self]) + "".join(
            f"\n- `{outcome.test}` breaks {', '.join(outcome.states)}: {_first_line(outcome.detail)}"
            for outcome in self.failed
        )

    def json(self) -> dict[str, object]:
        """Return the card as plain values."""
        plain: dict[str, object] = msgspec.to_builtins(self)
        return {**plain, "passed": self.passed, "broken": list(self.broken), "groups": self.groups()}

    def _of(self, result: str) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.result == result)

    def _by_group(self) -> dict[str, list[Outcome]]:
        found: dict[str, list[Outcome]] = {}
        for sentence in sentences().values():
            stated = [one for one in self.outcomes if sentence.code in one.states and one.detail not in _NO_LOSS]
            if stated:
                found.setdefault(sentence.group, []).extend(stated)
        return found


def capability_table(cards: Iterable[CapabilityCard]) -> str:
    """Return a Markdown table with a column for each card."""
    cards = tuple(cards)
    standing = [card.groups() for card in cards]
    rows = [("", *(card.plugin for card in cards))]
    rows += [
        (group, *(one.get(group, "-") for one in standing)) for group in {name: 0 for one in standing for name in one}
    ]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]]) + "\n"


def _standing(outcomes: list[Outcome]) -> str:
    results = [outcome.result for outcome in outcomes]
    broken = sorted({code for outcome in outcomes if outcome.result == "failed" for code in outcome.states})
    if broken:
        return f"breaks {', '.join(broken)}"
    missing = results.count("not supported")
    if missing == len(results):
        # A hook that is not there cannot do it; without a password in its URL there is none to keep.
        return "no" if any(outcome.detail.startswith("no trackhub_") for outcome in outcomes) else "does not arise"
    told = [f"all but {missing} of {len(results)}" if missing else "yes"]
    if results.count("overridden"):
        told.append(f"{results.count('overridden')} overridden")
    return ", ".join(told)


def _told(outcome: Outcome) -> list[str]:
    lines = [f"  {outcome.test}: {_first_line(outcome.detail)}"]
    return [*lines, *(f"    {code}: {sentences()[code].text}" for code in outcome.states)]


def _by_detail(outcomes: Iterable[Outcome]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for outcome in outcomes:
        codes = found.setdefault(outcome.detail, [])
        codes += [code for code in outcome.states if code not in codes]
    return found


def _first_line(text: str) -> str:
    line = " / ".join(text.strip().splitlines()[:3])
    return line if len(line) <= _SHORT else f"{line[:_SHORT]}…"

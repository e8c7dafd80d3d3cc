"""Read the contract's numbered sentences from ``behaviour.md``, and let tests cite them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from trackhub.testing.gates import needed_by

if TYPE_CHECKING:
    from trackhub.testing.bench import Bench

SuiteTest: TypeAlias = "Callable[[Any, Bench], None]"

_ITEM = re.compile(r'^- <a id="(\w+)"></a>\*\*\1\.\*\* (.*(?:\n  .*)*)', re.MULTILINE)
_UNCHECKED = re.compile(r"\s*\*\(Not checked by machine: (.*)\)\*")
_GROUP = re.compile(r"^## (.*)$", re.MULTILINE)


class Sentence(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one sentence of the contract.

    :ivar code: its name, which never changes.
    :ivar unchecked: why no test can show it, if none can.
    """

    code: str
    text: str
    group: str
    unchecked: str | None = None


def read_sentences(text: str) -> dict[str, Sentence]:
    """Return the sentences of a page, by name, in its order.

    >>> page = "## Times" + chr(10) + '- <a id="T1"></a>**T1.** A time comes back.'
    >>> read_sentences(page)["T1"].text
    'A time comes back.'
    """
    found: dict[str, Sentence] = {}
    parts = _GROUP.split(text)
    for group, section in zip(parts[1::2], parts[2::2], strict=True):
        for code, raw in _ITEM.findall(section):
            said = " ".join(raw.split())
            unchecked = _UNCHECKED.search(said)
            found[code] = Sentence(
                code=code,
                text=_UNCHECKED.sub("", said),
                group=group,
                unchecked=unchecked[1] if unchecked else None,
            )
    return found


@functools.cache
def sentences() -> dict[str, Sentence]:
    """Return the contract's sentences by name."""
    return read_sentences(_page().read_text(encoding="utf-8"))


def _page() -> Path:
    shipped = Path(__file__).with_name("behaviour.md")
    # A wheel holds the page here; in a checkout it lies with the documentation.
    return shipped if shipped.exists() else Path(__file__).parents[2] / "docs" / "plugins" / "behaviour.md"


def states(*codes: str) -> Callable[[SuiteTest], SuiteTest]:
    """Mark a test of the suite with the sentences it shows; a failure of it names them."""

    def mark(test: SuiteTest) -> SuiteTest:
        @functools.wraps(test)
        def cited(self: Any, bench: Bench) -> None:
            bench.require(needed_by(test))
            try:
                test(self, bench)
            except Exception as error:
                for code in codes:
                    error.add_note(f"{code}: {sentences()[code].text}")
                raise

        setattr(cited, _MARK, codes)
        return cited

    return mark


def cited_by(test: object) -> tuple[str, ...]:
    """Return the sentences that a test shows."""
    codes: tuple[str, ...] = getattr(test, _MARK, ())
    return codes


_MARK = "_trackhub_states"

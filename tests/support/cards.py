"""Keep capability cards beside the plugins: from ``trackhub plugins check URL --json`` to ``card.json``, and to pages.

``tests/support/remake_cards.py`` makes them all.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from trackhub.testing import CapabilityCard, capability_table

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- card: written by tests/test_cards.py --update -->\n", "<!-- end of the card -->"


def cards() -> dict[str, CapabilityCard]:
    """Return the cards that are kept, by plugin."""
    paths = sorted(ROOT.glob("plugins/*/card.json"))
    return {path.parent.name: msgspec.json.decode(path.read_bytes(), type=CapabilityCard) for path in paths}


def with_card(page: str, some: list[CapabilityCard]) -> str:
    """Return a page with the table of these cards between its marks.

    :raises ValueError: the page has no such marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no place for a card: write {BEGIN.strip()} and {END}")
    return f"{before}{BEGIN}{capability_table(some)}{END}{after}"


def kept(told: bytes) -> str:
    """Return what is kept of a card: no durations, and no port or folder that was there for one run only."""
    card = msgspec.json.decode(told, type=CapabilityCard)
    outcomes = [
        {"test": one.test, "states": one.states, "result": one.result, "detail": one.detail} for one in card.outcomes
    ]
    head = {"destination": card.destination.partition(":")[0], "plugin": card.plugin, "hookspec": card.hookspec}
    head |= {"trackhub": card.trackhub, "can": card.can, "cannot": card.cannot}
    lines = ",\n".join(f"  {json.dumps(outcome)}" for outcome in outcomes)
    return f'{json.dumps(head)[:-1]}, "outcomes": [\n{lines}\n]}}\n'

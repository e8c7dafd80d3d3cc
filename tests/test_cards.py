"""Hold the pages' capability tables against the cards that the suite has made, and the cards against the suite."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from support.cards import ROOT, cards, kept, with_card

from trackhub.testing import BackendSuite, CapabilityCard, Outcome
from trackhub.testing.runner import suite_tests

CARDS = cards()


def _check(page: Path, some: list[CapabilityCard], *, update: bool) -> None:
    text = page.read_text("utf-8")
    wanted = with_card(text, some)
    if update:
        page.write_text(wanted, "utf-8")
        text = wanted
    assert text == wanted, f"{page.name}: pytest tests/test_cards.py --update writes the table anew"


def test_there_is_a_card_for_every_plugin():
    """No plugin is without one."""
    assert set(CARDS) == {path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml")}


def test_the_readme_has_a_column_for_every_plugin(pytestconfig):
    """The table of the README is made from the cards."""
    _check(ROOT / "README.md", list(CARDS.values()), update=pytestconfig.getoption("update"))


@pytest.mark.parametrize("plugin", CARDS)
def test_a_plugin_shows_its_card(plugin, pytestconfig):
    """The table of a plugin's own README is made from its card."""
    _check(ROOT / "plugins" / plugin / "README.md", [CARDS[plugin]], update=pytestconfig.getoption("update"))


@pytest.mark.parametrize("plugin", CARDS)
def test_a_card_is_of_the_suite_as_it_is(plugin):
    """A test that is new is on every card, and nothing on it has failed."""
    card = CARDS[plugin]
    assert card.passed
    missing = set(suite_tests(BackendSuite)) - {outcome.test for outcome in card.outcomes}
    assert not missing, f"make it anew by tests/support/remake_cards.py: {missing}"


def test_what_is_kept_of_a_card(tmp_path):
    """A card that is kept says what it said, but for what differs from run to run."""
    card = CapabilityCard(
        destination="x+http://127.0.0.1:4711",
        plugin="x 1",
        hookspec="1.1",
        trackhub="0",
        can=("start_run",),
        outcomes=(Outcome(test="t", states=("S1",), result="not supported", detail="no X", seconds=3.5),),
    )
    again = msgspec.json.decode(kept(msgspec.json.encode(card)), type=CapabilityCard)
    assert again.destination == "x+http"
    assert again.groups() == card.groups()
    assert [one.seconds for one in again.outcomes] == [0.0]

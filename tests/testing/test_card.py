from __future__ import annotations

import json

from testing.test_mutants import run

from trackhub.testing import CapabilityCard, Outcome, Setup, Target, capability_table, check
from trackhub.testing.sentences import sentences


def card_of(scheme, folder, select=None, **more) -> CapabilityCard:
    target = Target(url=f"{scheme}://vendor{folder}", plugins=((scheme, "testing.partial"),))
    return check(Setup(target=target), select=select, **more)


def test_what_a_backend_lacks_is_told_and_not_passed(tmp_path):
    """Hooks that are not there are on the card, and their tests are neither passed nor failed."""
    card = card_of("pointsonly", tmp_path)
    assert card.passed
    assert card.can == ("start_run", "log_metrics", "read_metrics")
    assert "log_params" in card.cannot
    groups = card.groups()
    assert groups["Values"] == "yes"
    assert groups["Tags"] == groups["Artifacts"] == "no"
    assert groups["Delivering again"].startswith("all but")
    outcomes = {outcome.test: outcome for outcome in card.outcomes}
    assert outcomes["test_a_tag_is_replaced"].result == "not supported"
    assert outcomes["test_a_tag_is_replaced"].detail == "no trackhub_set_tags, trackhub_read_run"
    assert "cannot  log_params" in card.text()


def test_what_cannot_come_up_is_not_told_as_a_lack():
    """Who has no secrets cannot leak one: the card does not say that it fails to keep them."""
    apart = Outcome(test="t", states=("K1",), result="not supported", detail="its URLs hold no user-info")
    lacking = Outcome(test="u", states=("V2",), result="not supported", detail="no trackhub_read_metrics")
    card = CapabilityCard(destination="x:", plugin="x 1", hookspec="1.1", trackhub="1", outcomes=(apart, lacking))
    assert card.groups() == {"Secrets": "does not arise", "Values": "no"}


def test_what_fails_names_the_sentence(tmp_path):
    """The card says which sentence is broken, in its words, and what was seen."""
    card = run("ignores-nan", "testing.mutants", tmp_path, lambda name: "nan" in name)
    assert not card.passed
    assert card.broken == ("V2",)
    assert card.groups() == {"Values": "breaks V2"}
    assert f"V2: {sentences()['V2'].text}" in card.text()
    assert "test_nan_comes_back" in card.markdown()


def test_a_card_is_json(tmp_path):
    """A machine is told the same."""
    card = run("ignores-nan", "testing.mutants", tmp_path, lambda name: "nan" in name)
    told = json.loads(json.dumps(card.json()))
    assert told["passed"] is False
    assert told["broken"] == ["V2"]
    assert told["outcomes"][0]["test"] == "test_nan_comes_back"


def test_a_backend_that_hangs_fails_in_time(tmp_path):
    """A hook that never returns is a failure of its test, and the next test is run."""
    names = {"test_starting_returns_a_ref", "test_a_run_can_be_started"}
    card = card_of("hanging", tmp_path, lambda name: name in names, limit_s=0.3)
    assert [(one.test, one.result) for one in card.outcomes] == [
        ("test_a_run_can_be_started", "passed"),
        ("test_starting_returns_a_ref", "failed"),
    ]
    assert "did not return within 0.3 s" in card.outcomes[1].detail


def test_cards_make_a_table():
    """A README's table has a column for each card, and a dash where one says nothing."""

    def card(plugin, *codes):
        outcomes = tuple(Outcome(test="t", states=(code,), result="passed") for code in codes)
        return CapabilityCard(destination="d", plugin=plugin, hookspec="1.0", trackhub="0", outcomes=outcomes)

    assert capability_table([card("one", "S1", "V1"), card("other", "V1")]).splitlines() == [
        "|  | one | other |",
        "|---|---|---|",
        "| Starting | yes | - |",
        "| Values | yes | yes |",
    ]


def test_a_password_is_not_on_the_card(tmp_path):
    """A card can be shown to anybody."""
    target = Target(url=f"reference://me:s3cret@vendor{tmp_path}", plugins=(("reference", "testing.reference"),))
    card = check(Setup(target=target), select=lambda name: name == "test_starting_returns_a_ref")
    assert card.passed
    assert "s3cret" not in card.text() + card.markdown() + json.dumps(card.json())

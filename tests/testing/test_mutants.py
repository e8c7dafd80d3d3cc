"""Show that the suite finds faults: each mutant fails on the sentence it breaks, and the reference on none."""

from __future__ import annotations

import pytest
from testing.mutants import MUTANTS

from trackhub.testing import BackendSuite, CapabilityCard, Setup, Target, check
from trackhub.testing.runner import suite_tests
from trackhub.testing.sentences import cited_by, sentences

_ONE_PROCESS = "test_killed_behind_an_acknowledgement"
"""It starts three processes; the mutant for it is given it all the same."""


def run(scheme, module, folder, select=None) -> CapabilityCard:
    target = Target(url=f"{scheme}://vendor{folder}", plugins=((scheme, module),))
    setup = Setup(
        target=target,
        unreachable_url=f"{scheme}+down://vendor{folder}",
        refused_url=f"{scheme}+denied://vendor{folder}",
    )
    return check(setup, select=select)


def cites(code):
    return lambda name: code in cited_by(getattr(BackendSuite, name))


@pytest.mark.parametrize(("scheme", "code"), [(scheme, code) for scheme, (_, code) in MUTANTS.items()])
def test_every_mutant_breaks_its_sentence(scheme, code, tmp_path):
    """A backend with one planted fault fails a test of the very sentence that it breaks."""
    card = run(scheme, "testing.mutants", tmp_path, cites(code))
    assert card.broken == (code,), card.text()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("scheme", MUTANTS)
def test_every_mutant_breaks_few_sentences(scheme, tmp_path):
    """Given the whole suite, a mutant fails on its own sentence and on no more than follow from it."""
    card = run(scheme, "testing.mutants", tmp_path, lambda name: name != _ONE_PROCESS or MUTANTS[scheme][1] == "D7")
    assert MUTANTS[scheme][1] in card.broken
    assert len(card.broken) < len(sentences())


def test_the_reference_breaks_nothing(tmp_path):
    """A backend that keeps the contract passes every test there is."""
    card = run("reference", "testing.reference", tmp_path)
    assert card.passed, card.text()
    missing = {outcome.test: outcome.detail for outcome in card.outcomes if outcome.result == "not supported"}
    assert missing == {"test_offering_imports_no_sdk": "its plugin is no installed distribution"}
    assert len(card.outcomes) == len(suite_tests(BackendSuite))


def test_there_are_mutants_for_most_sentences():
    """A sentence whose test no mutant fails is one of the few that a backend alone cannot break."""
    checked = {code for code, sentence in sentences().items() if sentence.unchecked is None}
    left = checked - {code for _, code in MUTANTS.values()}
    # O1: such a backend is refused before; O3: only an installed one has an SDK; the rest is the lane's part.
    assert left <= {"O1", "O3", "F3", "D13", "D14", "D16"}

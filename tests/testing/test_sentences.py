from __future__ import annotations

import re
from pathlib import Path

import pytest

from trackhub.testing import BackendSuite
from trackhub.testing.bench import Bench, Setup
from trackhub.testing.runner import suite_tests
from trackhub.testing.sentences import cited_by, sentences, states
from trackhub.testing.target import Target

PAGE = Path(__file__).parents[2] / "docs" / "plugins" / "behaviour.md"
TESTS = suite_tests(BackendSuite)


@pytest.mark.parametrize("code", sentences())
def test_every_sentence_has_a_test_or_a_reason(code):
    """A sentence is shown by a test of the suite, or says why no machine can; never both."""
    shown = [name for name in TESTS if code in cited_by(getattr(BackendSuite, name))]
    assert bool(shown) != (sentences()[code].unchecked is not None)


@pytest.mark.parametrize("name", TESTS)
def test_every_test_cites_a_sentence(name):
    """A test of the suite shows one sentence, which is there, and says in words what it shows."""
    test = getattr(BackendSuite, name)
    assert len(cited_by(test)) == 1
    assert set(cited_by(test)) <= set(sentences())
    assert test.__doc__.endswith(".")


def test_the_page_is_read_whole():
    """Every item of the page is a sentence, with a name of its own; names count from 1 in each group."""
    text = PAGE.read_text(encoding="utf-8")
    items = re.findall(r"^- .*", text, re.MULTILINE)[3:]  # the first three are the rules
    assert len(items) == len(sentences())
    for letter in dict.fromkeys(code[0] for code in sentences()):
        numbers = [int(code[1:]) for code in sentences() if code[0] == letter]
        assert numbers == list(range(1, len(numbers) + 1))
    assert all(sentence.text.endswith(".") for sentence in sentences().values())


def test_no_test_of_the_suite_hides_another():
    """Two parts of the suite have no test of one name, of which one would never run."""
    names = [name for part in BackendSuite.__bases__ for name in vars(part) if name.startswith("test_")]
    assert len(names) == len(set(names)) == len(TESTS)


def test_a_failure_names_its_sentence(tmp_path):
    """Whoever sees a test fail sees which sentence does not hold."""

    @states("M3")
    def test(self, bench):
        raise AssertionError("one is missing")

    target = Target(url="reference://vendor/none", plugins=(("reference", "testing.reference"),))
    with pytest.raises(AssertionError, match="one is missing") as error:
        test(None, Bench(Setup(target=target), tmp_path))
    assert error.value.__notes__ == [f"M3: {sentences()['M3'].text}"]

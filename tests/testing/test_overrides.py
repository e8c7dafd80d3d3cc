from __future__ import annotations

import pytest

from trackhub.testing import BackendSuite, Setup, Target, check, overrides


def test_an_unmarked_override_is_an_error():
    """A suite is not weakened in silence: the class cannot be made, and the message says what to do."""
    with pytest.raises(TypeError, match=r'test_nan_comes_back.*\(V2\).*@overrides\("reason"\)'):

        class Weak(BackendSuite):
            def test_nan_comes_back(self, bench):
                """Show nothing."""


def test_removing_a_test_is_an_override():
    """None in a test's place is a weakening like any other."""
    with pytest.raises(TypeError, match="test_nan_comes_back"):

        class Weak(BackendSuite):
            test_nan_comes_back = None


def test_an_override_of_an_override_is_marked_too():
    """What was allowed once is not allowed for ever."""

    class First(BackendSuite):
        @overrides("the vendor has no NaN")
        def test_nan_comes_back(self, bench):
            """Show nothing."""

    with pytest.raises(TypeError, match="test_nan_comes_back"):

        class Second(First):
            def test_nan_comes_back(self, bench):
                """Show nothing."""


def test_a_mark_on_nothing_is_an_error():
    """A test that the suite renamed is not overridden any more, and somebody notices."""
    with pytest.raises(TypeError, match="overrides nothing"):

        class Stale(BackendSuite):
            @overrides("the vendor has no NaN")
            def test_nan_was_called_otherwise(self, bench):
                """Show nothing."""


def test_a_reason_is_needed():
    """An empty reason is none."""
    with pytest.raises(ValueError, match="say why"):
        overrides(" ")


def test_more_tests_are_no_override():
    """A plugin may ask more of itself than the suite does, and may have fixtures and names of its own."""

    class More(BackendSuite):
        vendor = "x"

        def test_something_more(self, bench):
            """Show nothing."""

    assert More.test_something_more


def test_the_card_shows_an_override(tmp_path):
    """An overridden test is not run and not passed; the card tells the reason."""

    class Weak(BackendSuite):
        @overrides("the vendor has no NaN")
        def test_nan_comes_back(self, bench):
            """Fail, if it is run."""
            raise AssertionError

    target = Target(url=f"reference://vendor{tmp_path}", plugins=(("reference", "testing.reference"),))
    card = check(Setup(target=target), suite=Weak, select=lambda name: name == "test_nan_comes_back")
    assert card.passed
    assert [(one.result, one.states, one.detail) for one in card.outcomes] == [
        ("overridden", ("V2",), "the vendor has no NaN")
    ]
    assert "1 overridden" in card.text()

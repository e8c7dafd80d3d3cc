"""Hold values to coming back as they were, and the tables to what the README says."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from trackhub_mlflow.mapping import (
    environment_tags,
    fit,
    long_name_tags,
    our_status,
    param_text,
    param_value,
    tag_text,
    tag_value,
    their_status,
    user_tags,
    whole_path,
)
from trackhub_mlflow.names import escape

from trackhub.errors import Rejected
from trackhub.model.entities import RunEnd

TEXTS = st.one_of(
    st.text(),
    st.text(st.characters(exclude_categories=[])),
    st.sampled_from(["1", "null", "None", "True", "nan", "-inf", "Infinity", '"a"', "NaN", " 1", "[", ""]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=10,
)


@given(VALUES)
@example("trackhub:json:")
@example(2**4000)
def test_a_params_value_comes_back_with_its_type(value: object):
    """Any JSON-like value is text that reads back as the same value of the same type."""
    text = param_text(value)
    text.encode()
    assert "\0" not in text
    assert repr(param_value(text)) == repr(value)


@given(TEXTS)
@example("trackhub:json:1")
@example(fit("x" * 9000, 8000).shown)
def test_a_tags_value_comes_back(value: str):
    """A tag's text holds nothing that a database refuses, and reads back."""
    text = tag_text(value)
    text.encode()
    assert "\0" not in text
    assert whole_path(text) is None
    assert tag_value(text) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("adam", "adam"),
        ("1e-3", '"1e-3"'),
        (1e-3, "0.001"),
        (True, "True"),
        (None, "None"),
        ("None", '"None"'),
        ("true", '"true"'),
        ([1, "a"], '[1, "a"]'),
    ],
)
def test_a_params_text_is_what_people_would_write(value: object, text: str):
    """Flags, None and numbers are as MLflow writes them; only a string that reads as something else is quoted."""
    assert param_text(value) == text


def test_an_integer_that_json_cannot_write_is_rejected():
    """Python writes no decimal of more than 4300 digits; the reason says so."""
    with pytest.raises(Rejected, match="4300"):
        param_text(10**5000)


def test_a_long_text_is_cut_and_says_where_the_whole_lies():
    """What is shown fits to the character, and names a path made from the content."""
    assert fit("x" * 6000, 6000) == ("x" * 6000, None)
    shown, path = fit("x" * 6001, 6000)
    assert len(shown) == 6000
    assert whole_path(shown) == path
    assert fit("x" * 6001, 6000) == (shown, path)
    assert whole_path(param_text(shown)) is None


def test_a_name_that_no_tag_can_hold_is_rejected():
    """A name of more than 8000 characters is refused with its beginning."""
    name = "n" * 8001
    with pytest.raises(Rejected, match="nnn"):
        long_name_tags({escape(name): name})


@pytest.mark.parametrize(
    ("ours", "theirs"), [("finished", "FINISHED"), ("failed", "FAILED"), ("killed", "KILLED"), ("crashed", "FAILED")]
)
def test_a_status_comes_back(ours: str, theirs: str):
    """A crash is a failure to MLflow, and a tag tells it from one."""
    end = RunEnd(status=ours, time=0)
    assert their_status(end) == theirs
    assert our_status(theirs, {"trackhub.status": ours}) == ours


def test_a_tag_of_a_former_end_does_not_change_the_last():
    """A run that crashed, was resumed and finished is finished."""
    assert our_status("FINISHED", {"trackhub.status": "crashed"}) == "finished"
    assert our_status("RUNNING", {"trackhub.status": "crashed"}) == "running"


def test_only_the_users_tags_are_the_users():
    """MLflow's own tags and ours stay out; a user's tag that is named as one of them comes back."""
    held = {"mlflow.user": "x", "trackhub.run_id": "x", "_x74_rackhub.run_id": "mine", "mlflow.note.content": "text"}
    assert user_tags(held) == {"trackhub.run_id": "mine", "mlflow.note.content": "text"}


def test_an_environment_becomes_the_tags_that_mlflow_shows():
    """Source, commit, branch, remote and user are shown; a remote's password is not."""
    environment = {
        "entry_point": "train.py",
        "argv": ["train.py", "--lr", "1"],
        "git": {"commit": "abc", "branch": "main", "dirty": True, "remote": "https://me:secret@host/repo.git"},
        "user": "ada",
    }
    assert environment_tags(environment) == {
        "mlflow.source.name": "train.py",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": "abc",
        "mlflow.source.git.branch": "main",
        "mlflow.source.git.repoURL": "https://host/repo.git",
        "mlflow.user": "ada",
    }


@pytest.mark.parametrize("environment", [{}, {"git": None, "argv": [], "user": None}, {"argv": None}])
def test_an_environment_may_lack_anything(environment: dict[str, object]):
    """What was not captured is left out."""
    assert set(environment_tags(environment)) == {"mlflow.source.type"}
    json.dumps(environment_tags(environment))

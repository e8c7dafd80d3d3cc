"""Hold names to three things: MLflow takes them, they come back, and no two become one."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mlflow.utils.validation import path_not_unique, validate_param_and_metric_name
from trackhub_mlflow.mapping import long_name_tags, long_names, newest_param_key, tag_key
from trackhub_mlflow.names import escape, escape_path, escape_segment, long_name, unescape, unescape_path

# Drawn so that what matters meets often: escapes and their parts, slashes, dots, and any character at all.
PARTS = st.sampled_from(
    ["_", "x", "L", "2F", "_x2F_", "_xL", "/", ".", "..", "#", "a", "@v2", " ", "\n", "\0", "é", "\ud800"]
)
NAMES = st.one_of(st.lists(PARTS, max_size=12).map("".join), st.text(max_size=30))
LONG = st.builds(lambda text, times: text * times, NAMES, st.integers(20, 90))


@given(st.one_of(NAMES, LONG))
@example("")
@example("a" * 250)
@example("a" * 251)
@example("_x41" + "/")
def test_every_name_becomes_one_that_mlflow_takes(name: str):
    """The server's own rules accept the key, and it has at most 250 characters."""
    for key in (escape(name), tag_key(name), newest_param_key(escape(name))):
        assert validate_param_and_metric_name(key)
        assert not path_not_unique(key)
        assert len(key) <= 250


@given(st.one_of(NAMES, LONG))
@example("_xFFFFFF_")
@example("#_x23_")
@example("#x41_")
def test_every_name_comes_back(name: str):
    """A key gives its name again, a cut one with the help of the tag that keeps the whole."""
    key = escape(name)
    assert unescape(key, long_names(long_name_tags({key: name}))) == name
    assert unescape_path(escape_path(name)) == name or long_name(escape_path(name).rpartition("/")[2]) or len(name) > 60


@given(st.one_of(NAMES, LONG), st.one_of(NAMES, LONG))
def test_no_two_names_become_one(one: str, other: str):
    """Different names have different keys, as metrics, as tags and as files."""
    for function in (escape, tag_key, escape_segment, escape_path):
        assert (function(one) == function(other)) == (one == other)


@given(st.one_of(NAMES, LONG))
def test_a_segment_is_safe_in_a_url_and_on_a_disk(name: str):
    """No separator, no dot folder, nothing that MLflow leaves unquoted, at most 200 bytes."""
    segment = escape_segment(name)
    assert segment not in {"", ".", ".."}
    assert not set(segment) & set('/\\#?%*:"<>|\0\n\r\t')
    assert segment == segment.strip(" ")
    assert 0 < len(segment.encode()) <= 200


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("val/loss", "val/loss"),
        ("max_x", "max_x"),
        ("pos_x_mean", "pos_x_mean"),
        ("lr (start)", "lr _x28_start_x29_"),
        ("feat_x10", "feat_x5F_x10"),
        ("a//b", "a_x2F_/b"),
        ("/a/", "_x2F_a_x2F_"),
        ("../a", "_x2E_./a"),
        ("", "_xFFFFFF_"),
    ],
)
def test_a_key_stays_readable(name: str, key: str):
    """What MLflow takes stays as it is; the rest is a code point one can look up."""
    assert escape(name) == key

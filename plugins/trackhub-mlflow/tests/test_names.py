"""Hold names to three things: MLflow takes them, they come back, and no two become one."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mlflow.utils.validation import (
    _validate_model_alias_name,
    _validate_model_alias_name_reserved,
    _validate_model_name,
    path_not_unique,
    validate_param_and_metric_name,
)
from trackhub_mlflow.mapping import long_name_tags, long_names, newest_param_key, tag_key
from trackhub_mlflow.names import (
    escape,
    escape_alias,
    escape_model,
    escape_path,
    escape_segment,
    long_name,
    unescape,
    unescape_path,
)

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
@example("latest")
@example("LaTeSt")
@example("v1")
@example("V٣")
@example("v1\n")
@example("..a")
@example("m" * 251)
def test_every_name_becomes_a_model_and_an_alias(name: str):
    """The registry's own rules accept the keys, its columns hold them, and they stand in a models:/ URI."""
    model, alias = escape_model(name), escape_alias(name)
    _validate_model_name(model)
    _validate_model_alias_name(alias)
    _validate_model_alias_name_reserved(alias)
    assert len(model) <= 250
    assert len(alias) <= 250
    assert not set(model) & set("/:@?#%'\"")
    assert model == model.strip()


@given(st.one_of(NAMES, LONG))
@example("_xFFFFFF_")
@example("#_x23_")
@example("#x41_")
def test_every_name_comes_back(name: str):
    """A key gives its name again, a cut one with the help of the tag that keeps the whole."""
    for key in (escape(name), escape_model(name), escape_alias(name)):
        assert unescape(key, long_names(long_name_tags({key: name}))) == name
    assert unescape_path(escape_path(name)) == name or long_name(escape_path(name).rpartition("/")[2]) or len(name) > 60


@given(st.one_of(NAMES, LONG), st.one_of(NAMES, LONG))
def test_no_two_names_become_one(one: str, other: str):
    """Different names have different keys, as metrics, as tags and as files."""
    for function in (escape, tag_key, escape_segment, escape_path, escape_model, escape_alias):
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


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("digits 2.0-b", "digits 2.0-b"),
        ("日é", "日é"),
        ("team/digits:1", "team_x2F_digits_x3A_1"),
        ("a@b", "a_x40_b"),
        ("it's", "it_x27_s"),
        ("..", "_x2E_."),
        ("a ", "a_x20_"),
        ("a_x2F_b", "a_x5F_x2F_b"),
        ("", "_xFFFFFF_"),
    ],
)
def test_a_models_key_stays_readable(name: str, key: str):
    """What a models:/ URI and a database can hold stays as it is."""
    assert escape_model(name) == key


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("champion-2_b", "champion-2_b"),
        ("latest", "_x6C_atest"),
        ("Latest", "_x4C_atest"),
        ("latest2", "latest2"),
        ("v1", "_x76_1"),
        ("V12", "_x56_12"),
        ("v1b", "v1b"),
        ("a.b c", "a_x2E_b_x20_c"),
        ("v1\n", "v1_x0A_"),
    ],
)
def test_an_aliass_key_stays_readable(name: str, key: str):
    """What would read as a version is escaped by its first letter alone."""
    assert escape_alias(name) == key

"""Hold names, values and a run's truth to coming back from what W&B is given; tables and properties, no server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.logged import START
from support.oracle import identity
from trackhub_wandb import names
from trackhub_wandb.address import Address
from trackhub_wandb.errors import classify, readable
from trackhub_wandb.mapping import exact_text, shown_name, shown_value, tag_text
from trackhub_wandb.times import text_of, time_of
from trackhub_wandb.truth import Truth

from trackhub.backend import Destination
from trackhub.errors import DeliveryError, Rejected, RetryLater, SettingsError, Unauthorized
from trackhub.model.entities import MetricPoint, ParentRun, RunEnd, RunInfo
from trackhub.testing.suite.samples import LOOKALIKES, NAMES, PARAMS

ANY_TEXT = st.one_of(st.sampled_from(NAMES), st.text(max_size=250), st.text(st.characters(codec=None), max_size=20))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(codec=None), max_size=8)),
    lambda part: st.one_of(st.lists(part, max_size=3), st.dictionaries(st.text(max_size=5), part, max_size=3)),
    max_leaves=6,
)


@given(ANY_TEXT)
def test_a_name_comes_back_from_its_key(name: str):
    """Whatever its characters; one that is cut is told to be."""
    key = names.escape(name)
    assert 0 < len(key) <= names.LONGEST
    key.encode()
    assert names.is_cut(key) or names.unescape(key) == name
    assert not key.startswith(("_step", "_timestamp", "_runtime", "_wandb", "trackhub"))


@given(st.lists(ANY_TEXT, unique=True, max_size=20))
def test_names_that_differ_have_keys_that_differ(some: list[str]):
    """Also behind the place where they are cut."""
    assert len({names.escape(name) for name in some}) == len(some)
    assert len({names.escape_project(name) for name in some}) == len(some)


@given(ANY_TEXT)
def test_a_project_is_one_that_wandb_takes(project: str):
    """At most 128 characters, and none of those that it refuses; a good name stays."""
    there = names.escape_project(project)
    assert 0 < len(there) <= 128
    assert not set(there) & set("/\\#?%:")
    assert names.escape_project(there) == there or "_x" in there


@given(st.lists(ANY_TEXT, min_size=1, max_size=4))
def test_a_files_place_is_a_path(parts: list[str]):
    """No part is empty, a dot or two, or longer than a file system takes."""
    place = names.escape_path("/".join(parts))
    for part in place.split("/"):
        assert part not in ("", ".", "..")
        assert len(part.encode()) <= 255
        assert not set(part) & set('\\#?%:*"<>|')


@given(st.integers(-(10**18), 4 * 10**18))
def test_a_time_keeps_every_nanosecond(time: int):
    """As text that people read, too."""
    assert time_of(text_of(time)) == time


def carried(config: dict[str, Any]) -> dict[str, Any]:
    """Return a config as the SDK leaves it when it goes on with a run: every number a double, 3.0 written as 3."""

    def spoil(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        number = float(value) if abs(value) < 10**308 else float("1e308")
        return int(number) if number.is_integer() and abs(number) < 2**53 else number

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: walk(part) for key, part in value.items()}
        return [walk(part) for part in value] if isinstance(value, list) else spoil(value)

    return walk(json.loads(json.dumps(config, allow_nan=False).encode()))


@given(st.dictionaries(ANY_TEXT, VALUES, max_size=5), st.dictionaries(ANY_TEXT, st.text(st.characters(codec=None))))
def test_params_and_tags_come_back_from_the_config(params: dict[str, Any], tags: dict[str, str]):
    """With their types and every digit, after any number of sessions."""
    truth = Truth(run_id="a", params=params, tags=tags)
    found = Truth.read(carried(carried(truth.config())))
    assert repr(sorted(found.params.items())) == repr(sorted(params.items()))
    assert found.tags == tags


@pytest.mark.parametrize("samples", [PARAMS, LOOKALIKES, {name: name for name in NAMES}])
def test_odd_params_come_back(samples: dict[str, Any]):
    """Those of the suite, by the config."""
    assert repr(Truth.read(carried(Truth(params=samples).config())).params) == repr(samples)


def test_a_run_comes_back_from_its_config():
    """Everything that W&B has no field for, or one that it cuts."""
    parent = ParentRun(id="b" * 32)
    truth = Truth.of(RunInfo(id="a" * 32, name="n\0" * 300, project="p/q", started=START, parent=parent, group="g\n"))
    truth.end(RunEnd(status="killed", time=START + 1, reason='Trace "back"\n\ud800'))
    assert Truth.read(carried(truth.config())) == truth
    assert truth.exit_code == 1
    assert truth.reopen()
    assert (truth.status, truth.exit_code, truth.reopen()) == (None, None, False)


@pytest.mark.parametrize(("status", "code"), [("finished", 0), ("failed", 1), ("killed", 1), ("crashed", 1)])
def test_an_end_is_an_exit_code(status: Any, code: int):
    """W&B knows two of them."""
    truth = Truth()
    truth.end(RunEnd(status=status, time=1))
    assert truth.exit_code == code


def test_what_wandb_shows_of_a_run():
    """Name, tags, notes, job type, and the group, or else the parent that stands for one."""
    truth = Truth(run_id="a", name="n" * 200, parent="b", tags={"phase": "one", "notes": "why", "job_type": "eval"})
    assert truth.shown() == {
        "name": "n" * 127 + "…",
        "tags": ["phase=one"],
        "notes": "why",
        "job_type": "eval",
        "group": "b",
    }


@given(st.text(st.characters(codec=None), max_size=80), st.text(st.characters(codec=None), max_size=80))
def test_a_tag_is_one_that_wandb_takes(name: str, value: str):
    """From 1 to 64 characters that UTF-8 can write."""
    text = tag_text(name, value)
    assert 1 <= len(text) <= 64
    text.encode()
    shown_name(value).encode()


@given(VALUES)
def test_what_is_shown_is_json(value: Any):
    """Without NaN, which JSON has not; a value that is exact already has no second text."""
    json.dumps(shown_value(value), allow_nan=False).encode()
    text = exact_text(value)
    assert text is None or repr(json.loads(text)) == repr(value)


@pytest.mark.parametrize(
    ("kind", "text", "meant"),
    [
        ("CommError", "HTTP 401: user is not logged in", Unauthorized),
        ("CommError", "returned error 403: permission denied", Unauthorized),
        ("UsageError", "No API key configured. Use `wandb login` to log in.", Unauthorized),
        ("AuthenticationError", "API key must have 40+ characters, has 5.", Unauthorized),
        ("AuthenticationError", "Failed to verify: dial tcp: connect: connection refused", RetryLater),
        ("CommError", "giving up after 3 attempt(s): 503", RetryLater),
        ("CommError", "returned error 429: rate limited", RetryLater),
        ("ConnectionResetError", "Connection lost", RetryLater),
        ("CommError", "TimeoutError", RetryLater),
        ("CommError", "returned error 400: invalid tags", Rejected),
        ("ValueError", "something new", DeliveryError),
    ],
)
def test_what_the_sdk_says_is_understood(kind: str, text: str, meant: type[DeliveryError]):
    """By its words, as it hands on nothing else; what nobody knows is tried a bounded number of times."""
    error = classify(kind, text, "wandb://team")
    assert type(error) is meant
    assert str(error).startswith("wandb://team: ")


def test_a_message_is_short_and_holds_no_key():
    """Whatever the SDK quotes."""
    key = "0123456789abcdef0123456789abcdef01234567"
    for secret in (key, f"local-{key}", "wandb_v1_" + "aZ9_" * 20):
        assert secret not in readable(f"the key {secret} is wrong " + "x " * 1000)
    assert len(readable("x " * 1000)) < 510


@pytest.mark.parametrize(
    ("url", "server", "entity", "project"),
    [
        ("wandb://team/digits", None, "team", "digits"),
        ("wandb://team", None, "team", None),
        ("wandb:team/digits", None, "team", "digits"),
        ("wandb+https://wandb.example.org/team/a%20b", "https://wandb.example.org", "team", "a b"),
        ("wandb+http://me:key@127.0.0.1:8080/team/", "http://127.0.0.1:8080", "team", None),
    ],
)
def test_a_url_says_where_runs_go(url: str, server: str | None, entity: str, project: str | None):
    """The service by default; a server of one's own by its transport."""
    address = Address.of(Destination.parse(url))
    assert (address.server, address.entity, address.project) == (server, entity, project)
    assert "key" not in address.shown


@pytest.mark.parametrize("url", ["wandb:", "wandb://", "wandb+http://host", "wandb://a/b/c", "wandb://team/a%3Ab"])
def test_a_url_that_says_too_little_or_too_much(url: str):
    """The message shows the form."""
    with pytest.raises(SettingsError, match=r"wandb(\+http)?://|takes no project"):
        Address.of(Destination.parse(url))


def test_the_oracle_sees_microseconds():
    """What the other tests compare with is not blind to them."""
    one, other = (MetricPoint("a", 0.5, 1, START + add) for add in (0, 1000))
    assert identity(one, 1000) != identity(other, 1000)

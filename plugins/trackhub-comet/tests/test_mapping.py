"""Turn names, params, tags, places and tails into Comet's and back: any of them."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trackhub_comet import mapping
from trackhub_comet.address import Address, project_name
from trackhub_comet.names import LONGEST, escape, long_name, unescape
from trackhub_comet.tail import Tail

from trackhub.backend import Destination
from trackhub.errors import SettingsError

texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=150)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)


@given(texts)
def test_any_name_comes_back(name: str):
    """What Comet may lose is escaped; what is too long is cut, and found again by its hash."""
    key = escape(name)
    digest = long_name(key)
    assert len(key) <= LONGEST
    assert key == key.strip() != ""
    assert unescape(key, {digest: name} if digest else None) == name
    key.encode()


@given(st.lists(texts, min_size=2, max_size=5, unique=True))
def test_names_that_differ_have_keys_that_differ(names: list[str]):
    """Whatever is escaped and cut."""
    assert len({escape(name) for name in names}) == len(names)
    assert len({mapping.metric_key(name) for name in names}) == len(names)
    assert len({mapping.tag_key(name) for name in names}) == len(names)


@pytest.mark.parametrize("name", ["trackhub.run_id", "trackhub.", "Name", "trackhub.name.x", "sys.x", "Created from"])
def test_no_users_name_is_one_of_ours(name: str):
    """A user's tag changes nothing of what the plugin or the SDK keeps for itself, nor the experiment's name."""
    key = mapping.tag_key(name)
    assert key not in {"Name", "Created from"}
    assert not key.startswith(("trackhub.", "sys."))
    assert mapping.user_tags({key: "x"}, {}) == {name: "x"}


@pytest.mark.parametrize("key", ["Name", "Created from", "hasNestedParams", "sys.already_imported_modules"])
def test_what_the_sdk_writes_of_itself_is_no_tag(key: str):
    """Of a run of ours, only what the user said is read as a tag."""
    assert mapping.user_tags({key: "x", "a": "b"}, {}) == {"a": "b"}


@given(json_values)
def test_any_param_comes_back(value: Any):
    """With its type, and without a blank at an end that might be trimmed."""
    text = mapping.param_text(value)
    assert text == text.strip() != ""
    assert repr(mapping.param_value(text)) == repr(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("adam", "adam"),
        (0.001, "0.001"),
        (3, "3"),
        (True, "True"),
        (None, "None"),
        (math.inf, "inf"),
        ("3", '"3"'),
        ("True", '"True"'),
        ("", '""'),
        (" x", '" x"'),
        ([1, "ß"], '[1, "ß"]'),
    ],
)
def test_what_people_see_of_a_param(value: Any, text: str):
    """Numbers and words as they are, quoted only where they would read as something else."""
    assert mapping.param_text(value) == text


@given(texts)
def test_any_text_comes_back(text: str):
    """Of a tag, a name, a reason."""
    sent = mapping.text_of(text)
    sent.encode()
    assert mapping.text_back(sent) == text


@given(st.text(max_size=3000))
def test_a_long_text_is_cut_and_says_where_it_is(text: str):
    """No longer than Comet takes, and never in silence."""
    fitted = mapping.fit(text)
    assert len(fitted.shown) <= 1000
    assert mapping.whole_place(fitted.shown) == fitted.place
    assert (fitted.place is None) == (fitted.shown == text)


def test_a_text_that_looks_cut_is_quoted():
    """A user's text that ends with our mark is not taken for one that was cut."""
    fake = mapping.fit("x" * 2000).shown
    assert mapping.whole_place(mapping.text_of(fake)) is None
    assert mapping.text_back(mapping.text_of(fake)) == fake
    assert mapping.param_value(mapping.param_text(fake)) == fake


@given(st.integers(0, 10**12), st.integers(0, 10**6), st.text(max_size=200))
def test_a_tail_comes_back(end: int, requests: int, position: str):
    """Through a text that Comet keeps whole, whatever a position looks like."""
    tail = Tail(end, end + 5, requests, 7, position)
    assert Tail.of(tail.text) == tail
    assert tail.text == tail.text.strip()
    assert len(tail.text) <= 1000 or not tail.fits


def test_a_position_that_lies_beside():
    """A tail that names an asset comes back, until there is a newer position."""
    tail = Tail(5, 5, 1, 7, beside="a" * 32)
    assert Tail.of(tail.text) == tail
    assert tail.fits
    assert tail.begun(9, 8).done(9, None).beside == "a" * 32
    assert tail.begun(9, 8).done(9, "newer") == Tail(9, 9, 2, 8, "newer")


def test_a_position_of_many_writers_fits():
    """Sixteen ranks' writers, named as the journal names them."""
    position = json.dumps({f"{number:016x}": 123456789 + number for number in range(16)})
    assert Tail(5, 5, 1, 1, position).fits
    assert Tail.of(Tail(5, 5, 1, 1, position).text).position == position


@given(st.lists(texts, min_size=2, max_size=4, unique=True))
def test_projects_stay_apart(projects: list[str]):
    """Each trackhub project has a project of Comet's of its own, with a plain name."""
    names = {project_name(project) for project in projects}
    assert len(names) == len(projects)
    assert all(0 < len(name) < 100 and name == name.strip() for name in names)


@pytest.mark.parametrize(
    ("url", "server", "workspace", "project"),
    [
        ("comet://team/digits", None, "team", "digits"),
        ("comet://team", None, "team", None),
        ("comet:", None, None, None),
        ("comet+https://comet.example/team/a%20b", "https://comet.example", "team", "a b"),
        ("comet+http://127.0.0.1:80/team/", "http://127.0.0.1:80", "team", None),
        ("comet+http://somebody:secret@host/team", "http://host", "team", None),
    ],
)
def test_urls(url: str, server: str | None, workspace: str | None, project: str | None):
    """The forms of the README."""
    address = Address.of(Destination.parse(url))
    assert (address.server, address.workspace, address.project) == (server, workspace, project)
    assert "secret" not in str(address)


@pytest.mark.parametrize("url", ["comet://a/b/c", "comet+http:team"])
def test_urls_that_name_no_place(url: str):
    """A URL that cannot be meant says what can."""
    with pytest.raises(SettingsError, match="workspace/project"):
        Address.of(Destination.parse(url))


def test_an_experiment_has_one_key_in_each_place():
    """The same run is the same experiment, and another one in another workspace or project."""
    run_id = "0" * 32
    one, other = (Address.of(Destination.parse(f"comet://team{project}")) for project in ("", "/digits"))
    keys = {one.key("team", run_id), one.key("else", run_id), other.key("team", run_id), one.key("team", "1" * 32)}
    assert len(keys) == 4
    assert one.key("TEAM", run_id) in keys
    assert all(key.isalnum() and 32 <= len(key) <= 50 for key in keys)


def test_the_pages_of_an_environment():
    """What Comet shows of the machine and the code, without a password in the origin's URL."""
    environment = {
        "argv": ["train.py", "--lr", "0.1"],
        "python": {"version": "3.11", "executable": "/usr/bin/python"},
        "host": {"name": "node1"},
        "git": {"commit": "abc", "branch": "main", "remote": "https://me:secret@host/repo.git"},
        "user": "ada",
    }
    assert mapping.system_details(environment)["command"] == ["train.py", "--lr", "0.1"]
    assert mapping.git_metadata(environment)["origin"] == "https://host/repo.git"
    assert mapping.system_details({}) == mapping.git_metadata({}) == {}

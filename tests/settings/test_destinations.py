"""Test how destinations are read from what people write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackhub.errors import SettingsError
from trackhub.settings import Settings, split_destinations
from trackhub.settings.destinations import split_named


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("", ()),
        (" , ,", ()),
        ("wandb://team/digits", ("wandb://team/digits",)),
        ("wandb://team/digits,mlflow+http://h:5000", ("wandb://team/digits", "mlflow+http://h:5000")),
        ("prod, lab", ("prod", "lab")),
        ("local:///a,b", ("local:///a", "b")),
        ("local:///x?tags=a,b", ("local:///x?tags=a,b",)),
        ("local:///x?tags=a,b&keep=c,d,prod", ("local:///x?tags=a,b&keep=c,d", "prod")),
        ("local:///x?tags=a,env:dev", ("local:///x?tags=a", "env:dev")),
        ("local:///x?tags=a, mlflow+sqlite:///m.db", ("local:///x?tags=a", "mlflow+sqlite:///m.db")),
        ("local:///x?tags=a%2Cprod", ("local:///x?tags=a%2Cprod",)),
    ],
)
def test_a_comma_separates_except_inside_a_query(text, entries):
    """A comma separates destinations, and belongs to a query unless a URL or a known name follows it."""
    assert split_destinations(text, {"prod"}) == entries


@given(st.lists(st.from_regex(r"[a-z]{1,5}://[a-z0-9/.:-]{0,12}(\?[a-z]=[a-z0-9,]{0,6}[a-z0-9])?", fullmatch=True)))
def test_joined_urls_come_apart_again(urls):
    """URLs joined by commas are found again, commas in their queries included."""
    assert split_destinations(",".join(urls)) == tuple(urls)


def test_named_destinations_are_read_from_one_text():
    """A comma starts a new named destination only where a name and a URL follow."""
    named = split_named("prod=mlflow+http://h?a=1,2&b=x, lab = wandb://t/p,")
    assert named == {"prod": "mlflow+http://h?a=1,2&b=x", "lab": "wandb://t/p"}


def test_names_are_expanded_and_each_url_is_given_once():
    """Names become their URLs; a destination named twice, or also by its URL, is one destination."""
    settings = Settings(
        to=["prod", "wandb://t/p", "mlflow+http://h", "prod"],
        destinations={"prod": "mlflow+http://h", "unused": "local:///x"},
    )
    assert settings.resolve_destinations() == (("prod", "mlflow+http://h"), ("", "wandb://t/p"))


def test_an_entry_that_is_neither_url_nor_name_names_the_nearest():
    """A mistyped name is an error that offers the nearest known one."""
    settings = Settings(to="prd", destinations={"prod": "mlflow+http://h", "lab": "local:///x"})
    with pytest.raises(SettingsError, match=r"'prd': neither a URL .* did you mean 'prod'\?"):
        settings.resolve_destinations()


def test_user_info_is_not_in_the_error():
    """A URL that cannot be read is shown without its credentials."""
    with pytest.raises(SettingsError) as caught:
        Settings(to="HTTP://me:hunter2@host").resolve_destinations()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "named", [{"a,b": "local:///x"}, {"x:y": "local:///x"}, {"prod": "host:"[:-1]}, {"": "local:///x"}]
)
def test_a_named_destination_is_a_plain_name_and_a_url(named):
    """A name that could be read as something else, and a value that is no URL, are refused."""
    with pytest.raises(ValueError, match=r"name|URL"):
        Settings(destinations=named)


def test_repr_shows_no_url():
    """The repr of settings shows no destination: a URL may carry a password."""
    settings = Settings(to="mlflow+http://me:hunter2@h", destinations={"prod": "mlflow+http://me:hunter2@h"})
    assert "hunter2" not in repr(settings)

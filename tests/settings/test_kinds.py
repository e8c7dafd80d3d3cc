"""Test what each kind of setting takes, and what it says of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from trackhub.settings import Settings
from trackhub.settings.model import SETTINGS, UnfitSettingsError


@pytest.mark.parametrize(
    ("key", "given", "held"),
    [
        *[("capture", word, True) for word in (True, 1, 1.0, "1", "true", "True", "t", "yes", "Y", "ON")],
        *[("capture", word, False) for word in (False, 0, 0.0, "0", "false", "FALSE", "f", "no", "n", "off")],
        ("linger_s", 5, 5.0),
        ("linger_s", 0, 0.0),
        ("linger_s", " 1e3 ", 1000.0),
        ("finish_timeout_s", "0.25", 0.25),
        ("store", "here", Path("here")),
        ("store", Path("/there"), Path("/there")),
        ("redact", "*_pin, code,", ("*_pin", "code")),
        ("redact", ["*_pin", "a,b"], ("*_pin", "a,b")),
        ("redact_allow", {"one"}, ("one",)),
        ("to", ["a,b", "local:///x?c=d,e"], ("a", "b", "local:///x?c=d,e")),
        ("to", {"a"}, ("a",)),
        ("destinations", "prod=local:///x", {"prod": "local:///x"}),
        ("project", None, None),
        ("project", "digits", "digits"),
    ],
)
def test_what_can_be_is_held_as_its_kind(key, given, held):
    """Text, numbers and lists become the setting's own kind of value."""
    value = getattr(Settings(**{key: given}), key)
    assert value == held
    assert type(value) is type(held)


@pytest.mark.parametrize(
    ("key", "given", "says"),
    [
        ("mode", "onlin", "mode: input should be 'online', 'offline' or 'disabled'"),
        ("on_error", "ignore", "on_error: input should be 'raise' or 'warn'"),
        ("resume", 5, "resume: input should be 'never', 'allow' or 'must'"),
        ("delivery", None, "delivery: input should be 'process', 'thread' or 'off'"),
        ("capture", "perhaps", "capture: input should be a valid boolean, such as true or false"),
        ("capture", 2, "capture: input should be a valid boolean, such as true or false"),
        ("capture", float("nan"), "capture: input should be a valid boolean, such as true or false"),
        ("capture", [], "capture: input should be a valid boolean, such as true or false"),
        ("linger_s", "soon", "linger_s: input should be a valid number of seconds"),
        ("linger_s", "-1", "linger_s: input should be greater than or equal to 0"),
        ("linger_s", "inf", "linger_s: input should be a finite number"),
        ("linger_s", "nan", "linger_s: input should be a finite number"),
        ("linger_s", 10**400, "linger_s: input should be a valid number of seconds"),
        ("linger_s", True, "linger_s: input should be a valid number of seconds"),
        ("linger_s", [], "linger_s: input should be a valid number of seconds"),
        ("project", "", "project: input should have at least 1 character"),
        ("project", 5, "project: input should be a valid string"),
        ("run_id", "", "run_id: input should have at least 1 character"),
        ("store", 5, "store: input should be a valid path"),
        ("redact", 5, "redact: input should be a list of strings"),
        ("redact", ["a", 5], "redact: input should be a valid string"),
        ("to", 5, "to: input should be a list of strings"),
        ("destinations", 5, "destinations: input should be a table of names and URLs"),
        ("destinations", {"a": 5}, "destinations: input should be a valid string"),
        ("destinations", {5: "local:///x"}, "destinations: input should be a valid string"),
        ("destinations", {"a": "x"}, "destinations: a is no URL such as mlflow+http://host:5000"),
        ("destinations", "x", "destinations: 'x' is no name=URL"),
    ],
)
def test_what_cannot_be_says_what_it_should(key, given, says):
    """A value of another kind is an error that names the setting and says what it may be, without the value."""
    with pytest.raises(UnfitSettingsError) as caught:
        Settings(**{key: given})
    assert str(caught.value) == says


def test_every_fault_is_told():
    """Settings with two mistakes tell both, in one error."""
    with pytest.raises(UnfitSettingsError, match=r"mode: .*; linger_s: "):
        Settings(mode="x", linger_s=-1)


def test_every_setting_has_a_kind():
    """The table of settings and the fields of Settings are the same, in the same order."""
    assert list(SETTINGS) == list(Settings.__dataclass_fields__)


def test_settings_made_of_settings_are_the_same():
    """Reading what was read changes nothing: commas of a query stay in it."""
    settings = Settings(
        to="prod,local:///x?a=b,c", destinations={"prod": "mlflow+http://h"}, redact="a,b", linger_s="5", capture="no"
    )
    assert Settings(**{name: getattr(settings, name) for name in SETTINGS}) == settings

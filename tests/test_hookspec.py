"""Hold the plugin contract against tests/hookspec.txt, and against the rules that keep it growing without breaking."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from support import listing

from trackhub import hookspec
from trackhub.backend import BackendCalls

_LISTING = Path(__file__).with_name("hookspec.txt")
_HOOKS = [
    pytest.param(spec, name, function, id=name)
    for spec in (hookspec.HubSpec, hookspec.BackendHooks)
    for name, function in vars(spec).items()
    if name.startswith(hookspec.PREFIX)
]


def _lines() -> list[str]:
    lines = [f"hookspec {'.'.join(map(str, hookspec.HOOKSPEC_VERSION))}"]
    for spec in (hookspec.HubSpec, hookspec.BackendHooks):
        lines += ["", f"# {spec.__name__}"]
        for name, function in vars(spec).items():
            if name.startswith(hookspec.PREFIX):
                [line] = listing.described(name, function)
                first = "  [first result]" if function.trackhub_spec["firstresult"] else ""
                lines.append(f"{line}{first}")
    return lines


def test_listing(pytestconfig):
    """A change of a hook is a change of tests/hookspec.txt."""
    listing.check(_LISTING, _lines(), update=pytestconfig.getoption("update"))


@pytest.mark.parametrize(("spec", "name", "function"), _HOOKS)
def test_arguments_are_plain(spec, name, function):
    """A hook's arguments have no default and no star: pluggy treats those differently from version to version."""
    for parameter in inspect.signature(function).parameters.values():
        assert parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        assert parameter.default is parameter.empty
        if parameter.name != "self":
            assert parameter.annotation is not parameter.empty


@pytest.mark.parametrize(("spec", "name", "function"), _HOOKS)
def test_docstring(spec, name, function):
    """Every hook says what it is to do, in a sentence."""
    assert function.__doc__
    assert function.__doc__.splitlines()[0].endswith((".", ":"))


@pytest.mark.parametrize(("spec", "name", "function"), _HOOKS)
def test_first_result(spec, name, function):
    """Lane hooks stop at the one backend's result; process-wide hooks reach every plugin."""
    assert bool(function.trackhub_spec["firstresult"]) is (spec is hookspec.BackendHooks)


def test_facade_has_every_lane_hook():
    """The typed façade has one method a lane hook, with the same arguments."""
    for name, function in vars(hookspec.BackendHooks).items():
        if name.startswith(hookspec.PREFIX):
            method = getattr(BackendCalls, name.removeprefix(hookspec.PREFIX))
            assert list(inspect.signature(method).parameters) == list(inspect.signature(function).parameters)

"""Hold the public names against tests/public_api.txt: what users and plugin authors may rely on."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

from support import listing

import trackhub

_LISTING = Path(__file__).with_name("public_api.txt")
_FOR_PLUGINS = ("trackhub.backend", "trackhub.errors", "trackhub.model.entities", "trackhub.types")
_GIVEN_TO_USERS = (
    ("trackhub.delivery.report", "DestinationReport"),
    ("trackhub.query.view", "RunView"),
    ("trackhub.query.series", "Series"),
)


def _lines() -> list[str]:
    lines = ["# trackhub"]
    for name in trackhub.__all__:
        lines += listing.described(name, getattr(trackhub, name))
    lines += ["", "# what these give back"]
    for module, name in _GIVEN_TO_USERS:
        lines += listing.described(name, getattr(importlib.import_module(module), name))
    for module in _FOR_PLUGINS:
        home = importlib.import_module(module)
        lines += ["", f"# {module}"]
        for name in listing.defined(home):
            lines += listing.described(name, getattr(home, name))
    return lines


def test_listing(pytestconfig):
    """A change of a public name or signature is a change of tests/public_api.txt."""
    listing.check(_LISTING, _lines(), update=pytestconfig.getoption("update"))


def test_all_is_sorted():
    """``__all__`` is sorted and names nothing twice."""
    assert trackhub.__all__ == sorted(set(trackhub.__all__))


def test_all_resolves():
    """Every name in ``__all__`` is there, and ``dir`` tells of it before it is used."""
    assert set(trackhub.__all__) < set(dir(trackhub))
    for name in trackhub.__all__:
        assert getattr(trackhub, name) is not None


def test_all_is_what_type_checkers_see():
    """What is imported for type checkers, what is imported lazily, and ``__all__`` are the same names."""
    tree = ast.parse(Path(trackhub.__file__).read_text(encoding="utf-8"))
    [guarded] = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        (node.module, name.name) for node in guarded.body if isinstance(node, ast.ImportFrom) for name in node.names
    }
    lazy = {(home, name) for home, names in trackhub._HOMES.items() for name in names}
    assert seen == lazy
    assert sorted(name for _, name in lazy) == trackhub.__all__


def test_public_names_have_docstrings():
    """Every public class, function, method and property says what it is for."""
    for name in trackhub.__all__:
        value = getattr(trackhub, name)
        if not inspect.isclass(value) and not inspect.isfunction(value):
            continue
        assert value.__doc__, name
        members = vars(value).items() if inspect.isclass(value) else ()
        for member, held in members:
            if not member.startswith("_") and (inspect.isfunction(held) or isinstance(held, property)):
                assert held.__doc__, f"{name}.{member}"


def test_unknown_name():
    """A name that is not there is an AttributeError, as of any module."""
    assert not hasattr(trackhub, "init")

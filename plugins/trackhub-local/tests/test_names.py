"""Hold names to being file names on every system, and to staying apart."""

from __future__ import annotations

import re
from urllib.parse import unquote

from hypothesis import example, given
from hypothesis import strategies as st
from trackhub_local.names import LONGEST, component, same_place, shelf
from trackhub_local.placing import Taken, places

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
_NASTY = st.text(st.sampled_from("aA/\\.%_~ :é\u0301\0\n2fF"), max_size=40)
_NAMES = _TEXT | _NASTY
_REFUSED = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')


@given(_NAMES)
@example("..")
@example("CON")
@example("n" * 300)
@example("trailing. ")
def test_a_name_is_a_file_name_everywhere(name: str):
    """No system refuses it, strips something of it, or takes it for a folder of its own."""
    for made in (component(name), shelf(name)):
        assert made
        assert not _REFUSED.search(made)
        assert made not in {".", ".."}
        assert made == made.strip(" ").removesuffix(".")
        assert len(made.encode()) <= LONGEST + 2
        assert not re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", made)
    assert not shelf(name).startswith(".")


@given(_NAMES, _NAMES)
@example("a/b", "a%2Fb")
@example("n" * 300, "n" * 301)
@example("", "%_")
def test_names_stay_apart(one: str, other: str):
    """No two names become one."""
    assert (component(one) == component(other)) == (one == other)
    assert (shelf(one) == shelf(other)) == (one == other)


@given(_NAMES)
def test_a_short_name_can_be_read_back(name: str):
    """People who see the folder see the name: ``%HH`` is the only thing to know."""
    made = component(name)
    if name and "%_" not in made:
        assert unquote(made) == name


_FILES = st.lists(st.sampled_from(["a", "A", "a/b", "b", "c.txt", "x/y/z", ".."]), max_size=4, unique=True)
_ARTIFACTS = st.lists(st.tuples(st.sampled_from(["a", "A", "a/b", "a/b/c", "c.txt", "x", ""]), _FILES), max_size=8)


@given(_ARTIFACTS)
@example([("a", ["a"]), ("a/b", ["b"]), ("a", ["b"]), ("a~2/b", ["b"])])
@example([("a/b", ["b"]), ("a", ["a"])])
def test_artifacts_never_meet(artifacts: list[tuple[str, list[str]]]):
    """Whatever their names, no file lies where another does, or where another's folder must be, on any system."""
    taken = Taken()
    found: list[str] = []
    versions: dict[str, int] = {}
    for name, files in artifacts:
        version = versions[name] = versions.get(name, 0) + 1
        chosen = places(name, files, version, taken)
        assert len(chosen) == len(files)
        for place in chosen:
            taken.add(place)
            found.append(place)
    keys = [same_place(place) for place in found]
    assert len(set(keys)) == len(keys)
    folders = {"/".join(key.split("/")[:count]) for key in keys for count in range(1, key.count("/") + 1)}
    assert not folders & set(keys)
    assert not any(part in {"", ".", ".."} for place in found for part in place.split("/"))

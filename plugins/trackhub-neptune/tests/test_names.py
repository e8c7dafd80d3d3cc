"""Hold names to coming back, and to meeting no other."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from trackhub_neptune.names import LONGEST, Names, escape, long_name, unescape

ODD = re.compile(r"[^\w\-. /:]|^/|/\Z|//|^ | \Z")
NAMES = st.one_of(
    st.text(st.characters(), max_size=20),
    st.text("/._x2FL# aA", max_size=12),
    st.sampled_from(["", "/", "..", "a/../b", "_x23_", "_xFFFFFE_", "_xL" + "0" * 32 + "_"]),
)


@given(NAMES)
def test_a_name_comes_back(name: str):
    """Whatever its characters; the path has none that a server might refuse, and is short enough."""
    for path in (escape(name), escape(name, flat=True)):
        assert unescape(path, {long_name(path) or "": name}) == name
        assert not ODD.search(path)
        assert 0 < len(path.encode("utf-8", "surrogatepass")) <= LONGEST


@given(st.integers(690, 2000), st.sampled_from("né日"), st.sampled_from("mé/ "))
def test_a_long_name_is_cut_and_has_its_hash(length: int, letter: str, last: str):
    """Two that differ far behind stay two."""
    one, other = letter * length, letter * length + last
    assert escape(one) != escape(other)
    assert len(escape(one).encode()) <= LONGEST
    assert not ODD.search(escape(other))


@given(st.lists(NAMES, unique=True, max_size=15))
def test_no_name_is_anothers_folder(names: list[str]):
    """Metrics `a` and `a/b` get paths of which neither lies in the other; and they are found again."""
    known = Names((), {})
    paths = {name: known.path(name) for name in names}
    assert len(set(paths.values())) == len(names)
    for one in paths.values():
        assert not any(other.startswith(f"{one}/") for other in paths.values())
    again = Names(paths.values(), {})
    assert {name: again.path(name) for name in names} == paths


def test_usual_names_stay_as_they_are():
    """People find in Neptune what they logged."""
    for name in ("loss", "train/loss", "val acc", "größe", "lr-1.5", "a:b"):
        assert escape(name) == name

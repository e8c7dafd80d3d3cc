"""Check that no two names meet in TensorBoard, and that every folder's name can be one."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from trackhub_tensorboard.names import chart, folder

NAMES = st.text(max_size=30) | st.from_regex(r"(metric:|tags/|about/)*[a-z#]{0,3}(#[0-9]{1,2}){0,3}", fullmatch=True)


@given(NAMES, st.integers(1, 12), NAMES, st.integers(1, 12))
@example("loss", 2, "loss#2", 1)
@example("", 1, "metric:", 1)
@example("tags/a", 1, "metric:tags/a", 1)
def test_charts_stay_apart(one, turn, other, other_turn):
    """Two metrics, or two charts of one, never have one tag."""
    if (one, turn) != (other, other_turn):
        assert chart(one, turn) != chart(other, other_turn)


@given(NAMES)
def test_charts_leave_room_for_what_is_shown_beside(name):
    """No metric takes the tag of a text, an image or the HPARAMS page."""
    assert not chart(name, 1).startswith(("tags/", "artifacts/", "about/", "_hparams_/", "trackhub/"))


@given(st.text(max_size=300))
@example("events.out.tfevents.1")
@example("TFEVENTS")
@example("aux.txt")
@example(".." * 50)
def test_folders_can_be_made(name):
    """A folder's name is one part of a path, short enough, not hidden, and no event file's."""
    made = folder(name)
    assert made
    assert "/" not in made
    assert made[0] not in ".~ "
    assert len(made.encode()) <= 122
    assert "tfevents" not in made.lower()

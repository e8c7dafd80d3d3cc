"""A run's status from its events, in whatever order attempts begin and end."""

from __future__ import annotations

import itertools

import pytest

from trackhub.model.events import RunEnded, RunResumed, RunStarted, TagsSet, UnknownEvent
from trackhub.model.life import RunLife


def start(time: int = 1, attempt: str = "w1") -> RunStarted:
    """Return the beginning of an attempt."""
    return RunStarted(time=time, id="0" * 32, name="a", project="p", attempt=attempt)


def end(time: int, attempt: str = "w1", status: str = "finished", **more) -> RunEnded:
    """Return the end of an attempt."""
    return RunEnded(time=time, status=status, attempt=attempt, **more)


def life(*events) -> RunLife:
    """Return a life of these events."""
    found = RunLife()
    for event in events:
        found.apply(event)
    return found


def test_nothing_yet():
    """A run of which nothing is known runs, and has not ended."""
    found = life()
    assert (found.started, found.status, found.end, found.resumed, found.open_attempts) == (
        None,
        "running",
        None,
        False,
        (),
    )


@pytest.mark.parametrize("status", ["finished", "failed", "killed", "crashed"])
def test_ended(status):
    """A run stands as its attempt ended."""
    found = life(start(), end(9, status=status, reason="why"))
    assert (found.status, found.end.time, found.end.reason) == (status, 9, "why")
    assert not found.resumed


def test_resumed():
    """A run that was opened again runs until that attempt ends, and then stands as it did."""
    events = [start(), end(5, status="crashed"), RunResumed(time=6, attempt="w2")]
    assert life(*events).status == "running"
    assert life(*events).open_attempts == ("w2",)
    assert life(*events).resumed
    assert life(*events, end(9, "w2")).end.status == "finished"


def test_attempts_side_by_side():
    """A run of several ranks runs until the last one ends, and stands as that one."""
    events = [start(), RunResumed(time=2, attempt="w2", rank=1), end(5, "w2", "failed")]
    assert life(*events).status == "running"
    assert life(*events, end(4)).status == "failed"
    assert life(*events, end(6)).status == "finished"


def test_own_word_outranks_an_inferred_one():
    """What a process said of its own end counts, whenever another one inferred something else."""
    own = end(5, status="finished")
    inferred = end(9, status="crashed", inferred=True)
    for events in itertools.permutations([own, inferred]):
        assert life(start(), *events).end.status == "finished"
        assert life(start(), *events).end.time == 5


def test_only_its_own_word_closes_an_attempt():
    """After an inferred end a process that was only silent may go on; after its own, nothing comes."""
    inferred = end(9, status="crashed", inferred=True)
    assert life(start(), inferred).closed_attempts == ()
    for events in itertools.permutations([end(5), inferred]):
        assert life(start(), *events).closed_attempts == ("w1",)


def test_later_of_two_inferred():
    """Of two that were inferred, or two of its own, the later counts."""
    for inferred in (True, False):
        ends = [end(5, status="killed", inferred=inferred), end(9, status="crashed", inferred=inferred)]
        for events in itertools.permutations(ends):
            assert life(start(), *events).end.status == "crashed"


def test_events_in_any_order():
    """The order in which events of several segments come changes nothing."""
    events = [start(), end(5, status="crashed", inferred=True), RunResumed(time=6, attempt="w2"), end(9, "w2")]
    found = {
        (life(*order).status, life(*order).end.time, life(*order).resumed) for order in itertools.permutations(events)
    }
    assert found == {("finished", 9, True)}


def test_first_start():
    """The earliest start says who the run is."""
    assert life(start(5, "w2"), start(2, "w1"), start(7, "w3")).started.time == 2


def test_other_events():
    """Other events change nothing, those of a newer trackhub neither."""
    found = life(start(), TagsSet(time=2, tags={}), UnknownEvent(time=3, type="moon", fields={}))
    assert found.status == "running"

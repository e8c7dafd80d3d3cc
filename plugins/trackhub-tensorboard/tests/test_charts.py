"""Check where points are drawn."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event
from trackhub_tensorboard.charts import draw

from trackhub.model.entities import MetricPoint

STEPS = st.none() | st.integers(-3, 6) | st.integers() | st.floats(-3, 6) | st.floats()
POINTS = st.lists(
    st.builds(MetricPoint, st.sampled_from(["a", "b", "a#2", ""]), st.floats(-9, 9), STEPS, st.integers(0, 3)),
    max_size=60,
)


def drawn(events):
    for event in events:
        parsed = Event.FromString(event[12:-4])
        for value in parsed.summary.value:
            yield value.tag, parsed.step


@given(POINTS)
def test_every_point_is_drawn_once_and_no_chart_steps_back(points):
    """TensorBoard hides nothing: within a chart steps rise, and there are as many points as there were."""
    made = draw(points, {})
    charts = defaultdict(list)
    for tag, step in drawn(made.events):
        charts[tag].append(step)
    assert sum(map(len, charts.values())) == len(points) == sum(made.groups)
    most = 2**63 - 1
    for steps in charts.values():
        assert all(one < other or one == other == most for one, other in pairwise(steps))


@given(POINTS, st.integers(0, 60))
def test_a_batch_goes_on_where_the_one_before_ended(points, cut):
    """Two batches are drawn as one would be."""
    one = draw(points[:cut], {})
    other = draw(points[cut:], one.heads)
    assert [*drawn(one.events), *drawn(other.events)] == list(drawn(draw(points, {}).events))


def test_points_of_one_call_share_an_event():
    """Five scalars of a step cost the frame, the time and the step once."""
    points = [MetricPoint(name, 0.5, step, step) for step in (1, 2) for name in "abcde"]
    assert draw(points, {}).groups == [5, 5]


def test_what_is_shown_otherwise_is_told():
    """Each deviation of a metric is a note, once a call."""
    points = [MetricPoint("a", 0.5, step, 0) for step in (1, 1, None, None)]
    points += [MetricPoint("tags/x", 10**400, 1, 0)]
    told = [(note.kind, note.subject) for note in draw(points, {}).notes]
    assert told == [("escaped", "a"), ("beside", "a"), ("escaped", "tags/x"), ("beside", "tags/x")]

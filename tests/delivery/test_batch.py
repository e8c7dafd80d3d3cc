from __future__ import annotations

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from support.journals import WrittenRun

from trackhub.backend import Limits
from trackhub.delivery.batch import collect
from trackhub.journal.artifacts import ArtifactStore
from trackhub.journal.journal import JournalReader
from trackhub.model.events import ArtifactLogged, ParamsLogged, TagsSet

KINDS = st.lists(st.sampled_from(["row", "wide", "params", "tags", "artifact"]), max_size=40)


def write(tmp_path_factory, kinds):
    written = WrittenRun(tmp_path_factory.mktemp("store"))
    entry = ArtifactStore(written.folder.artifacts).keep_bytes(b"x", "x")
    for index, kind in enumerate(kinds):
        if kind == "row":
            written.writer.row_at(written.tick(), {"a": float(index)}, index)
        elif kind == "wide":
            written.writer.row_at(written.tick(), {f"w{n}": float(index) for n in range(7)}, index)
        elif kind == "params":
            written.writer.append(ParamsLogged(time=written.tick(), params={f"p{index}": index}))
        elif kind == "tags":
            written.writer.append(TagsSet(time=written.tick(), tags={f"t{index % 3}": str(index)}))
        else:
            written.writer.append(ArtifactLogged(time=written.tick(), name="x", type="f", files=(entry,)))
    return written


@hypothesis_settings(max_examples=60, deadline=None)
@given(kinds=KINDS, points=st.integers(1, 9), entries=st.integers(1, 4))
def test_batches_hold_everything_once_and_in_order(tmp_path_factory, kinds, points, entries):
    """Batches together are the journal: nothing lost, doubled or moved, and each within its limits."""
    written = write(tmp_path_factory, kinds)
    limits = Limits(points=points, params=entries, tags=entries)
    reader, contents = JournalReader(written.folder), []
    while (content := collect(reader, limits)).events:
        contents.append(content)
    whole = [placed.event for placed in JournalReader(written.folder).events()]
    assert [event for content in contents for event in content.events] == whole
    for content in contents:
        wide = len(content.events) == 1
        assert len(content.points) <= points or wide
        assert len(content.params) <= entries
        assert len(content.tags) <= entries
        assert content.alone is None or len(content.events) == 1


@hypothesis_settings(max_examples=40, deadline=None)
@given(kinds=KINDS, points=st.integers(1, 9), number=st.integers(0, 20))
def test_a_batch_is_the_same_when_it_is_taken_again(tmp_path_factory, kinds, points, number):
    """From the same cursor to the same end, a batch holds the same events, whatever was written since."""
    written = write(tmp_path_factory, kinds)
    limits = Limits(points=points)
    reader = JournalReader(written.folder)
    before = dict(reader.position)
    content = collect(reader, limits)
    for _ in range(number):
        if not content.events:
            break
        before = dict(reader.position)
        content = collect(reader, limits)
    written.new_writer("w0").row_at(1, {"early": 1.0})  # a time before everything, in a segment before the first
    written.rows(3)
    again = collect(JournalReader(written.folder, before), limits, until=content.end)
    assert again.events == content.events

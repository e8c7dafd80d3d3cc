"""One run in two stores, each delivered to the same vendor: every point is there once."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from support.fakes import FakeBackend, calls_to
from transfer.conftest import Elsewhere, drain

from trackhub import hookimpl
from trackhub.delivery.lane import RunLane, Surroundings
from trackhub.errors import RetryLater
from trackhub.hub import segment_header
from trackhub.journal.store import Store
from trackhub.journal.writer import JournalWriter
from trackhub.model.events import RunResumed
from trackhub.model.identity import identity_of
from trackhub.query.compare import verify


def held(elsewhere: Elsewhere, run_id: str) -> Counter:
    return Counter(map(identity_of, elsewhere.backend.vendor.load(run_id).points.values()))


def places(elsewhere: Elsewhere, run_id: str) -> list[int]:
    return sorted(elsewhere.backend.vendor.load(run_id).points)


def deliver(elsewhere: Elsewhere, folder) -> None:
    drain(RunLane(folder, elsewhere.calls))


def test_what_was_imported_is_not_delivered_again(elsewhere, tmp_path):
    """A run that went from a vendor into a store and back is what it was."""
    written = elsewhere.run()
    written.end()
    elsewhere.deliver(written)
    before = held(elsewhere, written.id)
    elsewhere.bring(tmp_path / "store")
    folder = Store(tmp_path / "store").find(written.id)
    deliver(elsewhere, folder)
    assert held(elsewhere, written.id) == before
    assert verify(folder, elsewhere.calls).equal


def test_two_stores_go_on_with_one_run(elsewhere, tmp_path):
    """What either store adds arrives once, at dense places, whichever delivers first, and again and again."""
    written = elsewhere.run()
    elsewhere.deliver(written)
    elsewhere.bring(tmp_path / "store")
    folder = Store(tmp_path / "store").find(written.id)
    other = JournalWriter(folder.journal, lambda: segment_header(folder, "zz", role="run"))
    other.append(RunResumed(time=written.now + 10, attempt="zz"))
    wanted = held(elsewhere, written.id)
    for turn in range(3):
        time = written.now + 10**9 * (turn + 1)
        other.row_at(time, {"loss": 10.0 + turn}, 100 + turn)
        deliver(elsewhere, folder)
        written.now = time + 1000
        written.row({"loss": 20.0 + turn}, 200 + turn)
        elsewhere.deliver(written)
    added = held(elsewhere, written.id) - wanted
    assert sorted(step for _, step, *_ in added.elements()) == [100, 101, 102, 200, 201, 202]
    assert held(elsewhere, written.id).total() == wanted.total() + 6
    assert places(elsewhere, written.id) == list(range(wanted.total() + 6))


def test_what_is_imported_later_is_not_delivered_again(elsewhere, tmp_path):
    """Points that the vendor has from the other store, and that come here by a later import, stay one."""
    written = elsewhere.run()
    elsewhere.deliver(written)
    store = tmp_path / "store"
    elsewhere.bring(store)
    folder = Store(store).find(written.id)
    deliver(elsewhere, folder)
    written.rows(5, first=300)
    elsewhere.deliver(written)
    other = JournalWriter(folder.journal, lambda: segment_header(folder, "zz", role="run"))
    other.append(RunResumed(time=written.now + 10, attempt="zz"))
    other.row_at(written.now + 20, {"loss": 5.0}, 400)
    deliver(elsewhere, folder)
    before = held(elsewhere, written.id)
    [run] = elsewhere.bring(store).runs
    assert run.added == {"points": 5}
    deliver(elsewhere, folder)
    assert held(elsewhere, written.id) == before
    assert verify(folder, elsewhere.calls).differing.get("points", 0) == 0


@pytest.mark.parametrize("kept", [True, False])
def test_an_answer_lost_while_merging(elsewhere, tmp_path, kept):
    """A batch whose outcome is not known, given by a process that is gone, is not given twice: the vendor is asked."""
    written = elsewhere.run()
    elsewhere.deliver(written)
    elsewhere.bring(tmp_path / "store")
    folder = Store(tmp_path / "store").find(written.id)
    other = JournalWriter(folder.journal, lambda: segment_header(folder, "zz", role="run"))
    other.append(RunResumed(time=written.now + 10, attempt="zz"))
    for step in range(5):
        other.row_at(written.now + 20 + step, {"loss": 5.0}, 100)
    put = elsewhere.backend.put

    def lose(held, points, batch):
        put(held, points, batch)
        held.position = batch.position if kept else held.position
        elsewhere.backend.vendor.save(held)
        elsewhere.backend.put = put
        raise RetryLater("no answer")

    elsewhere.backend.put = lose
    lane = RunLane(folder, elsewhere.calls, Surroundings(random=lambda: 0.0))
    while elsewhere.backend.put is lose:
        lane.step()
    lane.close()
    deliver(elsewhere, folder)
    added = held(elsewhere, written.id)
    assert sum(count for (name, step, *_), count in added.items() if (name, step) == ("loss", 100)) == 5
    assert verify(folder, elsewhere.calls).differing.get("points", 0) == 0


def test_a_vendor_that_cannot_be_read_is_left_alone(elsewhere, tmp_path):
    """Without a way to see what arrived from the other store, nothing is delivered and a person is told."""

    class Unread(FakeBackend):
        @hookimpl
        def trackhub_start_run(self, run):
            return msgspec.structs.replace(super().trackhub_start_run(run), position='{"elsewhere-1": 500, "#": 7}')

    written = elsewhere.run()
    backend = Unread()
    lane = RunLane(written.folder, calls_to(backend))
    lane.step()
    report = lane.report()
    lane.close()
    assert report.state == "stopped"
    assert "delivered there from another store" in report.error
    assert not backend.points
    assert not backend.params

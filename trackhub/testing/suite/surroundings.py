"""Give what a run belongs to: what it ran on, and its parent."""

from __future__ import annotations

from typing import Any

from trackhub.model.entities import ParentRun
from trackhub.model.ids import new_run_id
from trackhub.testing.bench import Bench
from trackhub.testing.comparing import expect, same, same_mapping
from trackhub.testing.faults import Record
from trackhub.testing.gates import needs
from trackhub.testing.sentences import states

_ENVIRONMENT: dict[str, Any] = {
    "python": {"version": "3.11.8", "packages": {"numpy": "2.1", "é": "1"}},
    "git": {"commit": "0" * 40, "dirty": True, "branch": None},
    "devices": [{"name": "A100", "memory": 85_899_345_920}, {"name": "A100", "memory": 85_899_345_920}],
    "load": 0.25,
}


class Surroundings:
    """Check environments and parents."""

    @states("H1")
    @needs("log_environment", "read_run")
    def test_the_environment_comes_back(self, bench: Bench) -> None:
        """Nested values keep their places and types."""
        run = bench.begin()
        run.environment(_ENVIRONMENT)
        same_mapping("environment", run.record().environment, _ENVIRONMENT)

    @states("H2")
    @needs("log_environment", "read_run")
    def test_a_later_environment_counts(self, bench: Bench) -> None:
        """A run that goes on elsewhere ran there last; the same again is no other."""
        run = bench.begin()
        later = {**_ENVIRONMENT, "load": 0.75, "host": "other"}
        run.environment(_ENVIRONMENT)
        run.environment(later)
        run.elsewhere()
        run.environment(later)
        same_mapping("environment", run.record().environment, later)

    @states("F1")
    @needs("read_run")
    def test_the_parent_comes_back(self, bench: Bench) -> None:
        """A child tells its parent's id; a run without a parent tells none."""
        parent = bench.begin()
        child = bench.begin(parent=ParentRun(id=parent.info.id, ref=parent.ref))
        same("the parent", child.record().parent, parent.info.id)
        same("the parent's parent", parent.record().parent, None)

    @states("F2")
    @needs("read_run")
    def test_a_parent_that_is_not_there(self, bench: Bench) -> None:
        """A child waits for no parent that never comes, and does not forget it."""
        elsewhere = new_run_id()
        child = bench.begin(parent=ParentRun(id=elsewhere))
        child.elsewhere()
        same("the parent", child.record().parent, elsewhere)

    @states("F3")
    @needs("read_run")
    def test_a_parent_comes_before_its_child(self, bench: Bench) -> None:
        """Whatever the order in which runs are handed over, the child's start knows its parent's run."""
        parent = bench.written(name="parent")
        child = bench.written(name="child", parent=parent.id)
        for written in (parent, child):
            written.end()
        record = Record()
        report = bench.sync([child.folder, parent.folder], record)
        expect(report.complete, f"not delivered: {report.destinations}")
        starts = [(given[0], ref) for hook, given, ref in record.calls if hook == "start_run"]
        same("the runs in the order of their starts", [info.id for info, _ in starts], [parent.id, child.id])
        expect(starts[1][0].parent.ref is not None, "the child was given no RunRef of its parent")
        same("the parent's RunRef.id", starts[1][0].parent.ref.id, starts[0][1].id)
        same("the parent", bench.given(child).record().parent, parent.id)

    @states("F4")
    @needs("finish_run", "read_run")
    def test_parent_and_child_end_each_for_itself(self, bench: Bench) -> None:
        """A sweep goes on when one of its runs has ended, and the other way round."""
        parent = bench.begin()
        child, other = (bench.begin(parent=ParentRun(id=parent.info.id, ref=parent.ref)) for _ in range(2))
        child.end("failed")
        same("the parent's status", parent.record().status, "running")
        parent.end("finished")
        same("the other child's status", other.record().status, "running")
        same("the child's status", child.record().status, "failed")

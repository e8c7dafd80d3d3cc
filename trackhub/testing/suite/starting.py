"""Start runs, and start them again; each is one run on the vendor, as it was described."""

from __future__ import annotations

import msgspec

from trackhub.testing.bench import Bench
from trackhub.testing.comparing import expect, same, same_points, same_time
from trackhub.testing.gates import needs
from trackhub.testing.given import point
from trackhub.testing.sentences import states

_ODD = "é日🤖 \"q\" 'a' #%41 / \\ <b> a:b ,;="


class Starting:
    """Check how a run begins."""

    @states("S1")
    def test_starting_returns_a_ref(self, bench: Bench) -> None:
        """The vendor's own id is a text that is not empty."""
        ref = bench.begin().ref
        expect(isinstance(ref.id, str) and ref.id, f"RunRef.id is {ref.id!r}")

    @states("S2")
    def test_the_same_backend_finds_its_run_again(self, bench: Bench) -> None:
        """A second start in one process is no second run."""
        run = bench.begin()
        same("RunRef.id", run.calls.start_run(run.info).id, run.ref.id)

    @states("S3")
    def test_another_process_finds_the_run_again(self, bench: Bench) -> None:
        """A second start by a backend that remembers nothing is no second run."""
        run = bench.begin()
        same("RunRef.id", run.elsewhere().id, run.ref.id)

    @states("S3")
    @needs("search_runs")
    def test_a_run_started_twice_is_listed_once(self, bench: Bench) -> None:
        """There is one run of an id, however often it was started."""
        run = bench.begin(project=f"{bench.info().project}-once")
        for _ in range(2):
            run.elsewhere()
        listed = [record.id for record in bench.read.search(run.info.project) if record.id == run.info.id]
        same("how often the run is listed", len(listed), 1)

    @states("S4")
    def test_one_name_for_two_runs(self, bench: Bench) -> None:
        """Names need not differ on the vendor."""
        one, other = bench.begin(name="twin"), bench.begin(name="twin")
        expect(one.ref.id != other.ref.id, "two runs of one name became one")

    @states("S5")
    @needs("read_run")
    def test_who_a_run_is_comes_back(self, bench: Bench) -> None:
        """Our id, the name and the project are what they were."""
        for name, project in (("plain", bench.info().project), (_ODD, f"{bench.info().project} {_ODD}")):
            run = bench.begin(name=name, project=project)
            record = run.record()
            same("the id", record.id, run.info.id)
            same("the name", record.name, name)
            same("the project", record.project, project)

    @states("S6")
    @needs("read_run")
    def test_the_start_time_comes_back(self, bench: Bench) -> None:
        """A run that is delivered years later began when it began."""
        run = bench.begin()
        same_time("the start time", run.record().started, run.info.started)

    @states("S7")
    @needs("read_run")
    def test_the_group_comes_back(self, bench: Bench) -> None:
        """A group is kept, and its absence too."""
        same("the group", bench.begin(group=_ODD).record().group, _ODD)
        same("the group", bench.begin().record().group, None)

    @states("S8")
    @needs("read_run", "log_params")
    def test_starting_again_takes_nothing_away(self, bench: Bench) -> None:
        """What was given before a restart is there after it."""
        run = bench.begin()
        run.params({"depth": 4})
        run.elsewhere()
        same("the params", run.record().params, {"depth": 4})

    @states("S8")
    @needs("read_run", "finish_run")
    def test_starting_again_keeps_the_end(self, bench: Bench) -> None:
        """A restart of the delivery is no resume of the run."""
        run = bench.begin()
        run.end("failed", ms=7000, reason="ValueError: x")
        run.elsewhere()
        record = run.record()
        same("the status", record.status, "failed")
        same_time("the end time", record.ended, run.info.started + 7_000_000_000)

    @states("S9")
    @needs("log_metrics", "read_metrics")
    def test_runs_by_turns_stay_apart(self, bench: Bench) -> None:
        """One backend serves all the runs of its destination."""
        one, other = bench.begin(), bench.begin()
        first = [point("loss", float(step), step, ms=step) for step in range(6)]
        second = [msgspec.structs.replace(some, value=some.value + 100) for some in first]
        for start in range(0, 6, 2):
            one.batch(tuple(first[start : start + 2]), start=start)
            other.batch(tuple(second[start : start + 2]), start=start)
        same_points(one.held(), first)
        same_points(other.held(), second)

"""Read runs back: one, a project's, all; what is not there is not there."""

from __future__ import annotations

import math

from trackhub.model.ids import new_run_id
from trackhub.testing.bench import Bench
from trackhub.testing.comparing import expect, same, same_mapping, same_points
from trackhub.testing.gates import needs
from trackhub.testing.given import point
from trackhub.testing.sentences import states


class Recall:
    """Check the read hooks."""

    @states("R1")
    @needs("read_run")
    def test_a_run_that_is_not_there(self, bench: Bench) -> None:
        """A run that nobody delivered reads as None, in a project that is there and in none."""
        run = bench.begin()
        for project in (run.info.project, f"{run.info.project}-absent", None):
            same("the run", bench.read.run(new_run_id(), project), None)

    @states("R2")
    @needs("read_run")
    def test_a_run_without_its_project(self, bench: Bench) -> None:
        """Our id is enough to find a run."""
        run = bench.begin()
        found = bench.read.run(run.info.id, None)
        expect(found is not None, "the run is not found without its project")
        same("the run", found and (found.id, found.project), (run.info.id, run.info.project))

    @states("R3")
    @needs("search_runs")
    def test_the_runs_of_a_project(self, bench: Bench) -> None:
        """All of them, and none of another project whose name is alike."""
        project = f"{bench.info().project}-search"
        runs = {bench.begin(project=project, name=f"n{number}").info.id for number in range(3)}
        for other in (f"{project}2", project.upper(), project[:-1]):
            bench.begin(project=other)
        same("the ids", sorted(record.id for record in bench.read.search(project)), sorted(runs))

    @states("R4")
    @needs("search_runs")
    def test_the_runs_of_all_projects(self, bench: Bench) -> None:
        """Without a project, nothing is left out."""
        project = bench.info().project
        runs = {bench.begin(project=f"{project}-{number}").info.id for number in range(2)}
        missing = runs - {record.id for record in bench.read.search(None)}
        expect(not missing, f"{len(missing)} of {len(runs)} runs are missing in a search of all projects")

    @states("R5")
    @needs("search_runs")
    def test_a_project_that_is_not_there(self, bench: Bench) -> None:
        """It has no runs; that is no error."""
        same("the runs", list(bench.read.search(f"{bench.info().project}-absent")), [])

    @states("R6")
    @needs("log_metrics", "read_run")
    def test_last_values(self, bench: Bench) -> None:
        """A listing shows where each metric stands, with its type."""
        run = bench.begin()
        run.points([point("loss", 1.0 / step, step, ms=step) for step in range(1, 6)])
        run.points([point("epoch", 7, 6, ms=7), point("done", value=True, step=6, ms=7), point("a/b é", 0.5, 6, ms=7)])
        same_mapping("metric", run.record().metrics, {"loss": 0.2, "epoch": 7, "done": True, "a/b é": 0.5})

    @states("R7")
    @needs("read_metrics")
    def test_a_run_without_points(self, bench: Bench) -> None:
        """It reads as empty."""
        run = bench.begin()
        same("the points", run.held(), [])
        if bench.read.can("list_artifacts"):
            same("the files", list(bench.read.files(run.ref)), [])

    @states("R8")
    @needs("read_run")
    def test_a_record_leads_to_its_run(self, bench: Bench) -> None:
        """What was read can be read further."""
        run = bench.begin()
        ref = run.record().ref
        same("RunRecord.ref", ref and ref.id, run.ref.id)
        if bench.read.can("search_runs"):
            found = {record.id: record.ref for record in bench.read.search(run.info.project)}.get(run.info.id)
            same("RunRecord.ref in a search", found and found.id, run.ref.id)

    @states("R9")
    @needs("log_metrics", "read_run", "read_metrics")
    def test_reading_changes_nothing(self, bench: Bench) -> None:
        """A run that was read twice is the run that was read once."""
        run = bench.begin()
        run.points([point("loss", number / 3, number, ms=number) for number in range(4)])
        first = (str(run.record()), run.held())
        same("what is read", (str(run.record()), run.held()), first)

    @states("R10")
    @needs("log_metrics", "read_metrics", "read_columns")
    def test_columns_are_the_points(self, bench: Bench) -> None:
        """What is read in bulk is what is read one by one: every type, repeated, decreasing and missing steps."""
        run = bench.begin()
        run.points([point("loss", 1.0 / step, step, ms=number) for number, step in enumerate((1, 2, 2, 1, 3))])
        run.points([point("mixed", value, step, ms=7) for step, value in ((0, 1), (None, math.nan), (0.5, math.inf))])
        run.points([point("whole", step, step, ms=7) for step in (3, 3.0)])
        run.points([point("done", value=True, step=1, ms=8), point("seed", 2**70, 1, ms=8), point("a/b é", 1.5, 9)])
        found = [each for columns in bench.open().read_columns(run.ref) for each in columns.points()]
        same_points(found, run.held(), times=True)
        for name in {each.name for each in found}:
            told = [each.value for each in found if each.name == name]
            same(f"the order of {name!r}", told, [each.value for each in run.held() if each.name == name])

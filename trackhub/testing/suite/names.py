"""Give names of every shape; each comes back, and no two become one."""

from __future__ import annotations

from trackhub.testing.bench import Bench
from trackhub.testing.comparing import same, same_mapping, same_points
from trackhub.testing.gates import needs
from trackhub.testing.given import point
from trackhub.testing.sentences import states
from trackhub.testing.suite.samples import NAMES, RESERVED


class Names:
    """Check names."""

    @states("N1")
    @needs("log_metrics", "read_metrics")
    def test_metrics_come_back_under_their_names(self, bench: Bench) -> None:
        """Each name of every shape is read as it was given, alone in its run."""
        for name in (*NAMES[::3], *NAMES[-3:]):
            run = bench.begin()
            run.points([point(name, 0.5, 1)])
            same("the name", [one.name for one in run.held()], [name])

    @states("N2")
    @needs("log_metrics", "read_metrics")
    def test_metrics_that_are_alike_stay_apart(self, bench: Bench) -> None:
        """Names that differ in case, in what is escaped, or far behind, are different series."""
        run = bench.begin()
        points = [point(name, number / 3, step, ms=step) for step in (1, 2) for number, name in enumerate(NAMES)]
        run.points(points, size=20)
        same_points(run.held(), points)

    @states("N3")
    @needs("log_params", "read_run")
    def test_params_come_back_under_their_names(self, bench: Bench) -> None:
        """Params of every name come back, each with its own value."""
        run = bench.begin()
        params = {name: number for number, name in enumerate(NAMES)}
        run.params(params)
        held = run.record().params
        same_mapping("param", held, params)
        same("how many params there are", len(held), len(params))

    @states("N4")
    @needs("set_tags", "read_run")
    def test_tags_come_back_under_their_names(self, bench: Bench) -> None:
        """Tags of every name come back, each with its own text."""
        run = bench.begin()
        tags = {name: f"text {number}" for number, name in enumerate(NAMES)}
        run.tags(tags)
        held = run.record().tags
        same_mapping("tag", held, tags)
        same("how many tags there are", len(held), len(tags))

    @states("N5")
    @needs("log_metrics", "log_params", "set_tags", "read_metrics", "read_run")
    def test_one_name_for_three_things(self, bench: Bench) -> None:
        """A metric, a param and a tag may share their name."""
        run = bench.begin()
        run.params({"lr": 0.1})
        run.tags({"lr": "a tag"})
        run.points([point("lr", 0.5, 1)])
        record = run.record()
        same("the param", record.params, {"lr": 0.1})
        same("the tag", record.tags, {"lr": "a tag"})
        same_points(run.held(), [point("lr", 0.5, 1)])

    @states("N6")
    @needs("set_tags", "read_run")
    def test_names_like_our_own_are_the_users(self, bench: Bench) -> None:
        """A user's tag cannot rename, end or lose a run."""
        run = bench.begin()
        before = run.record()
        run.tags(dict.fromkeys(RESERVED, "mine"))
        same("RunRef.id, found again", run.elsewhere().id, run.ref.id)
        record = run.record()
        same_mapping("tag", record.tags, dict.fromkeys(RESERVED, "mine"))
        same("the run", (record.id, record.name, record.status), (before.id, before.name, before.status))

"""Register artifacts as versions of models, and move aliases between them."""

from __future__ import annotations

from trackhub.model.entities import ModelRecord
from trackhub.model.ids import new_run_id
from trackhub.testing.bench import PROJECT, Bench
from trackhub.testing.comparing import expect, same, same_time
from trackhub.testing.gates import needs
from trackhub.testing.given import BEGAN, MS, GivenRun
from trackhub.testing.sentences import states
from trackhub.testing.suite.samples import MODELS

_REGISTER = ("log_artifact", "register_model_version", "read_models")
_MOVE = (*_REGISTER, "set_model_alias")


class Models:
    """Check the registry: versions of models, and aliases that move while their history stays."""

    @states("Y1")
    @needs(*_REGISTER)
    def test_a_registered_version_comes_back(self, bench: Bench) -> None:
        """All that says which version it is."""
        run, model = bench.begin(), _new("digits")
        run.artifact("weights", {"w": b"first"}, version=1, type="model")
        run.artifact("weights", {"w": b"second"}, version=2, type="model")
        run.register(model, "weights", version=2, ms=1007)
        (held,) = bench.read.models(model)
        same("the version", _place(held), (model, run.info.id, "weights", 2))
        same_time("the time", held.time, BEGAN + 1007 * MS)
        same("its aliases and moves", (held.aliases, held.moves), ((), ()))

    @states("Y2")
    @needs(*_REGISTER)
    def test_the_same_version_registered_again(self, bench: Bench) -> None:
        """A version that is given again, here or in another process, also with a later time, is there once."""
        run, model = bench.begin(), _new("digits")
        run.artifact("weights", {"w": b"first"})
        for _ in range(2):
            run.register(model, "weights", ms=5)
            run.register(model, "weights", ms=9000)
            run.elsewhere()
        (held,) = bench.read.models(model)
        same_time("the time", held.time, BEGAN + 5 * MS)

    @states("Y3")
    @needs(*_REGISTER)
    def test_versions_stay_apart(self, bench: Bench) -> None:
        """Two contents of one artifact, two artifacts, two runs: each is a version of its own."""
        model, wanted = _new("digits"), set()
        for _ in range(2):
            run = bench.begin()
            for artifact, version in (("weights", 1), ("weights", 2), ("weights/more", 1)):
                run.artifact(artifact, {"w": f"{artifact} {version}".encode()}, version=version)
                run.register(model, artifact, version=version)
                wanted.add((model, run.info.id, artifact, version))
        held = bench.read.models(model)
        same("the versions", sorted(map(_place, held)), sorted(wanted))
        numbers = [one.number for one in held if one.number is not None]
        same("how many numbers there are", len(set(numbers)), len(numbers))

    @states("Y4")
    @needs(*_MOVE)
    def test_models_come_back_under_their_names(self, bench: Bench) -> None:
        """Names that are alike for vendors that simplify."""
        run = bench.begin()
        run.artifact("weights", {"w": b"w"})
        stem = _new("m")
        models = [f"{stem} {name}" for name in MODELS]
        for at, model in enumerate(models):
            run.register(model, "weights", ms=at)
        for at, (model, alias) in enumerate(zip(models, MODELS, strict=True)):
            run.alias(model, alias, "weights", ms=100 + at)
        for model, alias in zip(models, MODELS, strict=True):
            same(f"the aliases of {model!r}", [one.aliases for one in bench.read.models(model)], [(alias,)])

    @states("Y4")
    @needs(*_MOVE)
    def test_aliases_of_one_model_stay_apart(self, bench: Bench) -> None:
        """All at once on one version."""
        run, model = bench.begin(), _new("digits")
        run.artifact("weights", {"w": b"w"})
        run.register(model, "weights")
        for at, alias in enumerate(MODELS):
            run.alias(model, alias, "weights", ms=at)
        (held,) = bench.read.models(model)
        same("the aliases", sorted(held.aliases), sorted(MODELS))

    @states("Y5")
    @needs(*_MOVE)
    def test_an_alias_that_moves_leaves_where_it_was(self, bench: Bench) -> None:
        """Between runs too; what is beside it stays."""
        model, other = _new("digits"), _new("letters")
        first, second = _registered(bench, model), _registered(bench, model)
        first.register(other, "weights")
        first.alias(other, "champion", "weights", ms=1)
        first.alias(model, "champion", "weights", ms=2)
        first.alias(model, "first", "weights", ms=3)
        second.alias(model, "champion", "weights", ms=4)
        same("the aliases", _standing(bench, model), {first.info.id: ("first",), second.info.id: ("champion",)})
        same("the other model's", _standing(bench, other), {first.info.id: ("champion",)})

    @states("Y6")
    @needs(*_MOVE)
    def test_the_newest_move_stands(self, bench: Bench) -> None:
        """One that was made earlier and comes later, from a run that was offline, changes nothing that stands."""
        model = _new("digits")
        early, late = _registered(bench, model), _registered(bench, model)
        late.alias(model, "champion", "weights", ms=5000)
        early.alias(model, "champion", "weights", ms=4000)
        same("where it stands", _standing(bench, model), {early.info.id: (), late.info.id: ("champion",)})
        early.elsewhere()
        early.alias(model, "champion", "weights", ms=6000)
        late.alias(model, "champion", "weights", ms=5000)
        same("where it stands", _standing(bench, model), {early.info.id: ("champion",), late.info.id: ()})

    @states("Y7")
    @needs(*_MOVE)
    def test_every_move_stays_in_the_history(self, bench: Bench) -> None:
        """There and back again, each given twice."""
        model = _new("digits")
        one, two = _registered(bench, model), _registered(bench, model)
        for _ in range(2):
            one.alias(model, "champion", "weights", ms=10)
            two.alias(model, "champion", "weights", ms=20)
            one.alias(model, "champion", "weights", ms=30)
            one.alias(model, "candidate", "weights", ms=15)
            one.elsewhere()
        held = {record.run_id: record for record in bench.read.models(model)}
        told = {run: [(move.alias, (move.time - BEGAN) // MS) for move in it.moves] for run, it in held.items()}
        wanted = {
            one.info.id: [("champion", 10), ("candidate", 15), ("champion", 30)],
            two.info.id: [("champion", 20)],
        }
        same("the moves", told, wanted)
        same("the aliases", held[one.info.id].aliases, ("candidate", "champion"))

    @states("Y8")
    @needs(*_MOVE, "finish_run", "read_run")
    def test_a_version_of_a_run_that_has_ended(self, bench: Bench) -> None:
        """Promoted days later: the run is not opened again by that."""
        run, model = bench.begin(), _new("digits")
        run.artifact("weights", {"w": b"w"})
        run.end("failed", ms=1234, reason="why")
        run.elsewhere()
        run.register(model, "weights", ms=5000)
        run.alias(model, "champion", "weights", ms=6000)
        same("the aliases", _standing(bench, model), {run.info.id: ("champion",)})
        record = run.record()
        same("the end", (record.status, record.reason), ("failed", "why"))
        same_time("the end time", record.ended, BEGAN + 1234 * MS)

    @states("Y9")
    @needs(*_REGISTER)
    def test_a_model_is_read_by_its_name(self, bench: Bench) -> None:
        """And all of them without one."""
        run, stem = bench.begin(), _new("m")
        models = [stem, f"{stem}/b", f"{stem}B"]
        run.artifact("weights", {"w": b"w"})
        for model in models:
            run.register(model, "weights")
        for model in models:
            same("the models", [one.model for one in bench.read.models(model)], [model])
        same("what is not there", bench.read.models(_new("nothing")), ())
        every = {one.model for one in bench.read.models(None)}
        expect(every >= set(models), f"among all models there are missing: {sorted(set(models) - every)}")


def _new(name: str) -> str:
    """Return a name that no other test gives; vendors share models between projects."""
    return f"{PROJECT} {new_run_id()[-8:]} {name}"


def _registered(bench: Bench, model: str) -> GivenRun:
    run = bench.begin()
    run.artifact("weights", {"w": run.info.id.encode()})
    run.register(model, "weights")
    return run


def _place(held: ModelRecord) -> tuple[str, str, str, int]:
    return held.model, held.run_id, held.artifact, held.version


def _standing(bench: Bench, model: str) -> dict[str, tuple[str, ...]]:
    return {one.run_id: one.aliases for one in bench.read.models(model)}

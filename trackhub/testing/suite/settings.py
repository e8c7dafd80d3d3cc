"""Give params and tags, set them again, and read them back with their types."""

from __future__ import annotations

from trackhub.errors import Rejected
from trackhub.testing.bench import Bench
from trackhub.testing.comparing import expect, same, same_mapping
from trackhub.testing.gates import needs
from trackhub.testing.sentences import states
from trackhub.testing.suite.samples import LOOKALIKES, PARAMS

_LONG = "".join(chr(0x4E00 + number % 2000) for number in range(20_000))


class Settings:
    """Check params and tags."""

    @states("P1")
    @needs("log_params", "read_run")
    def test_params_keep_their_types(self, bench: Bench) -> None:
        """Anything that JSON can say, and NaN, comes back as what it was."""
        run = bench.begin()
        run.params(PARAMS)
        same_mapping("param", run.record().params, PARAMS)

    @states("P2")
    @needs("log_params", "read_run")
    def test_texts_that_look_otherwise_stay_texts(self, bench: Bench) -> None:
        """A version "1.0" does not become a number."""
        run = bench.begin()
        run.params(LOOKALIKES)
        same_mapping("param", run.record().params, LOOKALIKES)

    @states("P3")
    @needs("log_params", "read_run")
    def test_the_same_param_again(self, bench: Bench) -> None:
        """The same value is taken twice, here and in another process."""
        run = bench.begin()
        for _ in range(2):
            run.params(PARAMS)
            run.params({"text": "adam"})
            run.elsewhere()
        same_mapping("param", run.record().params, PARAMS)
        same("how many params there are", len(run.record().params), len(PARAMS))

    @states("P4")
    @needs("log_params", "read_run")
    def test_a_param_that_the_user_overwrites(self, bench: Bench) -> None:
        """The newest value counts where the user said so, also when it is the first one again."""
        run = bench.begin()
        run.params({"lr": 0.1, "depth": 4, "back": 1})
        run.params({"lr": 0.2, "back": 2}, overwritten=True)
        run.elsewhere()
        run.params({"lr": "third", "back": 1}, overwritten=True)
        same_mapping("param", run.record().params, {"lr": "third", "depth": 4, "back": 1})

    @states("P5")
    @needs("log_params", "read_run")
    def test_a_param_that_is_set_twice(self, bench: Bench) -> None:
        """Two ranks that disagree do not overwrite each other in silence."""
        run = bench.begin()
        run.params({"lr": 0.1})
        try:
            run.params({"lr": 0.2})
        except Rejected as error:
            expect("lr" in str(error), f"the refusal does not name the param: {error}")
        else:
            expect(condition=False, otherwise="another value of a param was taken without Rejected")
        same("the param", run.record().params.get("lr"), 0.1)

    @states("P6")
    @needs("log_params", "read_run")
    def test_a_long_param_is_whole(self, bench: Bench) -> None:
        """Twenty thousand characters come back, every one."""
        run = bench.begin()
        run.params({"prompt": _LONG, "list": [_LONG[:9000]]})
        same_mapping("param", run.record().params, {"prompt": _LONG, "list": [_LONG[:9000]]})

    @states("P7")
    @needs("log_params", "read_run")
    def test_a_full_call_of_params_is_taken(self, bench: Bench) -> None:
        """As many params as the backend says it takes."""
        run = bench.begin()
        params = {f"p{number}": number for number in range(bench.target.spec.limits.params)}
        run.params(params)
        same_mapping("param", run.record().params, params)

    @states("G1")
    @needs("set_tags", "read_run")
    def test_tags_come_back(self, bench: Bench) -> None:
        """Texts of every kind, none of which becomes a number."""
        run = bench.begin()
        tags = {"phase": "baseline", "empty": "", "unicode": "é日🤖\n\t", **LOOKALIKES}
        run.tags(tags)
        same_mapping("tag", run.record().tags, tags)

    @states("G2")
    @needs("set_tags", "read_run")
    def test_a_tag_is_replaced(self, bench: Bench) -> None:
        """The newest text counts, here and in another process."""
        run = bench.begin()
        run.tags({"phase": "one"})
        run.tags({"phase": "two"})
        same("the tag", run.record().tags.get("phase"), "two")
        run.elsewhere()
        run.tags({"phase": ""})
        same("the tag", run.record().tags.get("phase"), "")

    @states("G3")
    @needs("set_tags", "read_run")
    def test_other_tags_stay(self, bench: Bench) -> None:
        """A call that names one tag says nothing of the others."""
        run = bench.begin()
        run.tags({"a": "1", "b": "2"})
        run.tags({"b": "3", "c": "4"})
        same("the tags", run.record().tags, {"a": "1", "b": "3", "c": "4"})

    @states("G4")
    @needs("set_tags", "read_run")
    def test_a_long_tag_is_whole(self, bench: Bench) -> None:
        """Twenty thousand characters come back, every one."""
        run = bench.begin()
        run.tags({"note": _LONG})
        same_mapping("tag", run.record().tags, {"note": _LONG})

    @states("G5")
    @needs("set_tags", "read_run")
    def test_a_full_call_of_tags_is_taken(self, bench: Bench) -> None:
        """As many tags as the backend says it takes."""
        run = bench.begin()
        tags = {f"t{number}": str(number) for number in range(bench.target.spec.limits.tags)}
        run.tags(tags)
        same_mapping("tag", run.record().tags, tags)

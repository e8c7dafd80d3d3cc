from __future__ import annotations

import argparse
import dataclasses
import errno
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import numpy as np
import pytest

import trackhub
from trackhub import hub
from trackhub.delivery.ending import VANISHED
from trackhub.journal.journal import JournalReader
from trackhub.journal.store import Store
from trackhub.journal.writer import JournalWriter
from trackhub.model.events import (
    ArtifactLogged,
    MetricsLogged,
    ParamsLogged,
    RunEnded,
    RunResumed,
    RunStarted,
    TagsSet,
    UnknownEvent,
)
from trackhub.query.summary import read_detail


@pytest.fixture
def start(tmp_path):
    def start(**arguments):
        return trackhub.start_run(project="p", store=tmp_path / "store", delivery="off", capture=False, **arguments)

    return start


def events(run, kind=object):
    return [placed.event for placed in JournalReader(run.folder).events() if isinstance(placed.event, kind)]


def rows(run):
    return [(event.metrics, event.step) for event in events(run, MetricsLogged)]


def test_a_run_logs_all_kinds_of_things(start, tmp_path):
    """Params, tags, metrics and files of one run are events in its journal, in order."""
    (tmp_path / "model.pt").write_bytes(b"weights")
    with start(name="n", params={"model": {"depth": 4}}, tags={"phase": "baseline"}) as run:
        run.log({"loss": 0.3, "acc": 0.9}, step=1)
        run.log_metric("loss", 0.2, step=2)
        run.log_params({"lr": 1e-3})
        run.set_tags({"owner": "me", "n": 3})
        run.log_artifact(tmp_path / "model.pt", name="weights", type="model")
    kinds = [type(event) for event in events(run)]
    assert kinds == [
        RunStarted,
        ParamsLogged,
        TagsSet,
        MetricsLogged,
        MetricsLogged,
        ParamsLogged,
        TagsSet,
        ArtifactLogged,
        RunEnded,
    ]
    assert rows(run) == [({"loss": 0.3, "acc": 0.9}, 1), ({"loss": 0.2}, 2)]
    (artifact,) = events(run, ArtifactLogged)
    assert (artifact.name, artifact.type, artifact.files[0].path) == ("weights", "model", "model.pt")
    assert (run.folder.artifacts / artifact.files[0].sha256).read_bytes() == b"weights"
    assert run.status == "finished"


def test_numbers_of_every_kind_are_kept_exactly(start):
    """Ints of any size, floats, booleans and array scalars come back as the numbers they were."""
    values = {
        "int": 2**53 + 1,
        "huge": -(2**90),
        "float": 0.1,
        "bool": True,
        "nan": math.nan,
        "inf": -math.inf,
        "f32": np.float32(0.1),
        "i64": np.int64(-(2**62)),
        "u64": np.uint64(2**64 - 1),
        "nbool": np.bool_(False),
        "0d": np.array(3),
    }
    with start() as run:
        for _ in range(3):  # the first call learns the layout, later ones take the short way
            run.log(values, step=np.int32(7))
    for metrics, step in rows(run):
        assert step == 7
        assert math.isnan(metrics.pop("nan"))
        assert metrics == {
            "int": 2**53 + 1,
            "huge": -(2**90),
            "float": 0.1,
            "bool": True,
            "inf": -math.inf,
            "f32": float(np.float32(0.1)),
            "i64": -(2**62),
            "u64": 2**64 - 1,
            "nbool": False,
            "0d": 3,
        }
        assert type(metrics["bool"]) is bool
        assert type(metrics["int"]) is int


@pytest.mark.parametrize("value", ["0.5", None, object(), {"a": 1}, [1.0], np.ones(2), 1j, b"1"])
def test_what_is_no_number_is_an_error_before_anything_is_written(start, value):
    """An unusable value names its key, and the other metrics of the call are not written either."""
    with start() as run:
        run.log({"good": 1.0, "bad": 2.0})
        with pytest.raises(TypeError, match="'bad'"):
            run.log({"good": 1.0, "bad": value})
    assert len(rows(run)) == 1


@pytest.mark.parametrize("name", ["", 1, None, b"x"])
def test_a_metric_name_is_a_non_empty_string(start, name):
    """Any other name is a clear error."""
    with start() as run, pytest.raises(TypeError, match="names are non-empty strings"):
        run.log({name: 1.0})


@pytest.mark.parametrize("name", ["a/b c", "é", "🚀", "with\nnewline", "x" * 5000, "%#,[]\\=@"])
def test_any_other_string_is_a_name(start, name):
    """Names of any shape are kept as they are."""
    with start() as run:
        run.log({name: 1.0})
    assert rows(run) == [({name: 1.0}, None)]


@pytest.mark.parametrize("step", ["1", object(), True, [1], math.nan, math.inf])
def test_a_step_is_a_finite_number(start, step):
    """Any other step is an error, and nothing is written."""
    with start() as run, pytest.raises((TypeError, ValueError), match="step"):
        run.log({"a": 1.0}, step=step)
    assert rows(run) == []


def test_steps_are_kept_as_they_were(start):
    """Repeated, decreasing, missing, fractional and huge steps are kept."""
    steps = [5, 5, 3, None, 2.5, -1, 2**70, 0]
    with start() as run:
        for step in steps:
            run.log({"a": 1.0}, step=step)
    assert [step for _, step in rows(run)] == steps


def test_a_param_is_set_once(start):
    """Another value is an error that says both; the same value again is nothing; overwrite allows it."""
    with start(params={"lr": 0.1}) as run:
        run.log_params({"lr": 0.1})
        with pytest.raises(trackhub.ParamConflict, match=r"0\.1.*0\.2"):
            run.log_params({"fresh": 1, "lr": 0.2})
        with pytest.raises(trackhub.ParamConflict):
            run.log_params({"lr": "0.1"})  # a text is no number
        run.log_params({"lr": 0.2}, overwrite=True)
    assert [(event.params, event.overwrite) for event in events(run, ParamsLogged)] == [
        ({"lr": 0.1}, False),
        ({"lr": 0.2}, True),
    ]


def test_params_keep_their_types(start):
    """Nested mappings become dotted keys; None, lists, ints of any size and NaN keep their type."""
    params = {
        "a": {"b": {"c": None}, "d": [1, 2.5, "x", {"k": True}]},
        "big": 2**80,
        "nan": math.nan,
        "empty": {},
        "np": np.float64(1.5),
        "array": np.arange(3),
    }
    with start(params=params) as run:
        pass
    (event,) = events(run, ParamsLogged)
    assert math.isnan(event.params.pop("nan"))
    assert event.params == {
        "a.b.c": None,
        "a.d": [1, 2.5, "x", {"k": True}],
        "big": 2**80,
        "empty": {},
        "np": 1.5,
        "array": [0, 1, 2],
    }


def test_two_params_that_become_one_key_are_an_error(start):
    """Nested and dotted spellings of one key may not differ, and a value may not hold itself."""
    loop = []
    loop.append(loop)
    with start() as run:
        with pytest.raises(trackhub.ParamConflict, match=r"a\.b"):
            run.log_params({"a": {"b": 1}, "a.b": 2})
        with pytest.raises(ValueError, match="two of its keys"):
            run.log_params({"a": [{1: "x", "1": "y"}]})
        with pytest.raises(ValueError, match="holds itself"):
            run.log_params({"a": loop})
    assert events(run, ParamsLogged) == []


def test_a_param_that_is_not_json_like_is_an_error(start):
    """The key is named, and nothing of the call is written."""
    with start() as run, pytest.raises(TypeError, match=r"'model\.fn'"):
        run.log_params({"good": 1, "model": {"fn": print}})
    assert events(run, ParamsLogged) == []


def test_secrets_do_not_reach_the_journal(start, tmp_path):
    """A secret in params, tags, a traceback or a text is nowhere in the store."""
    secret = "hunter2" + "hunter2"
    with pytest.raises(RuntimeError), start(params={"db": {"password": secret}}, tags={"api_key": secret}) as run:  # noqa: PT012
        run.log_params({"url": f"postgres://me:{secret}@host/db", "num_tokens": 512, "tokenizer": "bpe"})
        raise RuntimeError(f"cannot log in with postgres://me:{secret}@host")
    blob = b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert secret.encode() not in blob
    params = {name: value for event in events(run, ParamsLogged) for name, value in event.params.items()}
    assert params["num_tokens"] == 512
    assert params["tokenizer"] == "bpe"


def test_a_finished_run_takes_nothing_more(start, tmp_path):
    """Every write after the end raises RunFinished; finishing again has no effect."""
    (tmp_path / "f").write_text("x")
    run = start()
    run.log({"a": 1})
    run.finish()
    run.finish("failed")
    assert run.status == "finished"
    for write in (
        lambda: run.log({"a": 1}),
        lambda: run.log_metric("a", 1),
        lambda: run.log_params({"b": 1}),
        lambda: run.set_tags({"c": "1"}),
        lambda: run.log_artifact(tmp_path / "f"),
        lambda: run.log_text("x", "x.txt"),
    ):
        with pytest.raises(trackhub.RunFinished):
            write()
    assert len(events(run, RunEnded)) == 1


def test_an_exception_fails_the_run_and_is_raised_on(start):
    """The run is failed for the exception's reason, with its traceback as an artifact."""
    with pytest.raises(ZeroDivisionError), start() as run:
        1 / 0  # noqa: B018
    (end,) = events(run, RunEnded)
    assert (end.status, end.reason) == ("failed", "ZeroDivisionError: division by zero")
    (artifact,) = events(run, ArtifactLogged)
    assert artifact.type == "traceback"
    assert "1 / 0" in (run.folder.artifacts / artifact.files[0].sha256).read_text()


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt(), "killed"), (SystemExit(0), "finished"), (SystemExit(3), "failed"), (None, "finished")],
)
def test_how_a_with_ends_decides_the_status(start, error, status):
    """Ctrl-C is killed, sys.exit(0) is finished, any other exit is failed."""
    try:
        with start() as run:
            if error:
                raise error  # noqa: TRY301
    except BaseException as raised:  # noqa: BLE001
        assert raised is error  # noqa: PT017
    assert run.status == status


def test_names_are_readable_and_unique(start):
    """A given name that is taken gets a number; without one, a readable name is made."""
    names = [start(name="forest").name for _ in range(3)]
    assert names == ["forest", "forest-2", "forest-3"]
    made = {start().name for _ in range(20)}
    assert len(made) == 20
    assert all(name.count("-") == 2 for name in made)


def test_a_run_id_is_hex_and_taken_once(start):
    """An id of another shape is an error that says which; a taken id needs ``resume``."""
    with pytest.raises(trackhub.SettingsError, match="32 lower-case hex digits"):
        start(id="my-run")
    run = start(id="ab" * 16)
    assert run.id == "ab" * 16
    with pytest.raises(trackhub.RunExists, match="resume"):
        start(id="ab" * 16)
    with pytest.raises(trackhub.RunNotFound):
        start(id="cd" * 16, resume="must")
    assert start(id="ef" * 16, resume="allow").status == "running"


def test_a_resumed_run_goes_on(start):
    """Resuming keeps the name, remembers params, and appends to the same run."""
    first = start(name="n", params={"lr": 0.1})
    first.log({"a": 1.0}, step=1)
    first.finish("failed")
    with start(id=first.id, resume="must", name="other") as second:
        assert second.name == "n"
        second.log({"a": 2.0}, step=2)
        with pytest.raises(trackhub.ParamConflict):
            second.log_params({"lr": 0.2})
    assert [step for _, step in rows(second)] == [1, 2]
    assert len(events(second, RunResumed)) == 1
    (view,) = trackhub.runs(second.folder.path.parents[2])
    assert view.status == "finished"


def test_the_environment_alone_resumes_a_run(start, monkeypatch):
    """TRACKHUB_RUN_ID and TRACKHUB_RESUME make a script go on with its run, the script unchanged."""
    monkeypatch.setenv("TRACKHUB_RUN_ID", "ab" * 16)
    monkeypatch.setenv("TRACKHUB_RESUME", "allow")
    for step in range(3):
        with start(name="n") as run:
            run.log({"a": 1.0}, step=step)
    assert run.name == "n"
    assert [step for _, step in rows(run)] == [0, 1, 2]


def test_nested_runs_and_groups_are_kept(start):
    """A child names its parent by run or by id, and its group."""
    parent = start()
    child = start(parent=parent, group="sweep")
    grandchild = start(parent=child.id)
    (begun,) = events(child, RunStarted)
    assert (begun.parent, begun.group) == (parent.id, "sweep")
    assert events(grandchild, RunStarted)[0].parent == child.id


def test_the_current_run_follows_the_context(start):
    """current_run is the innermost open run of this context, and no other thread's."""
    seen, before = [], trackhub.current_run()
    with start() as outer:
        assert trackhub.current_run() is outer
        with start() as inner:
            assert trackhub.current_run() is inner
            thread = threading.Thread(target=lambda: seen.append(trackhub.current_run()))
            thread.start()
            thread.join()
        assert trackhub.current_run() is outer
    assert seen == [None]
    assert trackhub.current_run() is before


def test_disabled_does_nothing(start, tmp_path, monkeypatch):
    """``TRACKHUB_MODE=disabled`` takes every call, writes nothing, and raises nothing."""
    monkeypatch.setenv("TRACKHUB_MODE", "disabled")
    with start(to=["nowhere://x"], params={"a": 1}) as run:
        run.log({"a": object()})
        run.log_artifact("missing")
        assert trackhub.current_run() is run
        assert run.flush().complete
    assert run.status == "finished"
    assert not (tmp_path / "store").exists()


def test_an_artifact_is_kept_as_it_was(start, tmp_path):
    """A file that changes afterwards, and a folder with all its files, are kept as they were."""
    (tmp_path / "d" / "sub").mkdir(parents=True)
    (tmp_path / "d" / "a.txt").write_text("a")
    (tmp_path / "d" / "sub" / "é.bin").write_bytes(b"\0")
    with start() as run:
        run.log_artifact(tmp_path / "d")
        (tmp_path / "d" / "a.txt").write_text("changed")
        with pytest.raises((FileNotFoundError, trackhub.StoreError)):
            run.log_artifact(tmp_path / "missing")
        for name in ("", "/abs", "../up", "a/../../b"):
            with pytest.raises((ValueError, TypeError)):
                run.log_artifact(tmp_path / "d" / "a.txt", name=name)
    (artifact,) = events(run, ArtifactLogged)
    assert artifact.name == "d"
    assert [file.path for file in artifact.files] == ["a.txt", "sub/é.bin"]
    assert (run.folder.artifacts / artifact.files[0].sha256).read_text() == "a"


def test_a_store_that_cannot_be_written(tmp_path):
    """A store below a file is an error with a remedy; on_error="warn" lets the training go on without."""
    (tmp_path / "file").write_text("")
    with pytest.raises(trackhub.StoreError, match="TRACKHUB_STORE"):
        trackhub.start_run(store=tmp_path / "file" / "store", delivery="off")
    with pytest.warns(RuntimeWarning, match="nothing of this run is kept"):
        run = trackhub.start_run(store=tmp_path / "file" / "store", delivery="off", on_error="warn")
    run.log({"a": 1})
    run.finish()


def test_a_forked_child_leaves_without_ending_the_run(start):
    """A child's finish closes its own segment; the run goes on in the parent."""
    run = start()
    run.log({"a": 1.0})
    child = os.fork()
    if not child:
        try:
            run.log({"a": 2.0})
            run.finish()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert run.status == "running"
    run.log({"a": 3.0})
    run.finish()
    assert sorted(metrics["a"] for metrics, _ in rows(run)) == [1.0, 2.0, 3.0]
    assert len(events(run, RunEnded)) == 1
    assert len(run.folder.segments()) == 2


def test_unknown_destinations_are_said_at_once(start):
    """A scheme that no plugin has is an error before anything is written, with what to do."""
    with pytest.raises(trackhub.SettingsError, match="nosuch"):
        start(to="nosuch://x")


def test_repr_says_which_run_it_is(start):
    """repr() of a run shows its name, project, status and id."""
    run = start(name="n")
    assert repr(run) == f"<Run 'n' of 'p': running, {run.id}>"
    run.finish()


def test_runs_are_read_back(start, tmp_path):
    """trackhub.runs gives what was logged, filtered and ordered."""
    for depth in (2, 4, 8):
        with start(params={"depth": depth}) as run:
            run.log({"acc": 0.8 + depth / 100}, step=1)
    best = trackhub.runs(tmp_path / "store", where="metrics.acc > 0.83", order_by="metrics.acc desc")
    assert [view.params["depth"] for view in best] == [8, 4]
    assert json.dumps(best[0].params)


@pytest.mark.parametrize("name", [7, "", b"name", 1.5])
def test_a_name_that_is_none_leaves_nothing(start, tmp_path, name):
    """Not even a folder that other commands would trip over."""
    with pytest.raises(TypeError, match=r"run name .*: names are non-empty strings"):
        start(name=name)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("given", [{"params": {"a": object()}}, {"tags": ["a"]}, {"tags": {"a": None}}, {"params": 7}])
def test_a_mistake_in_what_a_run_starts_with_shows_before_there_is_one(start, tmp_path, given):
    """No run, none that is current, and what to pass instead."""
    before = trackhub.current_run()
    with pytest.raises(TypeError, match=r"JSON-like|is no mapping; pass a dict|is no text"):
        start(**given)
    assert trackhub.current_run() is before
    assert not (tmp_path / "store").exists()


def test_a_conflict_as_a_run_goes_on_ends_that_attempt(start, tmp_path):
    """Other params than before: the run is there, its second attempt has failed, and none is current."""
    run = start(params={"lr": 0.1})
    run.finish()
    before = trackhub.current_run()
    with pytest.raises(trackhub.ParamConflict):
        start(id=run.id, resume="must", params={"lr": 0.2})
    assert trackhub.current_run() is before
    [found] = trackhub.runs(tmp_path / "store")
    assert (found.status, found.params) == ("failed", {"lr": 0.1})


def test_params_may_be_what_argparse_or_a_dataclass_holds(start, tmp_path):
    """As they are at the top, too."""

    @dataclasses.dataclass
    class Options:
        lr: float = 0.1
        sizes: tuple[int, ...] = (1, 2)

    with start(params=argparse.Namespace(a=5, b=None)) as run:
        run.log_params(Options())
    assert trackhub.runs(tmp_path / "store")[0].params == {"a": 5, "b": None, "lr": 0.1, "sizes": [1, 2]}


def test_a_run_that_was_killed_before_its_first_write_is_no_run(start, tmp_path):
    """Its empty folders are in nobody's way: not listed, not waited for."""
    run = start()
    run.finish()
    store = Store(run.folder.path.parents[2])
    store.run(run.project, "0" * 32).create()
    assert [found.id for found in trackhub.runs(tmp_path / "store")] == [run.id]
    assert [folder.id for folder in store.runs()] == [run.id]


def test_a_store_does_not_hold_itself(start, tmp_path, monkeypatch):
    """Logging the folder in which the store lies keeps the user's files alone; and git does not see the store."""
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text("...")
    for _ in range(3):
        with start() as run:
            run.log_artifact(".", name="code")
    [artifact] = read_detail(run.folder).artifacts
    assert [file.path for file in artifact.files] == ["train.py"]
    assert Path("store/.gitignore").read_text().splitlines()[-1] == "*"


class Disk:
    """Refuse writes that hold some text, as a full disk would."""

    def __init__(self, monkeypatch):
        self._write, self.full_for = os.write, None
        monkeypatch.setattr(os, "write", self)

    def __call__(self, fd, data):
        if self.full_for is not None and self.full_for in data:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._write(fd, data)


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch)


@pytest.mark.parametrize("status", ["success", "running", "", 0, b"failed", "FINISHED"])
def test_a_run_ends_only_as_a_run_can(start, status):
    """Another word is an error before anything is written; the run is open, and can be ended."""
    run = start()
    for end in (run.finish, run.end):
        with pytest.raises(ValueError, match=r"'finished', 'failed', 'killed' or 'crashed'; nothing was written"):
            end(status)
    run.log({"a": 1.0})
    run.finish("failed")
    assert [type(event) for event in events(run)] == [RunStarted, MetricsLogged, RunEnded]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"group": 3}, TypeError),
        ({"group": ""}, TypeError),
        ({"group": "\ud800"}, ValueError),
        ({"parent": 7}, TypeError),
        ({"parent": "forest-1"}, ValueError),
        ({"parent": "\udcff"}, ValueError),
        ({"name": "\udcff"}, ValueError),
    ],
)
def test_what_a_run_belongs_to_is_text(start, tmp_path, given, error):
    """A parent that is no id, a group that is no text: an error that says what to pass, and there is no run."""
    [what] = given
    with pytest.raises(error, match=f"{what}|lone surrogate"):
        start(**given)
    assert not (tmp_path / "store").exists()


def test_what_is_logged_is_checked_before_it_is_written(start, tmp_path):
    """Whatever a call takes is an event that readers know, or an error, and nothing is written."""
    (tmp_path / "f").write_text("x")
    with start() as run:
        for kind in (None, "", 3, b"model"):
            with pytest.raises(TypeError, match=r"type .*: a type is a non-empty string"):
                run.log_artifact(tmp_path / "f", type=kind)
            with pytest.raises(TypeError, match=r"type .*: a type is a non-empty string"):
                run.log_text("x", "x.txt", type=kind)
        with pytest.raises(TypeError, match="bytes is no text"):
            run.log_text(b"x", "x.txt")
        with pytest.raises(ValueError, match="lone surrogate"):
            run.log_text("\udcff", "x.txt")
        for timeout in ("5", None, object()):
            with pytest.raises(TypeError, match="timeout_s"):
                run.flush(timeout)
        with pytest.raises(ValueError, match="timeout_s"):
            run.finish(timeout_s=math.nan)
        run.log_params({"a": 1}, overwrite=1)
        run.set_tags({np.str_("b"): np.str_("c")})
    assert [type(event) for event in events(run)] == [RunStarted, ParamsLogged, TagsSet, RunEnded]
    assert events(run, UnknownEvent) == []


class BrokenError(Exception):
    def __str__(self):
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError("no such file: \udcff.png"), "FileNotFoundError: no such file: \\udcff.png"),
        (BrokenError(), "BrokenError: (its text cannot be had: its __str__ raised RuntimeError)"),
        (SystemExit(["a", "list"]), "SystemExit: ['a', 'list']"),
    ],
)
def test_whatever_an_exception_says_it_comes_out(start, error, reason):
    """A lone surrogate, a broken __str__: the training's own exception leaves the ``with``, and is the reason."""
    with pytest.raises(type(error)) as raised, start() as run:
        raise error
    assert raised.value is error
    [end] = events(run, RunEnded)
    assert (end.status, end.reason) == ("failed", reason)
    assert len(events(run, ArtifactLogged)) == 1


def test_a_full_disk_does_not_replace_the_exception(start, disk):
    """What goes wrong while a run ends is a warning beside the training's own exception."""
    run = start()
    disk.full_for = b"_"
    with pytest.warns(RuntimeWarning, match="ended after an exception"), pytest.raises(ZeroDivisionError), run:
        1 / 0  # noqa: B018
    assert run.status == "running"


def test_a_disabled_run_lets_an_exception_out(start, monkeypatch):
    """As any run does."""
    monkeypatch.setenv("TRACKHUB_MODE", "disabled")
    with pytest.raises(ZeroDivisionError), start():
        1 / 0  # noqa: B018


def test_every_open_run_is_ended_as_the_script_is(tmp_path):
    """An exception that cannot be written as it is ends all of them, and so does one run's trouble."""
    code = """
import trackhub
from trackhub.run import Run
runs = [trackhub.start_run(project="p", name=name, capture=False, store="S") for name in "abc"]
trouble = runs[1].end
def end(*given):
    trouble(*given)
    raise RuntimeError("not this one")
runs[1].end = end
raise FileNotFoundError("no such file: \\udcff.png")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "FileNotFoundError: no such file" in done.stderr
    assert "could not be ended: RuntimeError: not this one" in done.stderr
    assert [view.status for view in trackhub.runs(tmp_path / "S")] == ["failed"] * 3


@pytest.mark.skipif(sys.platform != "linux", reason="folders of any bytes")
def test_a_folder_that_is_no_utf8(tmp_path):
    """A project is called after it with escapes, a run there is delivered, and a destination there is an error."""
    folder = os.path.join(os.fsencode(tmp_path), b"caf\xe9")  # noqa: PTH118 - bytes
    os.mkdir(folder)  # noqa: PTH102
    code = """
import trackhub, sys
with trackhub.start_run(to=sys.argv[1:], delivery="process") as run:
    run.log({"a": 1.0})
print(run.project, trackhub.runs()[0].status, run.finish().destinations[0].points)
"""

    def train(to):
        return subprocess.run(
            [sys.executable, "-c", code, to], cwd=folder, capture_output=True, text=True, check=False, timeout=50
        )

    assert train(f"local:{tmp_path}/out").stdout == "caf\\xe9 finished 1\n"
    assert "SettingsError: destination" in train("local:out").stderr


def test_a_forked_child_is_not_held_by_its_parents_threads(start):
    """A fork while another thread logs params leaves the child a run that takes more."""
    run, held, free = start(), threading.Event(), threading.Event()

    def hold():
        with run._lock:
            held.set()
            free.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    child = os.fork()
    if not child:
        signal.alarm(5)
        run.log_params({"child": 1})
        os._exit(0)
    free.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
    assert [event.params for event in events(run, ParamsLogged)] == [{"child": 1}]


@pytest.mark.filterwarnings("ignore:trackhub:RuntimeWarning")
def test_what_was_not_kept_is_kept_when_it_is_logged_again(start, disk, tmp_path):
    """With on_error="warn", a call whose write failed has left nothing that a later one would agree with."""
    (tmp_path / "f").write_text("x")
    run = start(on_error="warn")
    disk.full_for = b"params_logged"
    run.log_params({"seed": 1})
    disk.full_for = b"model_registered"
    run.log_artifact(tmp_path / "f", name="w")
    run.register_model("m", artifact="w", aliases=["lost"])
    disk.full_for = None
    run.log_params({"seed": 1})
    run.register_model("m", artifact="w", aliases=["kept"])
    run.finish()
    found = [event for event in events(run) if not isinstance(event, RunStarted | RunEnded | ArtifactLogged)]
    assert [getattr(event, "params", None) or getattr(event, "alias", event.__class__.__name__) for event in found] == [
        {"seed": 1},
        "ModelRegistered",
        "kept",
    ]


def test_an_artifact_that_was_not_there_is_not_known(start):
    """A model of it cannot be registered."""
    with start() as run:
        with pytest.raises(FileNotFoundError):
            run.log_artifact("missing", name="w")
        with pytest.raises(ValueError, match="has logged none"):
            run.register_model("m", artifact="w")


def test_a_param_conflicts_with_the_value_that_stands(start, tmp_path):
    """Of two ranks' values the first is shown, and is what a resumed run must agree with."""
    first = start(id="ab" * 16)
    second = start(id="ab" * 16, resume="allow")
    first.log_params({"lr": 0.1})
    second.log_params({"lr": 0.2})
    second.log_params({"lr": 0.3, "depth": 4}, overwrite=True)
    first.finish()
    second.finish()
    [view] = trackhub.runs(tmp_path / "store")
    with start(id="ab" * 16, resume="must") as run:
        run.log_params(view.params)
        with pytest.raises(trackhub.ParamConflict, match=r"0\.3.*0\.1"):
            run.log_params({"lr": 0.1})


def test_the_first_of_two_ranks_params_stands(start, tmp_path):
    """Without an overwrite, too."""
    first = start(id="ab" * 16)
    second = start(id="ab" * 16, resume="allow")
    first.log_params({"lr": 0.1})
    second.log_params({"lr": 0.2})
    first.finish()
    second.finish()
    assert trackhub.runs(tmp_path / "store")[0].params == {"lr": 0.1}
    with start(id="ab" * 16, resume="must") as run:
        run.log_params({"lr": 0.1})
        with pytest.raises(trackhub.ParamConflict):
            run.log_params({"lr": 0.2})


def test_no_run_that_has_ended_is_current(start):
    """In whatever order runs end, and wherever."""
    before = trackhub.current_run()
    first, second = start(), start()
    first.finish()
    assert trackhub.current_run() is second
    second.finish()
    assert trackhub.current_run() is before
    outer, inner = start(), start()
    with outer:
        assert trackhub.current_run() is outer
        thread = threading.Thread(target=inner.finish)
        thread.start()
        thread.join()
    assert trackhub.current_run() is before


@pytest.mark.parametrize("on_error", ["warn", "raise"])
def test_an_end_that_could_not_be_written_can_be_written_later(start, disk, tmp_path, on_error):
    """The run says that it is running, as its journal does, until finish() is repeated; it ends as it was to end."""
    run = start(on_error=on_error)
    disk.full_for = b"run_ended"
    if on_error == "warn":
        with pytest.warns(match="No space left"), pytest.warns(match=r"the end of run .* is not written"):
            run.finish("failed")
    else:
        with pytest.raises(trackhub.StoreError):
            run.finish("failed")
    assert (run.status, trackhub.runs(tmp_path / "store")[0].status) == ("running", "running")
    assert trackhub.current_run() is not run
    disk.full_for = None
    run.finish()
    assert (run.status, trackhub.runs(tmp_path / "store")[0].status) == ("failed", "failed")
    assert len(events(run, RunEnded)) == 1


def test_an_int_of_thousands_of_digits_is_a_param(start, tmp_path):
    """Python's limit on decimal digits is none of a run's."""
    big = 10**5000 + 7
    with start(params={"n": big}) as run:
        run.log({"n": big, "x": 1.0}, step=1)
        run.set_tags({"n": big})
        with pytest.raises(trackhub.ParamConflict, match="a int too long to show"):
            run.log_params({"n": big + 1})
    [view] = trackhub.runs(tmp_path / "store")
    assert (view.params, view.metrics["n"]) == ({"n": big}, big)
    assert len(view.tags["n"]) == 5001


def test_a_run_resumed_under_a_slower_clock_stands_as_it_ended_last(start, tmp_path, monkeypatch):
    """Attempts are in the order in which they were made, though one machine's clock is behind the other's."""
    real = time.time_ns
    start(id="ab" * 16).finish("killed")
    monkeypatch.setattr(time, "time_ns", lambda: real() - 60 * 10**9)
    with start(id="ab" * 16, resume="must") as run:
        run.log({"a": 1.0})
        monkeypatch.setattr(time, "time_ns", lambda: real() - 90 * 10**9)
    assert trackhub.runs(tmp_path / "store")[0].status == "finished"
    assert [event.status for event in events(run, RunEnded)] == ["killed", "finished"]


def test_an_imported_run_that_is_resumed_here_ends_here(start, tmp_path):
    """What ran elsewhere is ended by inference, so that the run stands as it ended here."""
    folder = Store(tmp_path / "store").run("p", uuid.uuid4().hex)
    folder.create()
    # A process that is gone, as an import is by then; and an import that is told of an attempt keeps its name.
    writer = JournalWriter(folder.journal, lambda: hub.new_import_header(folder))
    writer.append(RunStarted(time=1000, id=folder.id, name="n", project="p", attempt="theirs"))
    writer.close()
    with start(id=folder.id, resume="must") as run:
        run.log({"a": 1.0})
    [view] = trackhub.runs(tmp_path / "store")
    assert view.status == "finished"
    [theirs, ours] = events(run, RunEnded)
    assert (theirs.attempt, theirs.status, theirs.time, theirs.inferred) == ("theirs", "crashed", 1000, True)
    assert theirs.reason != VANISHED
    assert (ours.status, ours.inferred) == ("finished", False)

"""The commands that list models and move their aliases."""

from __future__ import annotations

import json

import pytest

import trackhub


@pytest.fixture
def registered():
    runs = []
    for name in ("one", "two"):
        with trackhub.start_run(project="p", name=name, capture=False) as run:
            run.log_text(name, name="w")
            run.register_model("digits", artifact="w", aliases=["best"])
        runs.append(run)
    return runs


def test_models_are_listed(invoke, registered):
    """A line a version, tab-separated in a pipe; all of it as JSON."""
    lines = invoke("models").stdout.splitlines()
    assert lines[0].split("\t")[:4] == ["model", "aliases", "run", "artifact"]
    assert [line.split("\t")[:3] for line in lines[1:]] == [
        ["digits", "", registered[0].id],
        ["digits", "best", registered[1].id],
    ]
    told = json.loads(invoke("models", "digits", "--json").stdout)
    assert [(one["run"], one["aliases"], len(one["moves"])) for one in told] == [
        (registered[0].id, [], 1),
        (registered[1].id, ["best"], 1),
    ]
    assert json.loads(invoke("models", "nothing", "--json").stdout) == []


def test_an_alias_is_moved(invoke, registered):
    """To another run's version, and by the name of the run."""
    done = invoke("alias", "digits", "best", "one")
    assert done.exit_code == 0
    assert "trackhub sync" in done.stderr
    assert [one.aliases for one in trackhub.models()] == [("best",), ()]
    assert "best, best" in invoke("show", "one").stdout
    [model] = json.loads(invoke("show", "one", "--json").stdout)["models"]
    assert [move["alias"] for move in model["moves"]] == ["best", "best"]


def test_what_is_not_there_is_said(invoke, registered):
    """With a near name, and nothing is written."""
    done = invoke("alias", "digit", "best", "one")
    assert (done.exit_code, "did you mean" in done.stderr) == (1, True)
    assert invoke("alias", "digits", "best", "three").exit_code == 1
    assert [one.aliases for one in trackhub.models()] == [(), ("best",)]

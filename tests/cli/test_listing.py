"""``trackhub ls``, ``show`` and ``cat``: what people and scripts read."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trackhub import start_run


def test_ls_lists_runs_newest_first(invoke: Any, forest: Any, failed: Any) -> None:
    """A listing in a pipe is tab-separated below its titles, with whole ids."""
    lines = [line.split("\t") for line in invoke("ls").stdout.splitlines()]
    assert lines[0] == ["id", "name", "project", "status", "started", "duration", "points"]
    assert [line[:4] for line in lines[1:]] == [
        [failed.id, "tree-1", "digits", "failed"],
        [forest.id, "forest-1", "digits", "finished"],
    ]
    assert [line[6] for line in lines[1:]] == ["1", "10"]


def test_ls_filters_orders_and_shows_columns(invoke: Any, forest: Any, failed: Any) -> None:
    """Options choose the runs, their order, their number and further columns."""
    assert forest.id != failed.id
    found = invoke("ls", "-w", "params.model.depth = 4", "-c", "metrics.acc", "-c", 'tags."my owner"')
    title, row = (line.split("\t") for line in found.stdout.splitlines())
    assert title[-2:] == ["metrics.acc", "tags.my owner"]
    assert row[-2:] == ["0.8", r"anna\x1b[31m"], "what a terminal would obey is shown, not sent"
    found = invoke("ls", "--order-by", "metrics.acc desc", "-n", "1")
    assert [line.split("\t")[1] for line in found.stdout.splitlines()] == ["name", "forest-1"]


def test_ls_says_json(invoke: Any, forest: Any) -> None:
    """JSON has everything of a summary: NaN as text, ints with every digit, times to the nanosecond."""
    (run,) = json.loads(invoke("ls", "--json").stdout)
    assert (run["id"], run["status"], run["points"]) == (forest.id, "finished", 10)
    assert run["params"] == {"model.depth": 4, "seed": 2**80}
    assert run["metrics"]["bad"]["value"] == "NaN"
    assert run["metrics"]["acc"] | {"time": None} == {"value": 0.8, "step": 4, "time": None, "count": 5}
    assert len(run["started"]) == len("2026-11-21T03:26:17.123456789Z")


def test_ls_hints_at_a_name_that_no_run_has(invoke: Any, forest: Any) -> None:
    """A filter that nothing can match names, on stderr, the field that was probably meant."""
    assert forest
    found = invoke("ls", "-w", "metrics.ac > 0.1")
    assert found.exit_code == 0
    assert found.stderr == "no run has metrics.ac; did you mean metrics.acc?\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-w", "metrics.acc > "), "expected a number"),
        (("-o", "acc"), "order_by: there is no field 'acc'"),
        (("-c", "acc"), "--column: there is no field 'acc'"),
        (("-n", "0"), "Invalid value for '--limit'"),
        (("--bogus",), "No such option"),
    ],
)
def test_ls_calls_a_mistake_a_mistake(execute: Any, forest: Any, arguments: tuple[str, ...], message: str) -> None:
    """A mistake in the command is exit code 2 and an explanation, without a traceback."""
    assert forest
    found = execute("ls", *arguments)
    assert (found.returncode, found.stdout) == (2, "")
    assert message in found.stderr
    assert "Traceback" not in found.stderr


def test_ls_without_a_store_says_so(execute: Any, tmp_path: Path) -> None:
    """Where there is no store, the listing fails and says what to do; none is made."""
    found = execute("ls")
    assert found.returncode == 1
    assert found.stderr.startswith(f"trackhub: there is no store at {tmp_path}/.trackhub; pass --store")
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_the_traceback(execute: Any) -> None:
    """With --debug an error comes with its traceback."""
    assert "Traceback" in execute("--debug", "ls").stderr


def test_the_store_comes_from_option_environment_or_file(
    invoke: Any, forest: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command finds its store as the settings do."""
    held, elsewhere = forest.folder.path.parents[2], tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert invoke("ls").exit_code == 1
    assert forest.id in invoke("ls", "--store", str(held)).stdout
    monkeypatch.setenv("TRACKHUB_STORE", str(held))
    assert forest.id in invoke("ls").stdout
    monkeypatch.delenv("TRACKHUB_STORE")
    (elsewhere / "trackhub.toml").write_text('store = "../.trackhub"')
    assert forest.id in invoke("ls").stdout


def test_show_tells_all_of_a_run(invoke: Any, forest: Any, failed: Any) -> None:
    """A run is shown with its params, tags, newest values, artifacts and how it ended."""
    shown = invoke("show", "forest-1").stdout
    for line in (f"id\t{forest.id}", "model.depth\t4", f"seed\t{2**80}", "acc\t0.8\t4\t5", "status\tfinished"):
        assert line in shown.splitlines()
    assert "note\ttext\t1\tnote.txt\t6 B\t" in shown
    assert "status\tfailed (ValueError: no luck)" in invoke("show", failed.id[:-1]).stdout


def test_show_says_json(invoke: Any, forest: Any) -> None:
    """JSON has the artifacts, the environment, the destinations and the damage too."""
    run = json.loads(invoke("show", "digits/forest-1", "--json").stdout)
    assert run["id"] == forest.id
    assert [(item["name"], item["version"], item["files"][0]["path"]) for item in run["artifacts"]] == [
        ("note", 1, "note.txt")
    ]
    assert (run["environment"], run["destinations"], run["damage"]) == ({}, [], [])


def test_show_says_damage(invoke: Any, forest: Any) -> None:
    """Bytes that do not verify are shown with their place."""
    with forest.folder.segments()[0].open("ab") as file:
        file.write(b"torn")
    assert "\t4\ttorn or damaged tail" in invoke("show", "forest-1").stdout


@pytest.mark.parametrize("command", ["show", "cat"])
def test_an_unknown_run_names_near_ones(invoke: Any, forest: Any, command: str) -> None:
    """A run that is not there is an error that names what may have been meant."""
    assert forest
    found = invoke(command, "forst-1")
    assert found.exit_code == 1
    assert "no run 'forst-1'" in found.stderr
    assert "did you mean 'forest-1'?" in found.stderr


def test_cat_prints_the_journal_as_json_lines(invoke: Any, forest: Any) -> None:
    """Each event is a line of JSON, in order of time, as it was written."""
    events = [json.loads(line) for line in invoke("cat", "forest-1").stdout.splitlines()]
    kinds = [event["event"] for event in events]
    assert (kinds[0], kinds[-1]) == ("run_started", "run_ended")
    assert [event["time"] for event in events] == sorted(event["time"] for event in events)
    rows = [event for event in events if event["event"] == "metrics_logged"]
    assert rows[4]["metrics"] == {"acc": 0.8, "bad": "NaN"}
    assert rows[4]["step"] == 4
    (params,) = (event["params"] for event in events if event["event"] == "params_logged")
    assert params["seed"] == 2**80
    assert forest.id == events[0]["id"]


def test_cat_ends_quietly_when_its_reader_does(execute: Any, forest: Any) -> None:
    """``trackhub cat … | head -1`` prints a line and no complaint."""
    assert forest
    command = f"{sys.executable} -m trackhub.cli cat forest-1 | head -c 10"
    found = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert (found.stdout, found.stderr) == ('{"event": ', "")


def on_a_terminal(*arguments: str, columns: int = 80) -> str:
    """Return what a command says on a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "trackhub.cli", *arguments]
    env = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    said = b""
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=env) as child:
        os.close(theirs)
        with contextlib.suppress(OSError):  # Linux says so when the other end is closed
            while piece := os.read(ours, 1 << 16):
                said += piece
        assert child.wait() == 0
    os.close(ours)
    return said.decode()


def plain(said: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;]*m", "", said).splitlines()


def test_a_terminal_gets_a_table(forest: Any) -> None:
    """On a terminal runs come as a table with colours; ids are whole, or left out where there is no room."""
    said = on_a_terminal("ls", columns=120)
    assert "\x1b[32mfinished\x1b[0m" in said
    assert forest.id in said
    narrow = on_a_terminal("ls", columns=80)
    assert forest.name in narrow
    assert forest.id[:8] not in narrow
    assert max(map(len, plain(narrow))) <= 80


def test_a_narrow_terminal_gets_paragraphs(forest: Any) -> None:
    """Where a row has no room, each of its cells is a line: nothing is squeezed or cut."""
    lines = plain(on_a_terminal("ls", columns=40))
    assert [line.split() for line in lines[:3]] == [
        ["name", forest.name],
        ["project", "digits"],
        ["status", "finished"],
    ]


def test_a_terminal_is_not_flooded(forest: Any) -> None:
    """On a terminal a listing ends after 50 runs and says how many more there are."""
    for _ in range(60):
        start_run(project="empty", store=forest.folder.path.parents[2], capture=False).finish()
    said = on_a_terminal("ls")
    assert said.count(" empty ") == 50
    assert "11 more; -n 61 shows all" in said

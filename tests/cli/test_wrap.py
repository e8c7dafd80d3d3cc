"""``trackhub run -- COMMAND``: the command stays itself, and its runs go where the options say."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from support.sink import eventually

TRAIN = "import trackhub\nwith trackhub.start_run(name='r') as run: run.log({'x': 1}, step=0)\n"


def test_a_commands_runs_go_where_the_options_say(execute: Any, sink: Path, tmp_path: Path) -> None:
    """Code that names no destination delivers to --to, under --project; stderr tells of its runs."""
    found = execute(
        "run", "--to", f"filesink:{sink}", "-p", "digits", "--store", "held", "--", sys.executable, "-c", TRAIN
    )
    assert (found.returncode, found.stdout) == (0, "")
    (ended,) = sink.glob("*/ends.jsonl")
    run_id = ended.parent.name
    assert found.stderr.startswith(f"trackhub: run r {run_id} finished, 1 points, ")
    assert found.stderr.endswith(f"; filesink:{sink} delivered\n")
    assert (tmp_path / "held" / "runs" / "digits" / run_id).is_dir()


def test_the_exit_code_and_the_streams_are_the_commands(execute: Any) -> None:
    """What the command prints, reads and returns passes through; options after -- are its own."""
    code = "import sys; print(sys.stdin.read(), sys.argv[1:]); print('e', file=sys.stderr); sys.exit(7)"
    found = execute("run", "--", sys.executable, "-c", code, "--help", "--to", "x", input="hello")
    assert (found.returncode, found.stdout, found.stderr) == (7, "hello ['--help', '--to', 'x']\n", "e\n")


def test_offline_runs_stay_in_the_journal(execute: Any, sink: Path) -> None:
    """With --mode offline nothing is delivered, whatever else says so."""
    found = execute(
        "run", "--mode", "offline", "--", sys.executable, "-c", TRAIN, env={"TRACKHUB_TO": f"filesink:{sink}"}
    )
    assert (found.returncode, list(sink.iterdir())) == (0, [])
    assert "finished, 1 points" in found.stderr
    assert "trackhub sync" not in found.stderr


def test_what_is_left_is_said(execute: Any, sink: Path) -> None:
    """A run that could not be delivered in time is said, with what to do."""
    env = {"TRACKHUB_FINISH_TIMEOUT_S": "0.5", "TRACKHUB_LINGER_S": "0"}
    found = execute("run", "--to", f"filesink:{sink}?on=down", "--", sys.executable, "-c", TRAIN, env=env)
    assert found.returncode == 0
    assert found.stderr.splitlines()[-1].startswith("trackhub: deliveries go on by themselves")


def test_a_crashed_command_is_told(execute: Any) -> None:
    """A command that is killed exits as a shell says it, and its run has crashed."""
    code = (
        TRAIN.replace("run.log", "import os; run.log")
        + "trackhub.start_run(name='s').log({'x': 1}); os.kill(os.getpid(), 9)"
    )
    found = execute("run", "--mode", "offline", "--", sys.executable, "-c", f"import os\n{code}")
    assert found.returncode == 128 + 9
    assert "crashed" in found.stderr.splitlines()[-1]


@pytest.mark.parametrize(("command", "code"), [("no-such-command", 127), ("/dev/null", 126)])
def test_a_command_that_cannot_run_is_said(execute: Any, command: str, code: int) -> None:
    """A command that is not there, or not executable, exits as in a shell."""
    found = execute("run", "--", command)
    assert found.returncode == code
    assert found.stderr.startswith(f"trackhub: {command}: ")


def test_no_command_is_a_mistake(execute: Any) -> None:
    """Without a command there is nothing to run."""
    assert execute("run").returncode == 2


def test_a_wrong_option_stops_before_the_command(execute: Any) -> None:
    """A setting that cannot be is an error before anything runs."""
    found = execute("run", "--mode", "onlin", "--", sys.executable, "-c", "print('ran')")
    assert (found.returncode, found.stdout) == (2, "")
    assert "mode = 'onlin'" in found.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_signals_are_passed_on(start: Any, tmp_path: Path, number: signal.Signals) -> None:
    """A signal reaches the command, which decides what it means."""
    code = (
        "import signal, sys, pathlib, time\n"
        f"signal.signal({int(number)}, lambda *_: sys.exit(42))\n"
        "pathlib.Path('ready').touch()\n"
        "time.sleep(30)"
    )
    with start("run", "--", sys.executable, "-c", code) as wrapped:
        eventually((tmp_path / "ready").exists)
        wrapped.send_signal(number)
        assert wrapped.wait(timeout=20) == 42


def test_a_destination_that_cannot_be_is_said_before_the_command_runs(execute: Any, tmp_path: Path) -> None:
    """Not after it has loaded its data."""
    mark = tmp_path / "mark"
    found = execute("run", "--to", "mlfow+http://x", "--", "touch", str(mark))
    assert (found.returncode, mark.exists()) == (2, False)
    assert "no plugin for 'mlfow'" in found.stderr

"""The command line as a whole: help, versions, exit codes."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import trackhub
from trackhub.cli.app import app

COMMANDS = (
    *("demo", "run", "ls", "show", "cat", "sync", "status", "verify", "forget"),
    *("models", "alias", "import", "export", "doctor", "plugins"),
)
_NO_LISTING = {"run", "cat", "alias", "forget"}
HEAVY = ("numpy", "sklearn", "matplotlib", "mlflow", "pandas", "trackhub.hub", "pydantic")


def test_the_commands_are_those_of_the_design() -> None:
    """Each command of the design is there, in the order of use."""
    commands = [command.name for command in app.registered_commands]
    assert [*commands, *(group.name for group in app.registered_groups)] == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_examples(invoke: Any, command: str) -> None:
    """The help of a command has a line that can be typed."""
    found = invoke(command, "--help")
    assert found.exit_code == 0
    assert f"  trackhub {command}" in found.stdout


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in _NO_LISTING])
def test_every_listing_has_json(invoke: Any, command: str) -> None:
    """Whatever lists something can say it as JSON."""
    assert "--json" in invoke(command, "--help").stdout


def test_help_and_version(execute: Any) -> None:
    """``trackhub`` alone and with --help explains itself; --version says the version."""
    assert execute("--help").returncode == 0
    assert "Commands:" in execute().stdout + execute().stderr
    assert execute("--version").stdout == f"trackhub {trackhub.__version__}\n"


def test_an_unknown_command_is_a_mistake(execute: Any) -> None:
    """A command that is not there is exit code 2."""
    found = execute("list")
    assert found.returncode == 2
    assert "No such command 'list'" in found.stderr


def test_help_imports_nothing_heavy() -> None:
    """``trackhub --help`` is quick: it imports neither the library's wiring nor anybody's framework."""
    code = (
        "import sys\nfrom trackhub.cli.app import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stderr == "[]\n"

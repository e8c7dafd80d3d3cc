"""``trackhub plugins check``: the suite against a real destination, and the card that it prints."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]


@pytest.fixture
def reference(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which the reference backend is an installed plugin."""
    info = tmp_path / "site" / "reference-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: reference\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[trackhub]\nreference = testing.reference\n")
    path = [str(tmp_path / "site"), str(TESTS), str(TESTS / "support" / "site"), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, path))}


def test_a_backend_that_is_right(execute: Any, reference: dict[str, str], tmp_path: Path) -> None:
    """Nothing fails, the exit code is 0, and the card says what it can; all as JSON, too."""
    url = f"reference://vendor{tmp_path}/held"
    found = execute("plugins", "check", url, "--json", "--unreachable", url.replace(":", "+down:", 1), env=reference)
    assert found.returncode == 0, found.stdout
    card = json.loads(found.stdout)
    assert (card["passed"], card["broken"], card["plugin"]) == (True, [], "reference 1.0")
    results = {outcome["test"]: outcome["result"] for outcome in card["outcomes"]}
    assert results["test_offering_imports_no_sdk"] == results["test_errors_tell_no_password"] == "passed"
    assert results["test_credentials_that_are_refused"] == "not supported"


def test_a_backend_that_is_not(execute: Any, reference: dict[str, str], tmp_path: Path) -> None:
    """Exit code 1; the card tells the sentence stderr which tests failed. A name in the settings will do."""
    sink = tmp_path / "sink"
    sink.mkdir()
    (tmp_path / "trackhub.toml").write_text(f'[destinations]\nprod = "filesink:{sink}"\n')
    found = execute("plugins", "check", "prod", env=reference)
    assert found.returncode == 1
    assert "O2: `BackendSpec.capabilities` names exactly the hooks that the backend implements." in found.stdout
    assert "no trackhub_read_metrics" in found.stdout
    assert "test_capabilities_are_those_of_the_backend" in found.stderr
    table = execute("plugins", "check", "prod", "--markdown", env=reference).stdout
    assert table.splitlines()[0] == "|  | filesink 1.0 |"


def test_a_name_alone_is_no_destination(invoke: Any) -> None:
    """The suite writes, so it wants to be told where."""
    found = invoke("plugins", "check", "reference")
    assert found.exit_code == 2
    assert "give a URL that the suite may write to" in found.stderr


def test_a_plugin_that_is_missing(invoke: Any) -> None:
    """What to install is said in one line."""
    found = invoke("plugins", "check", "nobody://has/it")
    assert found.exit_code == 1
    assert "no plugin for 'nobody' is installed" in found.stderr

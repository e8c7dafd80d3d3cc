"""``trackhub demo``: a real training arrives in a real MLflow, and is read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.fakes import calls_to
from support.mirror import Mirror

from trackhub import hub
from trackhub.cli.demo import demo
from trackhub.journal.store import Store

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")


@pytest.mark.vendor("mlflow")
@pytest.mark.timeout(120)
def test_the_demo_arrives_in_mlflow(execute: Any, tmp_path: Path) -> None:
    """With nothing configured, the demo trains, delivers to MLflow, reads back, and compares."""
    pytest.importorskip("trackhub_mlflow")
    found = execute("demo", "--epochs", "2", timeout=110)
    assert found.returncode == 0, found.stderr
    title, row = (line.split("\t") for line in found.stdout.splitlines()[:2])
    said = dict(zip(title, row, strict=True))
    database = tmp_path / "trackhub-demo" / "mlflow.db"
    assert database.exists()
    assert said | {"run": "", "tags": ""} == {
        "run": "",
        "status": "finished",
        "destination": f"mlflow+sqlite:///{database}",
        "points": "88",
        "params": "8",
        "tags": "",
        "files": "2",
        "result": "equal",
    }
    assert f"trackhub show {said['run']}" in found.stdout
    assert f"mlflow ui --backend-store-uri sqlite:///{database}" in found.stdout


def test_the_demo_fails_when_something_differs(
    invoke: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sink: Path
) -> None:
    """What does not come back as it was logged is a failure, and shown."""

    def forgetful(url: str, settings: object) -> object:
        (folder,) = Store(tmp_path / ".trackhub").runs()
        mirror = Mirror(folder)
        mirror.points.pop()
        return calls_to(mirror, url=url)

    monkeypatch.setenv("TRACKHUB_CAPTURE", "false")
    monkeypatch.setattr(hub, "destinations_of", lambda settings: ())
    monkeypatch.setattr(hub, "open_backend", forgetful)
    found = invoke("demo", "--epochs", "1", "--to", f"filesink:{sink}", "--json")
    (report,) = json.loads(found.stdout)
    assert (found.exit_code, report["differing"]) == (1, {"points": 1})
    assert report["ours"] == {"points": 44, "params": 8, "tags": 2, "files": 2}


def test_the_demo_says_what_is_missing(invoke: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without scikit-learn the demo says what to install."""
    monkeypatch.setattr(f"{demo.__module__}.importlib.util.find_spec", lambda name: None)
    found = invoke("demo")
    assert found.exit_code == 1
    assert 'pip install "trackhub-core[demo]"' in found.stderr

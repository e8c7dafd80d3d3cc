"""``trackhub doctor`` and ``plugins``: what stands in the way of a run, told in bounded time."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from trackhub import hub
from trackhub.errors import RetryLater, Unauthorized
from trackhub.model.entities import Connection


def findings(found: Any) -> dict[str, tuple[str, str]]:
    return {one["about"]: (one["state"], one["detail"]) for one in json.loads(found.stdout)}


class Server:
    """Be a backend whose server answers as a test says."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def can(self, hook: str) -> bool:
        return hook == "check_connection"

    def check_connection(self, deadline: float) -> Connection:
        assert deadline > time.monotonic()
        return self._answer()

    def close(self) -> None:
        pass


def raising(error: BaseException) -> Any:
    def answer() -> Connection:
        raise error

    return answer


def test_all_is_well(invoke: Any, tmp_path: Path) -> None:
    """With nothing configured, the doctor says what is there, and makes no store."""
    found = invoke("doctor", "--json")
    said = findings(found)
    assert found.exit_code == 0
    assert said["store"] == ("ok", f"{tmp_path}/.trackhub is not there yet and can be made")
    assert said["store space"][0] == "ok"
    assert "none configured" in said["destinations"][1]
    assert list(tmp_path.iterdir()) == []


def test_settings_are_shown_with_their_origin(invoke: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting that somebody set is shown with where; what may be secret is not."""
    Path("trackhub.toml").write_text('project = "digits"\n[destinations]\nlab = "nowhere+http://me:secret@host"\n')
    monkeypatch.setenv("TRACKHUB_MODE", "offline")
    found = invoke("doctor", "--json", "--timeout", "5")
    said = findings(found)
    assert said["setting project"] == ("ok", f"digits (from {Path.cwd()}/trackhub.toml)")
    assert said["setting mode"] == ("ok", "offline (from TRACKHUB_MODE)")
    assert said["setting destinations.lab"][1].startswith("nowhere+http://host (from ")
    assert said["destination lab"][0] == "failed"
    assert "no plugin for 'nowhere'" in said["destination lab"][1]
    assert "secret" not in found.output
    assert found.exit_code == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_store_that_cannot_be_written_is_a_failure(invoke: Any, tmp_path: Path) -> None:
    """A read-only store has failed, with what to do."""
    (tmp_path / "held").mkdir(mode=0o500)
    found = invoke("doctor", "--json", "--store", "held")
    assert findings(found)["store"][0] == "failed"
    assert found.exit_code == 1


@pytest.mark.parametrize(
    ("answer", "state", "detail"),
    [
        (lambda: Connection(version="3.1", account="ann"), "ok", "reachable, version 3.1, as ann"),
        (raising(RetryLater("connection refused")), "failed", "not reachable: connection refused"),
        (raising(Unauthorized("set KEY")), "failed", "its credentials are missing or refused: set KEY"),
        (raising(ZeroDivisionError("oops")), "failed", "ZeroDivisionError: oops"),
        (raising(SystemExit(3)), "failed", "SystemExit: 3"),
    ],
)
def test_destinations_are_asked(
    invoke: Any, monkeypatch: pytest.MonkeyPatch, answer: Any, state: str, detail: str
) -> None:
    """Each destination is asked who it is; whatever a vendor does, it is a line of the answer."""
    monkeypatch.setattr(hub, "open_backend", lambda url, settings: Server(answer))
    found = invoke("doctor", "--json", "--to", "fake://vendor")
    assert findings(found)["destination fake://vendor"] == (state, detail)
    assert found.exit_code == (0 if state == "ok" else 1)


def test_what_a_vendor_prints_is_not_the_answer(invoke: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that prints does not spoil the JSON."""

    def answer() -> Connection:
        print("Welcome!")  # noqa: T201
        return Connection(version="1")

    monkeypatch.setattr(hub, "open_backend", lambda url, settings: Server(answer))
    assert findings(invoke("doctor", "--json", "--to", "fake://vendor"))["destination fake://vendor"][0] == "ok"


def test_a_vendor_that_hangs_holds_nothing_up(execute: Any, tmp_path: Path) -> None:
    """A client that never answers is said to hang; the others answer, and the exit is in time."""
    site = tmp_path / "site"
    info = site / "hanging-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hanging\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[trackhub]\nhanging = hanging\n")
    (site / "hanging.py").write_text(
        "import threading, time\n"
        "from trackhub import hookimpl\n"
        "from trackhub.backend import BackendSpec\n"
        "class Hanging:\n"
        "    @hookimpl\n"
        "    def trackhub_start_run(self, run): pass\n"
        "    @hookimpl\n"
        "    def trackhub_check_connection(self):\n"
        "        threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "        time.sleep(60)\n"
        "@hookimpl\n"
        "def trackhub_backends():\n"
        "    yield BackendSpec(scheme='hanging', factory=lambda destination, options: Hanging())\n"
    )
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    began = time.monotonic()
    found = execute("doctor", "--json", "--timeout", "1", "--to", "hanging:,nowhere:", env={"PYTHONPATH": path})
    assert time.monotonic() - began < 20
    said = findings(found)
    assert said["destination hanging:"] == ("failed", "no answer within 1 s: it hangs, or it is far away")
    assert "no plugin for 'nowhere'" in said["destination nowhere:"][1]
    assert said["plugin hanging"][0] == "ok"
    assert found.returncode == 1


def test_plugins_lists_what_is_installed(execute: Any) -> None:
    """Each plugin is a line with its distribution and the URLs that it serves."""
    rows = [line.split("\t") for line in execute("plugins").stdout.splitlines()]
    assert rows[0] == ["plugin", "distribution", "URLs", "hookspec", "can", "about"]
    assert ["filesink", "filesink 1.0", "filesink", "1.0", "", "files, for tests"] in rows
    entries = json.loads(execute("plugins", "--json").stdout)
    assert "filesink" in [entry["name"] for entry in entries]


def test_a_broken_plugin_is_one_line(execute: Any, tmp_path: Path) -> None:
    """A plugin that cannot be imported is listed with the reason, and harms nobody else."""
    info = tmp_path / "site" / "broken-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[trackhub]\nbroken = no_such_module\n")
    path = os.pathsep.join(filter(None, [str(tmp_path / "site"), os.environ.get("PYTHONPATH")]))
    found = execute("plugins", env={"PYTHONPATH": path})
    assert found.returncode == 0
    (line,) = [line for line in found.stdout.splitlines() if line.startswith("broken")]
    assert "broken 1.0 cannot be loaded: ModuleNotFoundError" in line
    assert execute("doctor", env={"PYTHONPATH": path}).returncode == 1

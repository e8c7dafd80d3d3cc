"""``trackhub sync``, ``status`` and ``verify``: delivering by hand, and proving it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.fakes import calls_to
from support.mirror import Mirror
from support.sink import eventually

from trackhub import hub


def delivered(sink: Path) -> list[str]:
    """Return the ids of the runs that the sink has whole."""
    return sorted(path.parent.name for path in sink.glob("*/ends.jsonl"))


def test_sync_delivers_every_run(execute: Any, forest: Any, failed: Any, sink: Path) -> None:
    """Without a name every run of the store is delivered; success is exit code 0."""
    found = execute("sync", "--to", f"filesink:{sink}")
    assert (found.returncode, found.stderr) == (0, "")
    title, row = (line.split("\t") for line in found.stdout.splitlines())
    said = dict(zip(title, row, strict=True))
    assert (said["runs"], said["state"], said["points"], said["left"]) == ("2", "delivered", "11", "0 B")
    assert delivered(sink) == sorted([forest.id, failed.id])


def test_sync_delivers_the_runs_that_are_named(execute: Any, forest: Any, failed: Any, sink: Path) -> None:
    """Runs are named by name or id; destinations by several options or between commas."""
    other = sink.with_name("other")
    other.mkdir()
    found = execute("sync", failed.id, "--to", f"filesink:{sink},filesink:{other}", "--json")
    assert found.returncode == 0
    said = json.loads(found.stdout)
    assert said["complete"]
    assert [one["state"] for one in said["destinations"]] == ["delivered", "delivered"]
    assert delivered(sink) == delivered(other) == [failed.id]
    assert forest.id not in delivered(sink)


def test_sync_that_leaves_something_fails(execute: Any, forest: Any, sink: Path) -> None:
    """What could not be delivered in time is said, and the exit code is 1."""
    assert forest
    found = execute("sync", "--to", f"filesink:{sink}?on=down", "--timeout", "1")
    assert found.returncode == 1
    assert "retrying" in found.stdout
    assert "the sink is down" in found.stdout


def test_sync_takes_its_destination_from_the_settings(execute: Any, forest: Any, sink: Path) -> None:
    """Without --to, runs go where the settings say."""
    Path("trackhub.toml").write_text(f'to = ["lab"]\n[destinations]\nlab = "filesink:{sink}"\n')
    found = execute("sync")
    assert (found.returncode, found.stdout.splitlines()[1].split("\t")[0]) == (0, "lab")
    assert delivered(sink) == [forest.id]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "trackhub: sync: no destination; name one with --to"),
        (("--to", "nowhere"), 2, "neither a URL such as mlflow+http://host:5000, nor a name"),
        (("--to", "filesnk:/x"), 2, "no plugin for 'filesnk' is installed; did you mean 'filesink'?"),
        (("--to", "filesink:/x?dela=1"), 2, "unknown option 'dela'; did you mean 'delay_s'?"),
        (("forst-1", "--to", "filesink:/x"), 1, "did you mean 'forest-1'?"),
    ],
)
def test_sync_explains_mistakes(execute: Any, forest: Any, arguments: tuple[str, ...], code: int, message: str) -> None:
    """A destination or a run that cannot be is one line on stderr."""
    assert forest
    found = execute("sync", *arguments)
    assert (found.returncode, found.stdout) == (code, "")
    assert message in found.stderr
    assert found.stderr.count("\n") == 1


def test_sync_watches_until_interrupted(start: Any, forest: Any, sink: Path) -> None:
    """With --watch runs that begin later are delivered too; Ctrl-C ends it with success."""
    train = "import trackhub\nwith trackhub.start_run(name='late') as run: run.log({'x': 1})\nprint(run.id)"
    with start("sync", "--watch", "--to", f"filesink:{sink}") as watching:
        eventually(lambda: delivered(sink) == [forest.id])
        late = subprocess.run([sys.executable, "-c", train], capture_output=True, text=True, check=True)
        eventually(lambda: late.stdout.strip() in delivered(sink))
        watching.send_signal(signal.SIGINT)
        _, said = watching.communicate(timeout=20)
    assert (watching.returncode, said) == (0, "interrupted; `trackhub sync` goes on from here\n")


def test_status_tells_where_each_run_is(execute: Any, invoke: Any, forest: Any, failed: Any, sink: Path) -> None:
    """Each run and destination is a row; a run that was never given anywhere has none."""
    assert "no run was ever given to a destination" in invoke("status").stderr
    execute("sync", "forest-1", "--to", f"filesink:{sink}")
    title, row = (line.split("\t") for line in invoke("status").stdout.splitlines())
    said = dict(zip(title, row, strict=True))
    assert (said["id"], said["name"], said["state"], said["points"]) == (forest.id, "forest-1", "delivered", "10")
    (one,) = json.loads(invoke("status", "forest-1", "--json").stdout)
    assert (one["id"], one["state"], one["lag"]) == (forest.id, "delivered", 0)
    assert json.loads(invoke("status", failed.name, "--json").stdout) == []


def test_show_names_destinations(execute: Any, invoke: Any, forest: Any, sink: Path) -> None:
    """A run's page tells where it was delivered, and the vendor's link."""
    assert forest
    execute("sync", "--to", f"filesink:{sink}")
    (one,) = json.loads(invoke("show", "forest-1", "--json").stdout)["destinations"]
    assert (one["state"], one["link"]) == ("delivered", f"file://{sink}/{forest.id}")
    assert f"filesink:{sink}\tdelivered" in invoke("show", "forest-1").stdout


@pytest.fixture
def mirror(forest: Any, monkeypatch: pytest.MonkeyPatch) -> Mirror:
    """Have every destination be a vendor that holds the forest."""
    vendor = Mirror(forest.folder)
    monkeypatch.setattr(hub, "open_backend", lambda url, settings: calls_to(vendor, url=url))
    return vendor


def test_verify_proves_that_all_arrived(invoke: Any, mirror: Mirror) -> None:
    """A vendor that holds what was logged is equal; success is exit code 0."""
    assert mirror
    found = invoke("verify", "forest-1", "--to", "fake://vendor")
    assert found.exit_code == 0
    assert found.stdout.splitlines()[1].split("\t") == [
        "forest-1",
        "finished",
        "fake://vendor",
        "10",
        "2",
        "1",
        "1",
        "equal",
    ]


def test_verify_shows_what_differs(invoke: Any, mirror: Mirror) -> None:
    """A difference is counted and shown; the exit code is 1, in JSON too."""
    mirror.points.pop()
    mirror.change(params={"model.depth": 5, "seed": str(2**80)})
    found = invoke("verify", "forest-1", "--to", "fake://vendor")
    assert found.exit_code == 1
    assert "9 of 10" in found.stdout
    assert "1 params differ; 1 points differ" in found.stdout
    assert "params\tmodel.depth\t4\t5" in found.stdout
    found = invoke("verify", "forest-1", "--to", "fake://vendor", "--json")
    (report,) = json.loads(found.stdout)
    assert (found.exit_code, report["equal"], report["differing"]) == (1, False, {"params": 1, "points": 1})


def test_verify_of_a_vendor_that_cannot_be_read_fails(execute: Any, forest: Any, sink: Path) -> None:
    """A plugin without read hooks cannot prove anything, and says so."""
    assert forest
    found = execute("verify", "forest-1", "--to", f"filesink:{sink}")
    assert found.returncode == 1
    assert "its plugin has no trackhub_read_run" in found.stderr


def test_ls_reads_from_a_vendor(invoke: Any, forest: Any, mirror: Mirror) -> None:
    """The same listing, filters and columns serve a vendor's runs."""
    found = invoke("ls", "--from", "fake://vendor", "-p", "digits", "-w", "metrics.acc > 0.5", "-c", "metrics.acc")
    assert [line.split("\t")[::7] for line in found.stdout.splitlines()] == [["id", "metrics.acc"], [forest.id, "0.8"]]
    assert mirror.record is not None
    mirror.record = msgspec.structs.replace(mirror.record, id="theirs", name="not ours")
    assert "not ours" in invoke("ls", "--from", "fake://vendor", "-p", "digits").stdout
    assert "not ours" in invoke("ls", "--from", "fake://vendor").stdout


def test_a_pipe_gets_no_escape(execute: Any, forest: Any, sink: Path) -> None:
    """Whatever a command prints into a pipe is plain text, without colours or bars."""
    assert forest
    for arguments in (("ls",), ("show", "forest-1"), ("cat", "forest-1"), ("sync", "--to", f"filesink:{sink}")):
        found = execute(*arguments, env={"FORCE_COLOR": "", "TERM": "xterm"})
        assert "\x1b" not in found.stdout.replace("\\u001b", "") + found.stderr
        assert os.linesep in found.stdout


def test_a_relative_path_is_another_place_in_another_folder(invoke: Any, forest: Any, tmp_path: Path, monkeypatch: Any):
    """What was delivered to a folder by its short name is not taken for delivered where that name means another."""
    pytest.importorskip("trackhub_local")
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        assert invoke("sync", "--to", "local:out", "--store", str(forest.folder.path.parents[2])).exit_code == 0
        assert len(list((tmp_path / folder / "out").glob("*/*/run.json"))) == 1


def test_a_destination_that_lost_everything_is_filled_again(invoke: Any, forest: Any, tmp_path: Path, monkeypatch: Any):
    """``--again`` asks it what it has, instead of the store what was given; where it has all, nothing is doubled."""
    pytest.importorskip("trackhub_local")
    monkeypatch.chdir(tmp_path)
    store = str(forest.folder.path.parents[2])
    for gone in (False, True, False):
        if gone:
            shutil.rmtree(tmp_path / "out")
            assert invoke("sync", "--to", "local:out", "--store", store).exit_code == 0
            assert not (tmp_path / "out").exists()
        assert invoke("sync", "--again", "--to", "local:out", "--store", store).exit_code == 0
        assert invoke("verify", forest.id, "--to", "local:out", "--store", store).exit_code == 0


def test_verify_knows_where_a_run_was_delivered(invoke: Any, forest: Any, tmp_path: Path, monkeypatch: Any):
    """Without a destination anywhere, each run is held against those that it was given to."""
    pytest.importorskip("trackhub_local")
    monkeypatch.chdir(tmp_path)
    store = str(forest.folder.path.parents[2])
    done = invoke("verify", forest.id, "--store", store)
    assert (done.exit_code, "the run was given to none" in done.stderr) == (2, True)
    for folder in ("one", "two"):
        invoke("sync", forest.id, "--to", f"local:{folder}", "--store", store)
    done = invoke("verify", forest.id, "--store", store, "--json")
    assert (done.exit_code, [one["equal"] for one in json.loads(done.stdout)]) == (0, [True, True])


def test_a_destination_is_forgotten(invoke: Any, forest: Any, tmp_path: Path, monkeypatch: Any):
    """By its URL as status shows it; what lies there stays, and the other destinations too."""
    pytest.importorskip("trackhub_local")
    monkeypatch.chdir(tmp_path)
    store = str(forest.folder.path.parents[2])
    for folder in ("one", "two"):
        invoke("sync", "--to", f"local:{folder}", "--store", store)
    first = f"local:{tmp_path}/one"
    shown = [one["destination"] for one in json.loads(invoke("status", forest.id, "--store", store, "--json").stdout)]
    assert sorted(shown) == [first, f"local:{tmp_path}/two"]
    assert invoke("forget", first, "--store", store).exit_code == 0
    shown = [one["destination"] for one in json.loads(invoke("status", "--store", store, "--json").stdout)]
    assert set(shown) == {f"local:{tmp_path}/two"}
    assert (tmp_path / "one").is_dir()
    done = invoke("forget", first, "--store", store)
    assert (done.exit_code, "no run was given to" in done.stderr) == (1, True)


def test_a_url_that_lacks_something_is_kept_nowhere(invoke: Any, forest: Any):
    """A mistake of the command's is exit code 2, and no line in status for ever after."""
    pytest.importorskip("trackhub_local")
    store = str(forest.folder.path.parents[2])
    done = invoke("sync", "--to", "local:", "--store", store)
    assert (done.exit_code, "no folder is named" in done.stderr) == (2, True)
    assert json.loads(invoke("status", "--store", store, "--json").stdout) == []

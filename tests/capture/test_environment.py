"""Test how what ran is noted, in the training process and away from it."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import msgspec
import pytest

from trackhub import __version__
from trackhub.capture import facts as facts_module
from trackhub.capture.devices import find_gpus, parse_gpus
from trackhub.capture.environment import capture_environment
from trackhub.capture.facts import ProcessFacts, facts
from trackhub.capture.host import describe_host
from trackhub.capture.packages import list_packages
from trackhub.redact import Redactor

PRINT_FACTS = "import msgspec; from trackhub.capture.facts import facts; print(msgspec.json.encode(facts()).decode())"


@pytest.fixture
def started(git):
    """Return a function that runs Python in a folder and returns the facts it noted of itself."""

    def started(*arguments):
        done = subprocess.run([sys.executable, *arguments], cwd=git.folder, capture_output=True, check=True)
        return msgspec.json.decode(done.stdout, type=ProcessFacts)

    return started


def make_facts(**changes):
    """Return the facts of a process that never was."""
    values = {"argv": ("train.py",), "entry_point": "train.py", "executable": sys.executable, "pid": 1}
    return ProcessFacts(**{**values, "python": "3.11.7", "implementation": "CPython", **changes})


def test_facts_survive_a_pipe():
    """Facts go through JSON and come out as they were, odd bytes included."""
    noted = facts()
    assert msgspec.json.decode(msgspec.json.encode(noted), type=ProcessFacts) == noted


def test_facts_tell_a_script_a_module_and_a_command(started, git):
    """What was started is a script by its path, a module by -m and its name, a command by -c."""
    (git.folder / "train.py").write_text(PRINT_FACTS)
    (git.folder / "pack").mkdir()
    (git.folder / "pack" / "__main__.py").write_text(PRINT_FACTS)
    script = started("train.py", "--lr", "1")
    assert (script.entry_point, script.argv) == ("train.py", ("train.py", "--lr", "1"))
    assert started("-m", "train").entry_point == "-m train"
    assert started("-m", "pack").entry_point == "-m pack"
    assert started("-c", PRINT_FACTS).entry_point == "-c"
    assert script.cwd == str(git.folder)
    assert script.executable == sys.executable


def test_facts_tell_a_notebook(monkeypatch):
    """In a notebook, what was started is the notebook, where the front end tells it."""
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    assert facts().entry_point == "<notebook>"
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/ada/digits.ipynb")
    assert facts().entry_point == "/home/ada/digits.ipynb"


def test_facts_never_raise(monkeypatch, tmp_path):
    """A folder that was removed, a user without a name, arguments that are no text: facts are noted all the same."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(facts_module.os, "getuid", lambda: 4242424)
    monkeypatch.setattr(sys, "argv", ["train.py", "caf\udce9", 5])
    noted = facts()
    assert (noted.cwd, noted.user, noted.argv) == (None, "uid 4242424", ("train.py", r"caf\udce9", "5"))
    assert msgspec.json.encode(noted)
    assert "cwd" not in capture_environment(noted, Redactor())


def test_noting_facts_imports_little():
    """The training process imports neither subprocess nor package metadata for its facts."""
    code = (
        "import sys; from trackhub.capture.facts import facts; facts();"
        "print([n for n in ('subprocess', 'importlib.metadata', 'pydantic', 'trackhub.redact') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_environment_has_every_part_and_is_plain(git):
    """All the keys that a machine can fill are there, and JSON can hold them."""
    git("init", "-q")
    environment = capture_environment(msgspec.structs.replace(facts(), cwd=str(git.folder)), Redactor())
    assert json.loads(json.dumps(environment)) == environment
    assert set(environment) >= {"entry_point", "argv", "cwd", "git", "python", "trackhub", "host", "user"}
    assert environment["trackhub"] == __version__
    assert environment["python"]["packages"]["msgspec"] == msgspec.__version__
    assert environment["python"]["executable"] == sys.executable
    assert environment["host"]["cpus"] >= 1
    assert environment["host"]["memory_bytes"] > 1 << 20


def test_secrets_stay_out_of_the_environment(git):
    """The command line, the remote, and the diff are kept without secrets, and each is counted."""
    git("init", "-q")
    git("remote", "add", "origin", "https://me:hunter2@host/x.git")
    (git.folder / "train.py").write_text("password = 'hunter2'\n")
    git("add", ".")
    redactor = Redactor()
    process = make_facts(argv=("train.py", "--api-key", "hunter2"), cwd=str(git.folder))
    assert "hunter2" not in json.dumps(capture_environment(process, redactor))
    assert redactor.hits == {"argv": 1, "git.remote": 1, "git.diff": 1}


def test_a_package_named_like_a_secret_keeps_its_version(tmp_path):
    """Package versions are not taken for secrets, whatever the package is called."""
    folder = tmp_path / "PyJWT-2.8.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: PyJWT\nVersion: 2.8.0\n")
    environment = capture_environment(make_facts(path=(str(tmp_path),)), Redactor())
    assert environment["python"]["packages"] == {"PyJWT": "2.8.0"}


def test_packages_are_those_of_the_training(tmp_path):
    """Relative import folders belong to the training's folder; the first version wins; half a package is passed by."""
    for place, version in (("a", "1.0"), ("b", "2.0")):
        info = tmp_path / place / f"demo-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: demo\nVersion: {version}\n")
    (tmp_path / "a" / "broken-1.dist-info").mkdir()
    process = make_facts(cwd=str(tmp_path), path=("a", "b", "gone"))
    assert capture_environment(process, Redactor())["python"]["packages"] == {"demo": "1.0"}
    assert list_packages([]) == {}


def test_gpus_are_what_the_driver_says(program, deadline):
    """GPUs come from nvidia-smi; what it does not know is absent."""
    program("nvidia-smi", "printf 'NVIDIA A100, 40960, 550.54\\nNVIDIA H100 MIG, [N/A], [N/A]\\n'")
    assert find_gpus(deadline=deadline) == [
        {"name": "NVIDIA A100", "memory_bytes": 40960 << 20, "driver": "550.54"},
        {"name": "NVIDIA H100 MIG"},
    ]
    assert parse_gpus("No devices were found\n") == []


def test_no_driver_is_no_answer(program, deadline, monkeypatch, tmp_path):
    """Without nvidia-smi, or with a broken driver, there is no telling whether there are GPUs."""
    program("nvidia-smi", "echo 'Failed to initialize NVML'; exit 9")
    assert find_gpus(deadline=deadline) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_gpus(deadline=deadline) is None
    assert "gpus" not in capture_environment(make_facts(), Redactor())


def test_the_host_is_described(deadline):
    """The host has a name and a system, and no part that is unknown."""
    host = describe_host(deadline=deadline)
    assert host["name"]
    assert host["os"].split()[0] in ("Linux", "Darwin", "Windows")
    assert None not in host.values()


def test_no_time_is_no_harm(git):
    """With no time at all, what needs no other program is still noted."""
    git("init", "-q")
    start = time.monotonic()
    environment = capture_environment(make_facts(cwd=str(git.folder)), Redactor(), timeout_s=0)
    assert time.monotonic() - start < 5
    assert "git" not in environment
    assert environment["host"]["name"]

"""Hold the plugin to what it offers, to the SDK's range that it names, and to what it needs of it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import venv
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from trackhub_wandb.options import WandbOptions
from trackhub_wandb.plugin import open_backend, trackhub_backends

from trackhub.backend import Destination
from trackhub.errors import SettingsError

PROJECT = Path(__file__).parents[1]
WANDB = next(
    Requirement(one)
    for one in tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    if one.startswith("wandb")
)


def run(code: str, *arguments: str, python: str = sys.executable) -> str:
    """Return what a script prints."""
    done = subprocess.run([python, "-c", code, *arguments], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_offering_wandb_imports_no_sdk():
    """Nor does opening a backend: the SDK is in another process, and comes with the first question."""
    code = """
import sys
from trackhub.backend import Destination
from trackhub_wandb.options import WandbOptions
from trackhub_wandb.plugin import open_backend, trackhub_backends
list(trackhub_backends())
open_backend(Destination.parse("wandb://team/digits"), WandbOptions())
print([name for name in sys.modules if name.partition(".")[0] in ("wandb", "requests", "google")])
"""
    assert run(code) == "[]"


def test_only_one_package_imports_the_sdk():
    """Everything else can be read, and tested, without it."""
    found = [
        path.relative_to(PROJECT / "trackhub_wandb").parts[0]
        for path in (PROJECT / "trackhub_wandb").rglob("*.py")
        if any(line.startswith(("import wandb", "from wandb")) for line in path.read_text().splitlines())
    ]
    assert set(found) == {"sdk"}


@pytest.mark.parametrize("given", [{"timeout_s": 0}, {"timeout_s": 51}, {"settle_s": -1}, {"surprise": 1}])
def test_options_are_checked(given: dict[str, Any]):
    """A wrong one is an error when the destination is read."""
    with pytest.raises(ValueError, match=r"timeout_s|settle_s|surprise"):
        WandbOptions(**given)


def test_an_entity_must_be_named():
    """As W&B's default entity depends on the account, and runs would go where nobody looks."""
    (spec,) = trackhub_backends()
    with pytest.raises(SettingsError, match="name the entity"):
        spec.factory(Destination.parse("wandb:"), WandbOptions())
    assert open_backend(Destination.parse("wandb://team"), WandbOptions())


def test_the_installed_sdk_is_one_that_is_named():
    """The range in pyproject.toml is closed above: private settings may go with any version."""
    assert WANDB.specifier.contains(version("wandb"))
    operators = {one.operator for one in WANDB.specifier}
    assert operators == {">=", "<"}


def test_a_setting_that_the_sdk_has_no_more_is_left_out_or_told():
    """What only makes it quiet is left out; without what keeps a run from ending with each batch nothing is sent."""
    code = """
import wandb
from trackhub_wandb.sdk import settings
settings._PRIVATE["x_gone"] = True
print(hasattr(settings.session_settings("/tmp", 5.0), "x_gone"))
settings.NEEDED = ("x_update_finish_state", "x_vanished")
try:
    settings.session_settings("/tmp", 5.0)
except RuntimeError as error:
    print(error)
"""
    told = run(code).splitlines()
    assert told == [
        "False",
        f"wandb {version('wandb')} has no x_vanished; install a version that trackhub-wandb names",
    ]


def test_every_private_setting_is_known_to_the_newest_sdk():
    """One that is gone is noticed here, and not by what a server sees."""
    code = """
import wandb
from trackhub_wandb.sdk import settings
names = (*settings._PRIVATE, *settings._TIMEOUTS, *settings.NEEDED, *settings._PUBLIC)
print([name for name in names if name not in wandb.Settings.model_fields])
"""
    assert run(code) == "[]"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_oldest_sdk_that_is_named_holds_the_contract(tmp_path: Path):
    """The conformance suite, under the floor of the range, in an environment of its own."""
    (floor,) = [one.version for one in WANDB.specifier if one.operator == ">="]
    place = tmp_path / "floor"
    venv.create(place, with_pip=True)
    python = str(place / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", f"wandb=={floor}"], check=True, timeout=600)
    # What else is needed is taken from here: behind what was just installed.
    ours = [path for path in sys.path if path.endswith("site-packages")]
    code = f"import site; [site.addsitedir(path) for path in {ours!r}]; print(site.getsitepackages()[0])"
    site = Path(run(code, python=python).splitlines()[-1])
    (site / "ours.pth").write_text("\n".join(f"import site; site.addsitedir({path!r})" for path in ours))
    assert run("import wandb; print(wandb.__version__)", python=python).startswith(floor)
    tests = str(PROJECT / "tests" / "test_conformance.py")
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests, "-k", "TestWorst"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT.parents[1], timeout=600)
    assert done.returncode == 0, done.stdout[-3000:]

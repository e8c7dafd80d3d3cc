"""Give every test, doctest and documentation example an environment of its own; nothing of this machine's leaks in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# One for all, since the profile loaded last is everybody's. The fixtures that examples share hold no state of theirs.
settings.register_profile(
    "trackhub",
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("trackhub")

_ROOT = Path(__file__).parent
_FOREIGN = (
    "TRACKHUB_",
    "MLFLOW_",
    "WANDB_",
    "COMET_",
    "NEPTUNE_",
    "SLURM_",
    "OMPI_",
    "PMI_",
    "RANK",
    "LOCAL_RANK",
    "WORLD_SIZE",
    "XDG_",
    "GIT_",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the listings be written anew."""
    parser.addoption("--update", action="store_true", help="write tests/*.txt anew from the code; review the diff")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Keep ``--doctest-modules`` from importing the scripts that tests run."""
    if not collection_path.is_relative_to(_ROOT) or collection_path.suffix != ".py":
        return None
    among_tests = "tests" in collection_path.relative_to(_ROOT).parts[:-1]
    return True if among_tests and not collection_path.name.startswith("test_") else None


@pytest.fixture(autouse=True)
def clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin in an empty folder, with an empty home, no setting, and no delivery but where a test asks for it."""
    for variable in [name for name in os.environ if name.startswith(_FOREIGN)]:
        monkeypatch.delenv(variable)
    home = tmp_path.with_name(f"{tmp_path.name}-home")
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("TRACKHUB_DELIVERY", "off")
    monkeypatch.chdir(tmp_path)

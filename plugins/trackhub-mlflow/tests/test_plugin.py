"""Hold the plugin to its URL forms, its options, and to importing no SDK before a lane needs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from trackhub_mlflow.address import Address, locate
from trackhub_mlflow.plugin import trackhub_backends

from trackhub.backend import Destination
from trackhub.errors import SettingsError
from trackhub.plugins.installed import PluginSet


def address(url: str) -> Address:
    return Address.of(Destination.parse(url))


@pytest.mark.parametrize(
    ("url", "uri", "page"),
    [
        ("mlflow+http://host:5000", "http://host:5000", "http://host:5000"),
        ("mlflow+https://host/base/?experiment=x", "https://host/base", "https://host/base"),
        ("mlflow+http://me:secret@host:5000", "http://me:secret@host:5000", "http://host:5000"),
        ("mlflow+sqlite:////data/mlflow.db", "sqlite:////data/mlflow.db", None),
        ("mlflow+postgresql://me:secret@host/db", "postgresql://me:secret@host/db", None),
        ("mlflow+postgresql+psycopg2://host/db", "postgresql+psycopg2://host/db", None),
    ],
)
def test_a_url_names_a_store(url: str, uri: str, page: str | None):
    """What follows the plus is MLflow's own tracking URI; only a server has pages, without user-info."""
    assert (address(url).uri, address(url).page) == (uri, page)


def test_three_slashes_are_relative_to_the_folder_one_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The path is made full at once, as delivery may go on elsewhere."""
    monkeypatch.chdir(tmp_path)
    found = address("mlflow+sqlite:///sub/mlflow.db")
    assert found.uri == f"sqlite:///{tmp_path}/sub/mlflow.db"
    assert found.artifacts_of("a b/c", None) == f"{tmp_path.as_uri()}/sub/mlartifacts/a%20b_x2F_c"


def test_a_bare_scheme_takes_mlflows_own_variable(monkeypatch: pytest.MonkeyPatch):
    """``mlflow:`` follows MLFLOW_TRACKING_URI, and says so when there is none."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:1")
    assert address("mlflow:").uri == "http://host:1"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with pytest.raises(SettingsError, match="mlflow\\+http://host:5000"):
        address("mlflow:")


@pytest.mark.parametrize("url", ["mlflow+file:///tmp/mlruns", "mlflow:./mlruns"])
def test_a_file_store_is_refused_with_the_way_out(url: str):
    """The error names the sqlite URL and the command that brings old runs along."""
    with pytest.raises(SettingsError, match=r"mlflow\+sqlite:///mlflow\.db.*migrate-filestore"):
        address(url)


@pytest.mark.parametrize("uri", ["./mlruns", "file:///tmp/mlruns", "databricks", "ftp://host"])
def test_a_variable_that_names_no_usable_store_is_refused(uri: str, monkeypatch: pytest.MonkeyPatch):
    """What MLFLOW_TRACKING_URI says is held to the same rules."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(SettingsError, match="MLFLOW_TRACKING_URI"):
        address("mlflow:")


@pytest.mark.parametrize("url", ["mlflow+sqlite://", "mlflow+sqlite:///", "mlflow+sqlite:///:memory:"])
def test_a_database_is_a_file(url: str):
    """A database in memory would be gone with the delivery process."""
    with pytest.raises(SettingsError, match="name a file"):
        address(url)


def test_the_plugin_is_found_by_its_scheme_and_checks_its_options():
    """The entry point works, and an unknown option is an error that names the near one."""
    plugins = PluginSet()
    good = Destination.parse("mlflow+http://host:5000?experiment=all&timeout_s=5")
    assert plugins.options(good).model_dump() == {"experiment": "all", "artifacts": None, "timeout_s": 5.0}
    with pytest.raises(SettingsError, match="experiment"):
        plugins.options(Destination.parse("mlflow+http://host:5000?experimnt=all"))


def test_the_capabilities_are_those_of_the_backend():
    """What people read in the spec is what the backend implements."""
    from trackhub_mlflow.backend import MlflowBackend

    (spec,) = trackhub_backends()
    assert set(spec.capabilities) == {
        name.removeprefix("trackhub_") for name in dir(MlflowBackend) if name.startswith("trackhub_")
    }


def in_a_new_process(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_the_sdk_is_not_imported_by_the_plugin():
    """Listing plugins and reading settings cost nobody the seconds of an SDK."""
    code = "import sys, trackhub_mlflow.plugin as p; list(p.trackhub_backends()); print('mlflow' in sys.modules)"
    assert in_a_new_process(code) == "False"


def test_a_database_without_its_packages_says_what_to_install():
    """mlflow-skinny alone opens no database; the error is the command that helps, before any import."""
    code = """
import sys
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "sqlalchemy" else real(name, package)
from trackhub.backend import Destination
from trackhub_mlflow.options import MlflowOptions
from trackhub_mlflow.plugin import open_backend
try:
    open_backend(Destination.parse("mlflow+sqlite:///mlflow.db"), MlflowOptions())
except Exception as error:
    print(type(error).__name__, error, "mlflow" in sys.modules)
"""
    assert in_a_new_process(code) == (
        "SettingsError mlflow+sqlite:///mlflow.db: to open a database without a server, "
        "pip install 'trackhub-mlflow[local]' False"
    )


@pytest.mark.parametrize(
    ("url", "rest"),
    [
        ("mlflow+sqlite:///sub/../mlflow.db?experiment=a", "///{here}/sub/../mlflow.db"),
        ("mlflow+sqlite:////data/mlflow.db", "////data/mlflow.db"),
        ("mlflow+sqlite:///:memory:", "///:memory:"),
        ("mlflow+http://host:5000", "//host:5000"),
        ("mlflow:", ""),
    ],
)
def test_a_database_is_the_same_from_every_folder(url: str, rest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Its path is made full; what names no file stays."""
    monkeypatch.chdir(tmp_path)
    assert locate(Destination.parse(url)) == rest.format(here=tmp_path)


def test_reading_makes_no_database(open_at: Any, tmp_path: Path):
    """One that is not there holds nothing, and a note says which it was."""
    missing = tmp_path / "sub" / "mlflow.db"
    backend = open_at(f"sqlite:///{missing}")
    assert backend.trackhub_search_runs(None) == backend.trackhub_read_models(None) == ()
    assert backend.trackhub_read_run("0" * 32, "p") is None
    assert [note.subject for note in backend.trackhub_read_notes()] == [str(missing)]
    assert not missing.parent.exists()

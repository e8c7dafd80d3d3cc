"""Hold the plugin to its URL forms, its options, and to importing nothing heavy before a lane needs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from trackhub_local.address import folder_of
from trackhub_local.backend import LocalBackend
from trackhub_local.plugin import trackhub_backends

from trackhub.backend import Destination
from trackhub.errors import RetryLater, SettingsError
from trackhub.plugins.installed import PluginSet


def folder(url: str) -> Path:
    return folder_of(Destination.parse(url))


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("local:/data/runs", "/data/runs"),
        ("local:///data/runs?metrics=csv", "/data/runs"),
        ("local://localhost/data/runs", "/data/runs"),
        ("local:///data/my%20runs%3F", "/data/my runs?"),
        ("local:/data/100%25 mine", "/data/100%25 mine"),
        ("local:/data/../runs/", "/runs"),
    ],
)
def test_a_url_names_a_folder(url: str, path: str):
    """With two slashes it is a URL, with escapes; without, a path as it stands."""
    assert folder(url) == Path(path)


def test_a_relative_path_is_made_full_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Delivery may go on in another folder; ``~`` is the user's home."""
    monkeypatch.chdir(tmp_path)
    assert folder("local:sub/runs") == tmp_path / "sub/runs"
    assert folder("local:.") == tmp_path
    monkeypatch.setenv("HOME", str(tmp_path))
    assert folder("local:~/runs") == tmp_path / "runs"


@pytest.mark.parametrize("url", ["local:", "local:  ", "local:?metrics=csv", "local://", "local:a\0b"])
def test_a_url_without_a_folder_is_refused(url: str):
    """The error shows how a folder is written."""
    with pytest.raises(SettingsError, match="local:folder"):
        folder(url)


def test_a_url_of_another_machine_is_refused_without_its_password():
    """Nothing is written to a folder that happens to be called as the host."""
    with pytest.raises(SettingsError, match="'nas' is another machine") as refused:
        folder("local://me:secret@nas/runs")
    assert "secret" not in str(refused.value)


def test_the_plugin_is_found_by_its_scheme_and_checks_its_options():
    """The entry point works; an option or a format that does not exist is an error."""
    plugins = PluginSet()
    assert plugins.options(Destination.parse("local:runs")).model_dump() == {"metrics": "parquet"}
    for query, wrong in (("metrcs=csv", "metrcs"), ("metrics=xml", "parquet")):
        with pytest.raises(SettingsError, match=wrong):
            plugins.options(Destination.parse(f"local:runs?{query}"))


def test_the_capabilities_are_those_of_the_backend():
    """What people read in the spec is what the backend implements."""
    (spec,) = trackhub_backends()
    implemented = {name.removeprefix("trackhub_") for name in dir(LocalBackend) if name.startswith("trackhub_")}
    assert set(spec.capabilities) == implemented


def in_a_new_process(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_offering_imports_neither_pyarrow_nor_numpy():
    """Listing plugins and reading settings cost nobody what reading Parquet costs."""
    code = """
import sys, trackhub_local.plugin as p
list(p.trackhub_backends())
print(*sorted({"numpy", "pyarrow", "pydantic", "trackhub_local.backend"} & set(sys.modules)))
"""
    assert in_a_new_process(code) == ""


_WITHOUT_PYARROW = """
import importlib.util, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pyarrow":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "pyarrow" else real(name, package)
from trackhub.backend import Destination
from trackhub.model.entities import Batch, MetricPoint, RunInfo
from trackhub_local.options import LocalOptions
from trackhub_local.plugin import open_backend
def opened(url):
    destination = Destination.parse(url)
    return open_backend(destination, LocalOptions(**destination.query))
"""


def test_without_pyarrow_the_error_says_what_to_do(base: Path):
    """It names the package and the format that does without."""
    code = f"""{_WITHOUT_PYARROW}
try:
    opened("local:{base}")
except Exception as error:
    print(type(error).__name__, error)
"""
    assert in_a_new_process(code) == (
        f"SettingsError local:{base}: Python has no pyarrow: pip install pyarrow, or write local:{base}?metrics=csv"
    )


def test_csv_does_without_pyarrow(base: Path):
    """Runs are written and read; only a Parquet file that lies there already needs it."""
    code = f"""{_WITHOUT_PYARROW}
backend = opened("local:{base}?metrics=csv")
ref = backend.trackhub_start_run(RunInfo(id="0" * 32, name="n", project="p", started=0))
backend.trackhub_log_metrics(ref, (MetricPoint("loss", 0.5, 1, 7),), Batch(start=0))
backend.trackhub_close()
print(*opened("local:{base}?metrics=csv").trackhub_read_metrics(ref), "pyarrow" in sys.modules)
(backend._base / ref.id / "metrics.parquet").write_bytes(b"PAR1")
try:
    opened("local:{base}?metrics=csv").trackhub_read_metrics(ref)
except Exception as error:
    print(type(error).__name__, error)
"""
    first, second = in_a_new_process(code).splitlines()
    assert first == "MetricPoint(name='loss', value=0.5, step=1, time=7) False"
    assert second == f"SettingsError {base}/p/{'0' * 32}/metrics.parquet: to read its points, pip install pyarrow"


def test_the_connection_tells_what_will_happen(base: Path, open_at):
    """Asking makes nothing; a folder that cannot be made is told with the reason."""
    found = open_at(f"local:{base}").trackhub_check_connection()
    assert found.detail == f"{base} will be made, points as metrics.parquet"
    assert not base.exists()
    base.write_bytes(b"")
    with pytest.raises(RetryLater, match=f"{base}: a file stands where a folder is needed"):
        open_at(f"local:{base}/deeper?metrics=csv").trackhub_check_connection()

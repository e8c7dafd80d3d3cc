"""See what an import brings with it: counted in modules, never in seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_PLUGINS = Path(__file__).parents[1] / "plugins"
_HEAVY = {"numpy", "rich", "typer", "sqlalchemy", "mlflow", "pandas", "sklearn", "matplotlib", "requests", "asyncio"}
_PROGRAM = """
import json, sys
before = set(sys.modules)
{statement}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def _imported(statement: str) -> set[str]:
    program = _PROGRAM.format(statement=statement)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def _tops(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def test_import_trackhub():
    """``import trackhub`` imports no other module of ours and no dependency."""
    modules = _imported("import trackhub")
    assert {module for module in modules if module.startswith("trackhub.")} == set()
    assert not _tops(modules) & (_HEAVY | {"pydantic", "msgspec", "pluggy", "importlib_metadata"})


@pytest.mark.parametrize("statement", ["import trackhub; trackhub.start_run", "import trackhub; trackhub.Run"])
def test_import_start_run(statement):
    """What a training needs imports no vendor, no array library, nothing that draws, and nothing that reads."""
    modules = _imported(statement)
    assert not _tops(modules) & _HEAVY
    assert not [module for module in modules if module.startswith(("trackhub.query", "trackhub.cli"))]


def test_logging_imports_nothing_more(tmp_path):
    """An offline run, from its start to its end, imports no vendor and none of the plugins."""
    modules = _imported(
        "import trackhub\n"
        "with trackhub.start_run(project='p', capture=False) as run:\n"
        "    run.log({'loss': 0.5}, step=1)\n"
    )
    assert not _tops(modules) & (_HEAVY | {"trackhub_mlflow"})


_PLUGIN = """
from trackhub import hookimpl
from trackhub.backend import BackendSpec
from trackhub.model.entities import RunRef

class Backend:
    def __init__(self, destination, options):
        self.options = options

    @hookimpl
    def trackhub_start_run(self, run):
        return RunRef(id=run.id)

@hookimpl
def trackhub_backends():
    yield BackendSpec(scheme={scheme!r}, factory=Backend, options="light_{scheme}_options:LightOptions")
"""
_OPTIONS = """
from trackhub.backend import Options

class LightOptions(Options):
    colour: str = "red"
"""
_SCHEMES = ("one", "two", "three", "four")
_WEIGHTY = _HEAVY | {
    "annotated_types",
    "concurrent",
    "csv",
    "email",
    "http",
    "importlib_metadata",
    "multiprocessing",
    "pydantic",
    "pydantic_core",
    "socket",
    "sqlite3",
    "ssl",
    "tomllib",
    "typing_inspection",
    "unittest",
    "xml",
    "zipfile",
}
"""What would weigh on a training that only appends to a file; hundreds of kilobytes each, pydantic ten megabytes."""


@pytest.fixture
def four_plugins(tmp_path, monkeypatch):
    """Install four plugins, each with options of its own, where a new Python finds them."""
    for scheme in _SCHEMES:
        (tmp_path / f"light_{scheme}.py").write_text(_PLUGIN.format(scheme=scheme))
        (tmp_path / f"light_{scheme}_options.py").write_text(_OPTIONS)
        info = tmp_path / f"light_{scheme}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: light-{scheme}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[trackhub]\n{scheme} = light_{scheme}\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")])))


_TRAINING = """
import trackhub
run = trackhub.start_run(project='p', to={to}, delivery='process', capture=False)
run.log({{'loss': 0.5}}, step=1)
report = run.finish(timeout_s=30)
assert report.complete, report
"""


@pytest.mark.usefixtures("four_plugins")
def test_a_training_with_four_destinations_stays_light():
    """Four destinations are checked and their delivery is started without what validates, or parses metadata."""
    urls = [f"{scheme}://somewhere" for scheme in _SCHEMES]
    modules = _imported(_TRAINING.format(to=urls))
    assert {f"light_{scheme}" for scheme in _SCHEMES} <= modules
    assert not _tops(modules) & _WEIGHTY
    assert "importlib.metadata" not in modules


@pytest.mark.usefixtures("four_plugins")
def test_a_query_is_checked_where_the_run_starts():
    """An option that cannot be ends start_run with its name: the check is late, not gone."""
    modules = _imported(_TRAINING.format(to=["one://somewhere?colour=blue"]))
    assert {"light_one_options", "pydantic"} <= modules
    with pytest.raises(subprocess.CalledProcessError) as caught:
        _imported(_TRAINING.format(to=["two://somewhere", "one://somewhere?color=blue"]))
    assert "one://somewhere?color=blue: unknown option 'color'; did you mean 'colour'?" in caught.value.stderr


@pytest.mark.parametrize("plugin", sorted(path.name.replace("-", "_") for path in _PLUGINS.glob("trackhub-*")))
def test_plugin_offers_without_its_sdk(plugin: str):
    """A plugin says what it offers, in the training, without its vendor's SDK or anything else that weighs."""
    pytest.importorskip(plugin)
    modules = _imported(f"from {plugin} import plugin; assert list(plugin.trackhub_backends())")
    assert f"{plugin}.plugin" in modules
    assert not _tops(modules) & _WEIGHTY
    assert not _tops(modules) & {"comet_ml", "mlflow", "neptune", "neptune_scale", "pyarrow", "tensorboard", "wandb"}

"""See what an import brings with it: counted in modules, never in seconds."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

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


def test_plugin_offers_without_its_sdk():
    """A plugin says what it offers without importing its vendor's SDK."""
    pytest.importorskip("trackhub_mlflow")
    assert "mlflow" not in _tops(_imported("from trackhub_mlflow import plugin; list(plugin.trackhub_backends())"))

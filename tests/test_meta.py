"""Hold the code against the house's rules that no linter knows."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import trackhub

ROOT = Path(__file__).parents[1]
LONGEST = 400
_OURS = ("trackhub", "plugins", "tests", "benchmarks", "docs", ".ci", ".github")
_PACKAGES = (ROOT / "trackhub", *ROOT.glob("plugins/*/trackhub_*"))
_MODULES = sorted(path for package in _PACKAGES for path in package.rglob("*.py"))
_TESTS = sorted((*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("plugins/*/tests/**/test_*.py")))
_SEEN_BY_PLUGINS = {
    *("trackhub.backend", "trackhub.errors", "trackhub.types"),
    *("trackhub.model.entities", "trackhub.model.registry"),
}


def _id(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", _TESTS, ids=_id)
def test_tests_say_what_they_show(path):
    """Every test function has a docstring that states the behaviour."""
    functions = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if _is_test(node)]
    assert [node.name for node in functions if not ast.get_docstring(node)] == []


def _is_test(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")


@pytest.mark.parametrize("path", [*_MODULES, *sorted(ROOT.glob("benchmarks/*.py"))], ids=_id)
def test_modules_say_what_they_are(path):
    """A module's first line is a sentence: where its data comes from and where it goes."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring, "no docstring"
    assert docstring.splitlines()[0].endswith((".", ":")), docstring.splitlines()[0]


@pytest.mark.parametrize("path", sorted((ROOT / "trackhub").rglob("*.py")), ids=_id)
def test_modules_are_short(path):
    """A module is one noun: beyond 400 lines it is more."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


_IMPORT_EACH = """
import os, sys, traceback
import msgspec, pluggy, pydantic, rich, typer  # once for all; what matters is the order among ours
failed = []
for name in sys.stdin.read().split():
    child = os.fork()
    if not child:
        try:
            __import__(name)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        failed.append(name)
sys.exit(f"these cannot be imported alone: {failed}" if failed else 0)
"""
_NEEDS_EXTRAS = {"trackhub.cli.digits"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_modules_import_alone():
    """Each module of the core can be the first one imported, with every warning an error."""
    package = Path(trackhub.__file__).parent
    names = {".".join(path.relative_to(package.parent).with_suffix("").parts) for path in package.rglob("*.py")}
    names = {name.removesuffix(".__init__") for name in names if not name.endswith("__main__")} - _NEEDS_EXTRAS
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _IMPORT_EACH],
        input=" ".join(sorted(names)),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_no_paths_of_this_machine():
    """No file names a folder that only the machine it was written on has."""
    foreign = re.compile(r"(?<![\w.~}-])/(?:ro{2}t|w[o]rk)/")
    files = [path for folder in _OURS for path in (ROOT / folder).rglob("*") if _is_text(path)]
    files += [path for path in ROOT.iterdir() if path.is_file() and _is_text(path)]
    found = [_id(path) for path in files if foreign.search(path.read_text(encoding="utf-8"))]
    assert found == []


def _is_text(path: Path) -> bool:
    hidden = {"_build", "__pycache__", "node_modules"} & set(path.parts) or any(
        part.startswith(".venv") for part in path.parts
    )
    return not hidden and (path.suffix in {".py", ".md", ".toml", ".ini", ".txt", ".yml", ".cfg"} or path.name == "run")


@pytest.mark.parametrize("path", sorted(ROOT.glob("plugins/*/trackhub_*/**/*.py")), ids=_id)
def test_plugins_see_only_what_is_promised(path):
    """A plugin imports the public names, the values it is given, and nothing else of the core."""
    own = path.relative_to(ROOT).parts[2]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for module, name in _imports(node):
            if module == "trackhub":
                assert name in trackhub.__all__, f"line {node.lineno}: trackhub.{name}"
            elif module.startswith("trackhub"):
                seen = module in _SEEN_BY_PLUGINS or module.partition(".")[0] == own
                assert seen, f"line {node.lineno}: {module}"


def _imports(node: ast.AST) -> list[tuple[str, str]]:
    if isinstance(node, ast.ImportFrom):
        return [(node.module or "", alias.name) for alias in node.names]
    if isinstance(node, ast.Import):
        return [(alias.name, "") for alias in node.names if alias.name != "trackhub"]
    return []

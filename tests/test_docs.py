"""Hold the documentation against the code: what is there is described, and what is described is there."""

from __future__ import annotations

import ast
import inspect
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest
import typer

from trackhub import errors, hookspec
from trackhub.settings import Settings
from trackhub.settings.model import SETTINGS
from trackhub.settings.sources import OTHER_VARIABLES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
_PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("plugins/*/*.md")])
_PAGES = [page for page in _PAGES if "_build" not in page.parts]
_SECTIONS = ("When", "Arguments", "Returns", "Raises", "Who may implement", "Example")
_HOOKS = {
    name: function
    for spec in (hookspec.HubSpec, hookspec.BackendHooks)
    for name, function in vars(spec).items()
    if name.startswith(hookspec.PREFIX)
}
_KINDS = ("breaking", "deprecation", "feature", "fix", "plugin", "doc", "internal")


def _id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def _sections(text: str, level: str) -> dict[str, str]:
    """Return a page's sections of one level by their headings."""
    parts = re.split(rf"^{level} (.*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_hook_has_its_heading():
    """A hook's heading is its name with its arguments, in the order of the spec."""
    wanted = []
    for name, function in _HOOKS.items():
        arguments = [argument for argument in inspect.signature(function).parameters if argument != "self"]
        wanted.append(f"`{name}({', '.join(arguments)})`")
    assert list(_sections(_text("plugins/hooks.md"), "###")) == wanted


@pytest.mark.parametrize("name", _HOOKS)
def test_every_hook_is_described(name):
    """A hook's section says when, with what, what it gives, what it raises, who may, and shows how."""
    found = _sections(_text("plugins/hooks.md"), "###")
    [section] = [text for heading, text in found.items() if heading.startswith(f"`{name}(")]
    assert re.findall(r"^\*\*(.+)\.\*\*", section, re.MULTILINE) == list(_SECTIONS)
    assert f"def {name}(" in section


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_described(name):
    """A setting has a row with its variable."""
    assert re.search(
        rf"^\| `{name}` \| `TRACKHUB_{name.upper()}` \| .+ \| .+ \|$", _text("reference/settings.md"), re.MULTILINE
    )


def test_settings_tell_their_defaults():
    """The default in a setting's row is the one in force."""
    rows = dict(re.findall(r"^\| `(\w+)` \| `\w+` \| (.+?) \|", _text("reference/settings.md"), re.MULTILINE))
    for name in SETTINGS:
        shown, default = rows[name].strip("`"), getattr(Settings(), name)
        if isinstance(default, bool):
            assert shown == str(default).lower()
        elif default not in ((), {}, None):
            assert shown == (f"{default:g}" if isinstance(default, float) else str(default))
        else:
            assert not shown.isdecimal()


@pytest.mark.parametrize("path", [*_PAGES, *sorted((ROOT / "trackhub").rglob("*.py"))], ids=_id)
def test_every_variable_is_known(path):
    """A variable that a page or a message names is a setting, or one of the few others, and those are described."""
    known = {f"TRACKHUB_{name.upper()}" for name in SETTINGS} | OTHER_VARIABLES
    text = path.read_text(encoding="utf-8")
    assert set(re.findall(r"\bTRACKHUB_[A-Z_]+[A-Z]\b", text)) <= known
    assert all(variable in _text("reference/settings.md") for variable in known)


def test_every_command_is_described():
    """Each command has a section, and the section names each of its options."""
    from trackhub.cli.app import app

    found = _sections(_text("reference/cli.md"), "##")
    commands = typer.main.get_command(app).commands
    assert list(found) == [f"`trackhub {name}`" for name in commands]
    for name, command in commands.items():
        options = [option for parameter in command.params for option in parameter.opts if option.startswith("-")]
        missing = [
            one for one in options if one not in {"--help", "-h"} and f"`{one}`" not in found[f"`trackhub {name}`"]
        ]
        assert missing == [], name


def test_every_error_is_described():
    """The page of errors takes in the module that has them all, and each says what it reports."""
    assert "automodule:: trackhub.errors" in _text("reference/errors.md")
    for name, value in vars(errors).items():
        if inspect.isclass(value):
            assert value.__doc__, name


def test_the_index_has_every_page():
    """Each page is in a table of contents."""
    pages = {str(page.relative_to(DOCS).with_suffix("")) for page in DOCS.rglob("*.md") if "_build" not in page.parts}
    pages = {page for page in pages if not page.startswith("changelog/")} - {"index"}
    listed = [line.strip() for line in _text("index.md").splitlines()]
    assert [page for page in sorted(pages) if not any(fnmatch(page, pattern) for pattern in listed)] == []


@pytest.mark.parametrize("page", _PAGES, ids=_id)
def test_links_lead_somewhere(page):
    """A link to a file leads to one, and so does a test's path in a text."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target
    for path in re.findall(r"`((?:tests|docs|plugins|benchmarks)/[\w/.-]+\.\w+|trackhub/[\w/]+\.py)`", text):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", _PAGES, ids=_id)
def test_python_without_prompts_is_python(page):
    """A block of Python that no doctest runs can at least be parsed."""
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        if ">>>" not in block:
            ast.parse(block)


@pytest.mark.parametrize("page", _PAGES, ids=_id)
def test_examples_end_where_they_end(page):
    """A block with prompts ends with an empty line, or doctest would take its fence for output."""
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        if ">>>" in block:
            assert block.endswith("\n\n"), block


def test_changelog_fragments():
    """A fragment is named after an issue or a word, and its kind, and holds a sentence."""
    for fragment in (DOCS / "changelog").iterdir():
        assert re.fullmatch(rf"(\d+|\+[\w-]+)\.({'|'.join(_KINDS)})\.md", fragment.name), fragment.name
        assert fragment.read_text(encoding="utf-8").rstrip().endswith(".")

"""The tutorial's plugin, taken from its page, keeps the whole contract."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

from trackhub.testing import BackendSuite, Setup, Target, check

PAGE = Path(__file__).parents[2] / "docs" / "plugins" / "tutorial.md"
TEXT = PAGE.read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module", autouse=True)
def entry_points(tmp_path_factory):
    """Write the page's modules where Python finds them, and return the entry points of its pyproject.toml."""
    folder = tmp_path_factory.mktemp("tutorial")
    for block in blocks("python"):
        place = folder / block.partition("\n")[0].removeprefix("# ")
        place.parent.mkdir(exist_ok=True)
        place.write_text(block, encoding="utf-8")
    (folder / "trackhub_company" / "__init__.py").touch()
    sys.path.insert(0, str(folder))
    yield tuple(tomllib.loads(blocks("toml")[0])["project"]["entry-points"]["trackhub"].items())
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.startswith("trackhub_company")]:
        del sys.modules[name]


class TestCompany(BackendSuite):
    @pytest.fixture
    def plugins(self, entry_points):
        return entry_points

    @pytest.fixture
    def destination_url(self, tmp_path):
        return f"company:{tmp_path}/company.db"

    @pytest.fixture
    def unreachable_url(self):
        return "company:/no/such/folder/company.db"


def test_the_card_is_the_one_shown(entry_points, tmp_path):
    """What the page shows of the card is what the command prints."""
    card = check(Setup(target=Target(url=f"company:{tmp_path}/company.db", plugins=entry_points)))
    [shown] = blocks("text")
    assert set(filter(None, shown.splitlines())) <= set(card.text().splitlines()), card.text()
    assert card.passed


def test_the_tests_on_the_page_are_these():
    """The class that the page shows gives the same fixtures, but for the plugin being installed."""
    [shown] = [block for block in blocks("python") if block.startswith("# tests/test_conformance.py")]
    [named] = [node for node in ast.walk(ast.parse(shown)) if isinstance(node, ast.ClassDef)]
    for function in named.body:
        ours = getattr(TestCompany, function.name)
        assert ours is not None
    assert [function.name for function in named.body] == ["destination_url", "unreachable_url"]

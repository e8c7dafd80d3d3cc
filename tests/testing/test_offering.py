from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_CHECK = """
import sys
from trackhub.testing import Setup, Target, check
target = Target(url=f"heavy://vendor{sys.argv[1]}")
card = check(Setup(target=target), select=lambda name: name == "test_offering_imports_no_sdk")
print(card.broken, card.outcomes[0].detail)
"""
_PLUGIN = """
from trackhub import hookimpl
from testing.reference import ReferenceBackend, offer

@hookimpl
def trackhub_backends():
    return [offer(ReferenceBackend, "heavy")]
"""


@pytest.mark.parametrize(
    ("first", "said"), [("import pluggy", "() "), ("import pytest", "('O3',) offering imports _pytest")]
)
def test_a_plugin_that_imports_its_sdk_early(tmp_path, first, said):
    """What a plugin requires is imported by its factory; what trackhub requires is there anyway."""
    info = tmp_path / "heavy-1.0.dist-info"
    info.mkdir()
    requires = "Requires-Dist: trackhub-core\nRequires-Dist: pytest>=8\n"
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: heavy\nVersion: 1.0\n{requires}")
    (info / "entry_points.txt").write_text("[trackhub]\nmain = heavy_plugin\n")
    (tmp_path / "heavy_plugin.py").write_text(f"{first}\n{_PLUGIN}")
    path = [str(tmp_path), str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
    command = [sys.executable, "-c", _CHECK, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.startswith(said), done.stdout + done.stderr

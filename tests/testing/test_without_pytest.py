from __future__ import annotations

import subprocess
import sys

_CODE = """
import sys
sys.modules["pytest"] = None  # importing it fails
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "pytest" else found(name, *more)
import trackhub, trackhub.testing
sys.path.insert(0, sys.argv[1])
target = trackhub.testing.Target(url="reference://vendor" + sys.argv[2], plugins=(("reference", "testing.reference"),))
card = trackhub.testing.check(trackhub.testing.Setup(target=target), select=lambda name: "nan" in name)
assert card.passed and len(card.outcomes) == 1, card.text()
"""


def test_the_suite_runs_without_pytest(tmp_path):
    """trackhub.testing is imported and a backend checked where pytest is not installed."""
    tests = next(path for path in sys.path if path.endswith("tests"))
    done = subprocess.run(
        [sys.executable, "-c", _CODE, tests, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_importing_trackhub_imports_no_test_code():
    """A training pays nothing for the kit."""
    code = "import sys, trackhub; assert not {'trackhub.testing', 'pytest'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

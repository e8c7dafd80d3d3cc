"""Give each settings test an environment of its own: no TRACKHUB_* variable, an empty home, an empty folder."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """Return the current folder of the test, two folders deep in a home without any file."""
    for variable in [name for name in os.environ if name.startswith("TRACKHUB_")]:
        monkeypatch.delenv(variable)
    home = tmp_path / "home"
    folder = home / "work" / "digits"
    folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(folder)
    return folder

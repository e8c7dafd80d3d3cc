"""Give capture tests a git of their own: no user configuration, a fixed author."""

from __future__ import annotations

import os
import subprocess
import time

import pytest


@pytest.fixture
def deadline():
    """Return a deadline that no test should reach."""
    return time.monotonic() + 30


@pytest.fixture
def git(tmp_path, monkeypatch):
    """Return a function that runs git in a fresh folder, ``git.folder``."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ada@example.org")

    def git(*arguments):
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=True)
        return done.stdout.decode().strip()

    git.folder = folder
    return git


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Return a function that puts a shell script first on the PATH under a program's name."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)

    def program(name, script):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return program

"""Test what is noted of the code that runs."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from trackhub.capture import command
from trackhub.capture.git import describe_code
from trackhub.redact import Redactor


@pytest.fixture
def repository(git):
    """Return a repository with one commit on main."""
    git("init", "-q", "-b", "main")
    (git.folder / "train.py").write_text("lr = 1\n")
    git("add", ".")
    git("commit", "-q", "-m", "Begin")
    return git


def test_a_clean_repository_has_a_commit_and_no_diff(repository, deadline):
    """A clean checkout is its commit and branch; there is nothing to differ."""
    assert describe_code(repository.folder, Redactor(), deadline=deadline) == {
        "root": str(repository.folder),
        "commit": repository("rev-parse", "HEAD"),
        "branch": "main",
        "dirty": False,
        "untracked": [],
    }


def test_changes_staged_or_not_are_in_the_diff(repository, deadline):
    """The diff is what differs from the commit, staged or not; untracked files are named, folders as one."""
    (repository.folder / "train.py").write_text("lr = 2\n")
    (repository.folder / "model.py").write_text("depth = 4\n")
    repository("add", "model.py")
    (repository.folder / "notes é.txt").write_text("x")
    (repository.folder / "out").mkdir()
    (repository.folder / "out" / "a.bin").write_bytes(b"\0")
    code = describe_code(repository.folder, Redactor(), deadline=deadline)
    assert code["dirty"] is True
    assert "-lr = 1\n+lr = 2\n" in code["diff"]
    assert "+depth = 4\n" in code["diff"]
    assert code["untracked"] == ["notes é.txt", "out/"]
    assert "diff_cut" not in code


def test_untracked_files_alone_do_not_make_it_dirty(repository, deadline):
    """A repository with only untracked files runs its commit's code."""
    (repository.folder / "notes.txt").write_text("x")
    code = describe_code(repository.folder, Redactor(), deadline=deadline)
    assert (code["dirty"], code["untracked"]) == (False, ["notes.txt"])


def test_a_folder_inside_speaks_for_the_repository(repository, deadline):
    """From a folder inside, the whole repository is described."""
    inside = repository.folder / "a" / "b"
    inside.mkdir(parents=True)
    (repository.folder / "train.py").write_text("lr = 2\n")
    code = describe_code(inside, Redactor(), deadline=deadline)
    assert code["root"] == str(repository.folder)
    assert "+lr = 2" in code["diff"]


def test_a_detached_head_has_no_branch(repository, deadline):
    """A commit checked out by itself, as CI does, is on no branch."""
    repository("checkout", "-q", "--detach")
    code = describe_code(repository.folder, Redactor(), deadline=deadline)
    assert "branch" not in code
    assert code["commit"]


def test_a_repository_without_commits_has_what_is_staged(git, deadline):
    """Before the first commit there is a branch, no commit, and a diff of what is staged."""
    git("init", "-q", "-b", "main")
    (git.folder / "train.py").write_text("lr = 1\n")
    git("add", ".")
    code = describe_code(git.folder, Redactor(), deadline=deadline)
    assert "commit" not in code
    assert code["branch"] == "main"
    assert "+lr = 1" in code["diff"]


def test_a_folder_without_repository_says_nothing(git, deadline):
    """Where there is no repository, or no folder, there is nothing to say."""
    assert describe_code(git.folder, Redactor(), deadline=deadline) == {}
    assert describe_code(git.folder / "gone", Redactor(), deadline=deadline) == {}


def test_the_remote_loses_its_password(repository, deadline):
    """The remote is origin, else the first there is, without user-info and without the user's own rewriting."""
    repository("remote", "add", "team", "https://me:hunter2@host/team/digits.git")
    redactor = Redactor()
    code = describe_code(repository.folder, redactor, deadline=deadline)
    assert code["remote"] == "https://[redacted]@host/team/digits.git"
    assert redactor.hits == {"git.remote": 1}
    repository("remote", "add", "origin", "https://host/digits.git")
    repository("config", "url.https://x:hunter2@host/.insteadOf", "https://host/")
    assert describe_code(repository.folder, Redactor(), deadline=deadline)["remote"] == "https://host/digits.git"


def test_the_diff_loses_its_secrets(repository, deadline):
    """A secret that was written into the code is not kept with the run."""
    (repository.folder / "train.py").write_text('login(password="hunter2")\n')
    redactor = Redactor()
    code = describe_code(repository.folder, redactor, deadline=deadline)
    assert '+login(password="[redacted]")' in code["diff"]
    assert redactor.hits == {"git.diff": 1}


def test_a_large_diff_is_cut_at_a_line_and_says_so(repository, deadline):
    """A diff beyond 1 MiB ends with a whole line, and its full size is told."""
    (repository.folder / "train.py").write_text("x = 1234567\n" * 200_000)
    code = describe_code(repository.folder, Redactor(), deadline=deadline)
    assert code["diff_cut"] is True
    assert code["diff_bytes"] > 200_000 * 13
    assert (1 << 20) - 20 < len(code["diff"]) <= 1 << 20
    assert code["diff"].endswith("\n+x = 1234567\n")


def test_many_untracked_files_are_cut_and_say_so(repository, deadline):
    """A folder full of loose files is not all listed, and that is told."""
    for number in range(1001):
        (repository.folder / f"{number}.txt").touch()
    code = describe_code(repository.folder, Redactor(), deadline=deadline)
    assert (len(code["untracked"]), code["untracked_cut"]) == (1000, True)


def test_bytes_that_are_no_utf8_are_escaped(repository, deadline):
    """A file in another encoding, or of another name, is told with its bytes escaped."""
    (repository.folder / "train.py").write_bytes(b"name = 'caf\xe9'\n")
    Path(os.fsdecode(bytes(repository.folder) + b"/caf\xe9.txt")).touch()
    code = describe_code(repository.folder, Redactor(), deadline=deadline)
    assert r"+name = 'caf\xe9'" in code["diff"]
    assert code["untracked"] == [r"caf\xe9.txt"]


def test_git_takes_no_lock_and_runs_nothing_that_is_configured(repository, deadline, tmp_path):
    """The index stays as it is, and neither a diff program nor a monitor of the repository is started."""
    trap = tmp_path / "trap"
    for key in ("diff.external", "core.fsmonitor", "core.pager"):
        repository("config", key, f"touch {trap}; true")
    index = repository.folder / ".git" / "index"
    (repository.folder / "train.py").touch()
    before = index.stat()
    code = describe_code(repository.folder, Redactor(), deadline=deadline)
    assert code["dirty"] is False
    assert not trap.exists()
    assert (index.stat().st_mtime_ns, index.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_git_that_hangs_is_given_up(repository, deadline, program, monkeypatch):
    """A git that never answers costs its time limit, and its part is absent."""
    monkeypatch.setattr(command, "MOST_SECONDS", 0.3)
    program("git", "sleep 60")
    start = time.monotonic()
    assert describe_code(repository.folder, Redactor(), deadline=deadline) == {}
    assert time.monotonic() - start < 5


def test_a_part_that_takes_too_long_is_absent(repository, deadline, program, monkeypatch):
    """A status that takes too long leaves the commit known."""
    monkeypatch.setattr(command, "MOST_SECONDS", 1.0)
    commit = repository("rev-parse", "HEAD")
    git = command.shutil.which("git")
    program("git", f'case "$*" in *status*|*diff*) sleep 60;; esac; exec {git} "$@"')
    code = describe_code(repository.folder, Redactor(), deadline=deadline)
    assert code == {"root": str(repository.folder), "commit": commit, "branch": "main"}


def test_a_machine_without_git_says_nothing(repository, deadline, monkeypatch, tmp_path):
    """Without git on the PATH there is nothing to say."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert describe_code(repository.folder, Redactor(), deadline=deadline) == {}

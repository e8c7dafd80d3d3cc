"""Ask git which code runs: commit, branch, remote, and what is not committed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trackhub.capture.command import Output, run
from trackhub.redact import Redactor

_MOST_DIFF = 1 << 20
_MOST_UNTRACKED = 1000
_QUIET = {
    "GIT_OPTIONAL_LOCKS": "0",  # the user's own git must not find a lock of ours
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",  # a partial clone stays partial: no network
}
_DIFF = ("diff", "--no-color", "--no-ext-diff", "--no-textconv")


def describe_code(folder: Path, redactor: Redactor, *, deadline: float) -> dict[str, Any]:
    """Return what git says of a folder, without secrets; nothing where there is no repository.

    ``dirty`` is about tracked files; ``untracked`` names the others, whole folders as one. A diff
    beyond 1 MiB is cut at a line: then ``diff_cut`` is true and ``diff_bytes`` its full size.

    :param deadline: by ``time.monotonic()``; parts that take longer are absent.
    """
    git = _Git(folder, deadline)
    if (root := git.line("rev-parse", "--show-toplevel")) is None:
        return {}
    commit = git.line("rev-parse", "--verify", "--quiet", "HEAD")
    remote = _remote(git)
    found = {
        "root": root,
        "commit": commit,
        "branch": git.line("symbolic-ref", "--short", "--quiet", "HEAD"),
        "remote": redactor.text(remote, "git.remote") if remote else None,
        **_changes(git),
        **_diff(git.run(*_DIFF, "HEAD" if commit else "--cached", limit=_MOST_DIFF), redactor),
    }
    return {key: value for key, value in found.items() if value is not None}


class _Git:
    """Run git in a folder, taking no locks and asking nobody."""

    def __init__(self, folder: Path, deadline: float) -> None:
        self._folder = folder
        self._deadline = deadline

    def run(self, *arguments: str, limit: int = 1 << 20) -> Output | None:
        # A monitor that the repository configures would be a program of its own, and would stay.
        command = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", *arguments)
        return run(command, deadline=self._deadline, cwd=self._folder, environment=_QUIET, limit=limit)

    def line(self, *arguments: str) -> str | None:
        output = self.run(*arguments)
        return output.text.rstrip("\r\n") or None if output else None


def _remote(git: _Git) -> str | None:
    """Return the URL of origin, else of the first remote, as it is written in the configuration."""
    # Not `remote get-url`: it applies the user's url.<base>.insteadOf, which may hold a token.
    if url := git.line("config", "--get", "remote.origin.url"):
        return url
    names = git.line("remote")
    return git.line("config", "--get", f"remote.{names.splitlines()[0]}.url") if names else None


def _changes(git: _Git) -> dict[str, Any]:
    output = git.run("status", "--porcelain", "--no-renames", "-z")
    if output is None:
        return {}
    entries = output.text.split("\0")[:-1]
    untracked = [entry.removeprefix("?? ") for entry in entries if entry.startswith("?? ")]
    changes: dict[str, Any] = {"dirty": len(untracked) < len(entries), "untracked": untracked[:_MOST_UNTRACKED]}
    if len(untracked) > _MOST_UNTRACKED or output.size > len(output.head):
        changes["untracked_cut"] = True
    return changes


def _diff(output: Output | None, redactor: Redactor) -> dict[str, Any]:
    if output is None or not output.size:
        return {}
    if output.size <= len(output.head):
        return {"diff": redactor.text(output.text, "git.diff")}
    lines = output.head[: output.head.rfind(b"\n") + 1].decode(errors="backslashreplace")
    return {"diff": redactor.text(lines, "git.diff"), "diff_cut": True, "diff_bytes": output.size}

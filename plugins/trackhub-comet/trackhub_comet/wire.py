"""Say what a backend asks of Comet; ``batches.py`` and ``documented.py`` ask it through the SDK."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from trackhub_comet.points import Row


class Wire(Protocol):
    """Ask Comet; everything is a plain value, and whatever fails is raised as the SDK raises it."""

    version: str
    is_whole: bool
    """Whether metrics go in one request, of which a refusal says that none was taken."""

    def create(self, key: str, workspace: str, project: str) -> str | None:
        """Make an experiment, or find it; return its page."""

    def metadata(self, key: str) -> dict[str, Any] | None:
        """Return what an experiment is, or None where there is none."""

    def experiments(self, workspace: str, project: str) -> list[dict[str, Any]]:
        """Return what the experiments of a project are; none where there is no such project."""

    def projects(self, workspace: str) -> list[str]:
        """Return the names of a workspace's projects."""

    def account(self) -> dict[str, Any]:
        """Return who the key belongs to."""

    def workspace(self) -> str | None:
        """Return the workspace that the SDK is set up for."""

    def others(self, key: str) -> dict[str, str]:
        """Return an experiment's others."""

    def put_other(self, key: str, name: str, text: str) -> None:
        """Set an other."""

    def params(self, key: str) -> dict[str, str]:
        """Return an experiment's params."""

    def put_params(self, key: str, texts: Mapping[str, str], time_ms: int) -> None:
        """Set params."""

    def metrics(self, key: str, name: str | None = None) -> list[dict[str, Any]]:
        """Return the rows of all metrics, or of one."""

    def put_metrics(self, key: str, rows: Sequence[Row]) -> None:
        """Append rows."""

    def last_values(self, key: str) -> dict[str, str]:
        """Return where each metric stands."""

    def tags(self, key: str) -> list[str]:
        """Return what Comet calls tags: labels."""

    def put_tags(self, key: str, tags: Iterable[str], without: Iterable[str]) -> None:
        """Add labels and take others away."""

    def assets(self, key: str) -> list[dict[str, Any]]:
        """Return what the files of an experiment are."""

    def put_asset(self, key: str, asset: str, name: str, source: Path, metadata: dict[str, Any]) -> str:
        """Upload a file under an id of ours, where that can be said; return its id."""

    def asset(self, key: str, asset: str) -> Iterator[bytes]:
        """Yield a file's bytes, in pieces."""

    def delete_asset(self, key: str, asset: str) -> None:
        """Take a file away."""

    def put_state(self, key: str, *, running: bool, crashed: bool = False, error: str | None = None) -> None:
        """Set whether an experiment runs, and how it ended."""

    def put_times(self, key: str, start_ms: int | None, end_ms: int | None) -> None:
        """Set when an experiment began and ended; None leaves a time as it is."""

    def put_details(self, key: str, details: Mapping[str, Any]) -> None:
        """Set what the page of the machine shows."""

    def put_git(self, key: str, git: Mapping[str, str]) -> None:
        """Set what the page of the code shows."""

    def close(self) -> None:
        """Let connections go."""

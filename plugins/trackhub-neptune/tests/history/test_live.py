"""Folders that the 1.x client leaves of runs that spoke to a server, left by the client itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from history.conftest import leave
from neptune_server import neptune_server


@pytest.mark.timeout(120)
def test_an_async_folder_has_what_was_sent_and_what_was_not(
    tmp_path: Path, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run has the id that the server gave it; what the client held back when it was killed is counted."""
    with neptune_server("v1") as server:
        monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
        leave("live", "neptune", tmp_path, "async", NEPTUNE_API_TOKEN=server.token())
    found = told(tmp_path, "team/digits")
    record = found.only
    [folder] = (tmp_path / ".neptune" / "async").iterdir()
    assert record.id == folder.name.split("__")[1]
    assert record.name == "live"
    loss = [(step, value) for step, value, _ in found.points(record, "loss")]
    assert loss == [(step, step / 2) for step in range(len(loss))]
    assert 50 <= len(loss) <= 400
    assert any(note.kind == "never written" for note in record.notes) == (len(loss) < 400)


@pytest.mark.timeout(120)
def test_a_sync_folder_has_nothing_and_says_so(tmp_path: Path, told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In mode="sync" everything goes to the server at once: the folder is named, and is no run."""
    with neptune_server("v1") as server:
        monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
        leave("live", "neptune", tmp_path, "sync", NEPTUNE_API_TOKEN=server.token())
    found = told(tmp_path, "team/digits")
    assert found.records == ()
    assert [note.kind for note in found.notes] == ["delivered before"]

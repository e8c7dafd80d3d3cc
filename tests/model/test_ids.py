"""Run ids and the names made from them."""

from __future__ import annotations

import time
import uuid

from trackhub.model.ids import RUN_ID, new_run_id, readable_name


def test_run_id_is_a_uuid7():
    """A run id is 32 lower-case hex digits, a UUID of version 7 and the RFC's variant."""
    for _ in range(200):
        run_id = new_run_id()
        assert RUN_ID.fullmatch(run_id)
        number = uuid.UUID(hex=run_id)
        assert number.version == 7
        assert number.variant == uuid.RFC_4122


def test_run_id_says_when(monkeypatch):
    """A run id begins with the milliseconds, so that ids sort by time."""
    before = time.time_ns() // 1_000_000
    milliseconds = int(new_run_id()[:12], 16)
    assert before <= milliseconds <= time.time_ns() // 1_000_000
    ids = []
    for moment in (1, 10**12, 1_718_000_000 * 10**9, 1_718_000_000 * 10**9 + 10**6, 2**62):
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment)
        ids.append(new_run_id())
    assert ids == sorted(ids)


def test_run_ids_differ(monkeypatch):
    """Ids of one millisecond differ."""
    monkeypatch.setattr(time, "time_ns", lambda: 10**18)
    assert len({new_run_id() for _ in range(5000)}) == 5000


def test_readable_name():
    """A name is two words and four digits, the same for the same id."""
    run_id = new_run_id()
    adjective, noun, digits = readable_name(run_id).split("-")
    assert adjective.isalpha()
    assert noun.isalpha()
    assert digits == run_id[-4:]
    assert readable_name(run_id) == readable_name(run_id)


def test_readable_names_differ():
    """Names of many runs are mostly different."""
    assert len({readable_name(new_run_id()) for _ in range(2000)}) > 1990

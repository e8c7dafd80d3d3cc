"""Several processes, threads and forked children that write one run."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import Counter

import pytest

from trackhub.journal.journal import JournalReader
from trackhub.journal.writer import JournalWriter

ROWS = 2000

# From Python 3.12 on, a fork beside threads warns; that it is safe here is what is tested.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here"),
]


def read_run(folder) -> tuple[Counter, list]:
    """Return how often each (who, step) was read, and the damage."""
    reader = JournalReader(folder)
    rows = Counter((name, event.step) for event, _, _ in reader.events() for name in event.metrics)
    return rows, reader.damage


def write_with_threads(writer, who: str, threads: int = 4) -> None:
    """Write rows from several threads at once, in layouts of their own and shared ones."""

    def write(thread: int) -> None:
        for step in range(ROWS):
            writer.row({f"{who}{thread}": 0.5}, step)
            if step % 10 == 0:
                writer.row({f"{who}shared": thread}, step * 10 + thread)

    running = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def wait(child: int) -> None:
    """Wait for a child and assert that all went well in it."""
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def in_child(work) -> int:
    """Run something in a forked child and return its pid."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return child


def test_threads_and_processes(folder, new_header):
    """Two processes of four threads each write one run, and every row is there exactly once."""

    def work(who: str) -> None:
        writer = JournalWriter(folder.journal, new_header)
        write_with_threads(writer, who)
        writer.close()

    children = [in_child(lambda who=who: work(who)) for who in "ab"]
    for child in children:
        wait(child)
    rows, damage = read_run(folder)
    assert damage == []
    assert len(folder.segments()) == 2
    own = {(f"{who}{thread}", step) for who in "ab" for thread in range(4) for step in range(ROWS)}
    shared = {(f"{who}shared", step * 10 + t) for who in "ab" for t in range(4) for step in range(0, ROWS, 10)}
    assert rows == Counter(own | shared)


def test_fork_in_mid_run(folder, new_header, read):
    """A forked child goes on in a segment of its own, and the parent's is unharmed."""
    writer = JournalWriter(folder.journal, new_header)
    writer.row({"parent": 1.0}, 0)
    parents = writer.name

    def work() -> None:
        assert writer.name is None
        for step in range(ROWS):
            writer.row({"child": 1.0, "parent": 2.0}, step)
        assert writer.name != parents
        writer.close()

    child = in_child(work)
    for step in range(1, ROWS):
        writer.row({"parent": 1.0}, step)
    wait(child)
    writer.row({"parent": 1.0}, ROWS)
    writer.close()
    assert writer.name == parents
    found = {path.stem: read(path) for path in folder.segments()}
    assert len(found) == 2
    assert not any(part.damage for part in found.values())
    own = found.pop(parents)
    assert [(event.metrics, event.step) for event in own.events] == [({"parent": 1.0}, s) for s in range(ROWS + 1)]
    (other,) = found.values()
    assert [event.step for event in other.events] == list(range(ROWS))
    assert all(list(event.metrics) == ["child", "parent"] for event in other.events)


def test_fork_with_nothing_to_say(folder, new_header):
    """A forked child that logs nothing, or closes, leaves no file and no trace in the parent's."""
    writer = JournalWriter(folder.journal, new_header)
    writer.row({"a": 1.0}, 0)
    size = writer.end
    wait(in_child(lambda: None))
    wait(in_child(writer.close))
    assert len(folder.segments()) == 1
    assert folder.segments()[0].stat().st_size == size
    writer.row({"a": 1.0}, 1)
    writer.close()
    assert read_run(folder) == (Counter([("a", 0), ("a", 1)]), [])


def test_fork_of_a_fork(folder, new_header):
    """Children of children each have a segment of their own."""
    writer = JournalWriter(folder.journal, new_header)

    def work(depth: int) -> None:
        writer.row({"a": 1.0}, depth)
        if depth < 3:
            wait(in_child(lambda: work(depth + 1)))
        writer.row({"a": 2.0}, -depth)

    work(0)
    writer.close()
    rows, damage = read_run(folder)
    assert damage == []
    assert len(folder.segments()) == 4
    assert rows == Counter({("a", 0): 2, **{("a", step): 1 for step in (1, 2, 3, -1, -2, -3)}})


def test_fork_while_threads_write(folder, new_header):
    """A fork while other threads are in the middle of a row harms neither side."""
    writer = JournalWriter(folder.journal, new_header)
    done = threading.Event()

    def write(thread: int) -> None:
        step = 0
        while not done.is_set():
            writer.row({f"t{thread}": 0.5}, step)
            step += 1
        counts[thread] = step

    counts = [0] * 2
    running = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in running:
        thread.start()
    for number in range(8):
        wait(in_child(lambda number=number: [writer.row({"child": 1.0}, number * 10 + i) for i in range(10)]))
    done.set()
    for thread in running:
        thread.join()
    writer.close()
    rows, damage = read_run(folder)
    assert damage == []
    expected = {(f"t{thread}", step) for thread in range(2) for step in range(counts[thread])}
    assert rows == Counter(expected | {("child", step) for step in range(80)})


def test_multiprocessing_fork(folder, new_header):
    """Workers of a forking multiprocessing pool log to the run they were forked with."""
    writer = JournalWriter(folder.journal, new_header)
    writer.row({"parent": 1.0}, 0)

    def work(who: int) -> None:
        for step in range(200):
            writer.row({f"w{who}": 0.5}, step)

    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=work, args=(number,)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    writer.row({"parent": 1.0}, 1)
    writer.close()
    rows, damage = read_run(folder)
    assert damage == []
    expected = {(f"w{who}", step) for who in range(3) for step in range(200)}
    assert rows == Counter(expected | {("parent", 0), ("parent", 1)})

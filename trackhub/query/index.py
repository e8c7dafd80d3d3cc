"""Keep the summaries of a store's runs in the user's cache folder; built from the journals, whenever it is gone.

A run that is settled costs one ``stat`` of its journal folder: whatever adds to it begins a new
segment there. Of an open run the segments' sizes are looked at, and its journal is read again
only when one has changed.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
import time
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path

import msgspec

from trackhub.journal.liveness import ProcessMark, this_process, vanished
from trackhub.journal.segment import SegmentHeader
from trackhub.journal.store import RunFolder, Store, file_name
from trackhub.model.codec import pack, read_extension
from trackhub.model.ids import RUN_ID
from trackhub.query.summary import CRASHED_AFTER_S, RunSummary, read_detail

_FORMAT = 3
"""Goes up with each change to the fold or to what is kept, so that an older cache is built anew."""

_RACE_NS = 2_000_000_000
"""A folder that changed this lately can change again and keep its time: file systems tick coarsely."""


class _Entry(msgspec.Struct, array_like=True, gc=False):
    """Hold what was read of a run.

    :ivar stamp: when its journal folder had changed last; ``sizes`` are those of its segments.
    :ivar closed: only a new segment can add to it; else ``writers`` may, as far as they are known.
    :ivar checked: when it was last seen to be as it is here.
    """

    stamp: int
    sizes: dict[str, int]
    closed: bool
    writers: tuple[SegmentHeader, ...]
    checked: int
    summary: RunSummary

    def settled(self, stamp: int) -> bool:
        """Return whether the folder's time alone tells that nothing was added."""
        return self.closed and self.stamp == stamp and self.checked > stamp + _RACE_NS


class _Cache(msgspec.Struct, array_like=True):
    format: int
    store: str
    entries: dict[str, _Entry]


_decoder = msgspec.msgpack.Decoder(_Cache, ext_hook=read_extension)


class RunIndex:
    """Summarise the runs of a store, reading only what was not read before.

    :param silence_s: how long a run of another machine may write nothing before it counts as crashed.
    """

    def __init__(self, store: Store, *, silence_s: float = CRASHED_AFTER_S) -> None:
        self._store = os.path.realpath(store.path)
        self._silence_s = silence_s
        name = hashlib.sha256(os.fsencode(self._store)).hexdigest()[:16]
        self.path = cache_folder() / f"index-{name}.msgpack"

    def summaries(self, project: str | None = None) -> list[RunSummary]:
        """Return the runs of one project or of all as they stand now, newest first."""
        now, here = time.time_ns(), this_process()
        with _no_collection():
            known = self._read()
            entries = dict(known) if project is not None else {}
            changed = False
            runs = []
            for key, path, stamp in _folders(f"{self._store}/runs", project):
                entry = known.get(key)
                if entry is None or not entry.settled(stamp):
                    fresh = self._checked(entry, path, stamp, now, here)
                    changed = changed or fresh is not entry
                    entry = fresh
                if entry is None:  # removed meanwhile
                    continue
                entries[key] = entry
                if not entry.sizes:  # killed before its first write
                    continue
                run = entry.summary
                if run.open or run.status == "running":
                    run = run.judged(now=now, silence_s=self._silence_s, here=here)
                runs.append(run)
            if changed or len(entries) != len(known):
                self._write(entries)
            runs.sort(key=attrgetter("started", "id"), reverse=True)
            return runs

    def _checked(self, entry: _Entry | None, path: str, stamp: int, now: int, here: ProcessMark) -> _Entry | None:
        """Return a run's entry as its files are now; the same one if nothing is to be kept."""
        try:
            sizes = {item.name: item.stat().st_size for item in os.scandir(path) if item.name.endswith(".seg")}
            if entry is None or sizes != entry.sizes or _gone(entry, now, here):
                detail = read_detail(RunFolder(Path(path).parent), now=now, silence_s=self._silence_s)
                # Who had it open matters no more once all of them are gone for good.
                summary = msgspec.structs.replace(detail.summary, open=()) if detail.settled else detail.summary
                return _Entry(stamp, sizes, detail.settled, detail.writers, now, summary)
        except OSError:
            return None
        fresh = _Entry(stamp, sizes, entry.closed, entry.writers, now, entry.summary)
        return fresh if fresh.settled(stamp) else entry

    def _read(self) -> dict[str, _Entry]:
        try:
            cache = _decoder.decode(self.path.read_bytes())
        except (OSError, msgspec.MsgspecError, ValueError):
            return {}  # it is a cache: what cannot be read is made again
        return cache.entries if (cache.format, cache.store) == (_FORMAT, self._store) else {}

    def _write(self, entries: dict[str, _Entry]) -> None:
        fresh = self.path.with_suffix(f".{os.getpid()}.tmp")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(pack(_Cache(_FORMAT, self._store, entries)))
            fresh.replace(self.path)
        except (OSError, ValueError):
            # No room or no right to keep a cache: the next reader takes longer, and that is all.
            with contextlib.suppress(OSError):
                fresh.unlink()


def cache_folder() -> Path:
    """Return where the user's rebuildable files lie."""
    if own := os.environ.get("TRACKHUB_CACHE"):
        return Path(own)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - never raises
    return Path(home, "trackhub")


def _folders(root: str, project: str | None) -> Iterator[tuple[str, str, int]]:
    """Yield each run's key, its journal folder and when that had changed last."""
    for place in [file_name(project)] if project is not None else _names(root):
        for run_id in _names(f"{root}/{place}"):
            if RUN_ID.fullmatch(run_id):
                path = f"{root}/{place}/{run_id}/journal"
                try:
                    yield f"{place}/{run_id}", path, os.stat(path).st_mtime_ns  # noqa: PTH116 - a Path costs as much
                except OSError:  # no run yet, or no more
                    continue


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - ten thousand names, not paths
    except (FileNotFoundError, NotADirectoryError):
        return []


def _gone(entry: _Entry, now: int, here: ProcessMark) -> bool:
    """Return whether there were writers and all of them are known to be gone, silence apart."""
    last = entry.summary.last_event
    return bool(entry.writers) and all(
        vanished(header, last_event=last, now=now, silence_s=float("inf"), here=here) for header in entry.writers
    )


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Spare the garbage collector thousands of small values, none of which is garbage."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()

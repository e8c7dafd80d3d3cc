"""Append rows and events to a segment of this process; nothing here reads.

A row is one ``os.write``: when it returns, the bytes are in the kernel and survive SIGKILL.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import struct
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from zlib import crc32

from trackhub.errors import RunFinished, StoreError
from trackhub.journal.row import code_of, columns_of, packs_as_is, scalars_of, step_of
from trackhub.journal.segment import (
    CRC,
    EVENT,
    FIRST_ROW,
    LARGEST,
    LAYOUT,
    SMALLEST,
    Layout,
    SegmentHeader,
    encode_header,
    encode_record,
)
from trackhub.model.codec import pack
from trackhub.model.events import Event, MetricsLogged, UnknownEvent
from trackhub.types import Durability, Scalar, Step

_MOST_LAYOUTS = 4096
"""Layouts remembered at once, so that names made up anew on every call cost no memory."""

_BULK = 1 << 20
"""Bytes of rows written at once."""

_live: weakref.WeakSet[JournalWriter] = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class _Packed:
    """Hold what a known combination of names and types needs to become bytes."""

    pack: Callable[..., bytes]
    length: int
    kind: int


class JournalWriter:
    """Append to one segment; a forked child continues in a new one.

    :param folder: the run's ``journal`` folder.
    :param new_header: makes the header of each segment this writer opens.
    """

    def __init__(
        self, folder: Path, new_header: Callable[[], SegmentHeader], durability: Durability = "process"
    ) -> None:
        self._folder = folder
        self._new_header = new_header
        self._durable = durability == "disk"
        self._closed = False
        self._reset()
        _live.add(self)

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._known: dict[tuple[Any, ...], _Packed] = {}
        self._declared: dict[tuple[Any, ...], _Packed] = {}
        self._next_id = FIRST_ROW
        self._fd = -1
        # What is acknowledged; and where that will be once the write under way is made. They differ only
        # during a write, or after one that a signal's exception left open: then the next write settles it.
        self._end = self._next_end = 0
        self._crc = self._next_crc = 0
        self.name: str | None = None

    @property
    def end(self) -> int:
        """Return the offset up to which everything is acknowledged."""
        return self._end

    def begin(self) -> str:
        """Open the segment, if it is not open yet, and return its name."""
        with self._lock:
            self._open()
            return self.name or ""

    def row(self, metrics: Mapping[str, Any], step: Any = None) -> None:
        """Append metrics that share a step, at the current time.

        :raises TypeError: a value is no number, or the step is none; nothing was written.
        :raises StoreError: the file system took no more; nothing was written.
        """
        try:
            # Names and types together decide how a row is packed, so one look-up serves a known call.
            packed = self._known[(type(step), *metrics, *map(type, metrics.values()))]
        except (KeyError, TypeError, AttributeError):
            return self._row_slowly(metrics, step)
        with self._lock:
            if self._next_end != self._end:
                self._settle()
            end = self._end
            try:
                if step is None:
                    body = packed.pack(packed.length, packed.kind, time.time_ns(), *metrics.values())
                else:
                    body = packed.pack(packed.length, packed.kind, time.time_ns(), step, *metrics.values())
            except struct.error:  # an int beyond 64 bits
                return self._row_slowly(metrics, step)
            crc = crc32(body, self._crc)
            record = body + crc.to_bytes(4, "little")
            if self._end != end:  # a signal handler logged meanwhile
                return self._row_slowly(metrics, step)
            self._next_crc = crc
            self._next_end = after = end + packed.length
            try:
                written = os.write(self._fd, record)
            except OSError as error:
                self._fail(error)
            if written != packed.length:
                self._fail(_full())
            if self._end == end:  # else a signal handler that logged has settled this row
                self._crc = crc
                self._end = after
        return None

    def row_at(self, time_ns: int, metrics: Mapping[str, Scalar], step: Step = None) -> None:
        """Append metrics with a time of their own, as an importer does."""
        with self._lock:
            scalars = scalars_of(metrics)
            step = step_of(step)
            self._write_row(self._layout(scalars, step), time_ns, scalars, step)

    def body(self, time_ns: int, metrics: Mapping[str, Scalar], step: Step = None) -> bytes:
        """Return a row's bytes up to its checksum, for :meth:`bodies`; its layout is declared now."""
        with self._lock:
            scalars = scalars_of(metrics)
            step = step_of(step)
            packed = self._layout(scalars, step)
            return packed.pack(packed.length, packed.kind, time_ns, *columns_of(scalars, step))

    def layout(self, step: str, names: tuple[str, ...], codes: tuple[str, ...]) -> tuple[int, int]:
        """Return the length and the type of rows with these columns, declared if they are new here."""
        with self._lock:
            packed = self._declare((step, *names, *codes), step, names, codes)
            return packed.length, packed.kind

    def bodies(self, bodies: Iterable[bytes]) -> None:
        """Append many rows, each as its bytes up to the checksum, a megabyte a write.

        :raises StoreError: the file system took no more; whole rows were written up to some place.
        """
        with self._lock:
            self._open()
            chunk, size = [], 0
            for body in bodies:
                chunk.append(body)
                size += len(body)
                if size >= _BULK:
                    self._write(functools.partial(_chained, chunk))
                    chunk, size = [], 0
            if chunk:
                self._write(functools.partial(_chained, chunk))

    def append(self, event: Event) -> None:
        """Append an event; metrics become a row.

        :raises StoreError: the file system took no more; nothing was written.
        """
        if isinstance(event, MetricsLogged):
            self.row_at(event.time, event.metrics, event.step)
            return
        payload = pack(event.fields if isinstance(event, UnknownEvent) else event)
        with self._lock:
            self._open()
            self._write_record(EVENT, payload)

    def close(self) -> None:
        """End the segment; a later write raises :class:`~trackhub.errors.RunFinished`."""
        with self._lock:
            self._closed = True
            self._known = {}
            self._try_to_settle()
            self._release()

    def after_fork(self) -> None:
        """Leave the segment to the parent process; the next write here opens a new one."""
        self._release()
        self._reset()

    def _release(self) -> None:
        # First forgotten, then closed: closed twice, it might be another's by then.
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _row_slowly(self, metrics: Mapping[str, Any], step: Any) -> None:
        if not isinstance(metrics, Mapping):
            raise TypeError(f"log() takes a mapping of names to numbers, not {type(metrics).__name__}")
        now = time.time_ns()
        scalars = scalars_of(metrics)
        plain_step = step_of(step)
        if not scalars:
            return
        with self._lock:
            packed = self._layout(scalars, plain_step)
            self._write_row(packed, now, scalars, plain_step)
            # A float step must be checked each time, a durable write fsynced: both stay on this way.
            plain = all(map(packs_as_is, metrics.values())) and (step is None or packs_as_is(step))
            if plain and not self._durable and not isinstance(plain_step, float):
                if len(self._known) >= _MOST_LAYOUTS:
                    self._known.clear()
                self._known[(type(step), *metrics, *map(type, metrics.values()))] = packed

    def _layout(self, scalars: dict[str, Scalar], step: Step) -> _Packed:
        """Return how to pack such a row, declaring its layout in the segment if it is new there."""
        codes = tuple(map(code_of, scalars.values()))
        code = code_of(step) if step is not None else ""
        return self._declare((code, *scalars, *codes), code, tuple(scalars), codes)

    def _declare(self, key: tuple[str, ...], step: str, names: tuple[str, ...], codes: tuple[str, ...]) -> _Packed:
        packed = self._declared.get(key)
        if packed is None:
            self._open()
            layout = Layout(id=self._next_id, step=step, names=names, codes=codes)
            self._next_id += 1  # even if the write fails: no id is ever declared twice
            self._write_record(LAYOUT, layout.encode())
            if len(self._declared) >= _MOST_LAYOUTS:
                self._declared.clear()
            packed = self._declared[key] = _Packed(layout.packer().pack, layout.length, layout.id)
        return packed

    def _write_row(self, packed: _Packed, time_ns: int, scalars: dict[str, Scalar], step: Step) -> None:
        self._open()
        body = packed.pack(packed.length, packed.kind, time_ns, *columns_of(scalars, step))
        self._write(functools.partial(_chained, (body,)))

    def _write_record(self, kind: int, payload: bytes) -> None:
        if len(payload) > LARGEST - SMALLEST:
            raise ValueError(f"an event of {len(payload)} bytes is too large for the journal: log it as an artifact")
        self._write(functools.partial(encode_record, kind, payload))

    def _write(self, encode: Callable[[int], bytes]) -> None:
        """Write whole records; encoded again, with the checksum that stands before them, if that changed."""
        while True:
            if self._next_end != self._end:
                self._settle()
            end = self._end
            records = encode(self._crc)
            if self._put(records, end):
                break
        if self._durable:
            try:
                os.fsync(self._fd)
            except OSError as error:
                self._explain(error)

    def _put(self, records: bytes, end: int) -> bool:
        """Write records at the place they were encoded for; return whether it was still the journal's end."""
        crc = CRC.unpack_from(records, len(records) - CRC.size)[0]
        if self._end != end:  # a signal handler logged meanwhile
            return False
        self._next_crc = crc
        self._next_end = after = end + len(records)
        try:
            written = os.write(self._fd, records)
        except OSError as error:
            self._fail(error)
        if written != len(records):
            self._fail(_full())
        if self._end == end:  # else a signal handler that logged has settled them
            self._crc = crc
            self._end = after
        return True

    def _fail(self, error: OSError) -> NoReturn:
        self._try_to_settle()
        self._explain(error)

    def _try_to_settle(self) -> None:
        # What stays open, the next write settles; after the last one, it is a torn tail.
        with contextlib.suppress(StoreError, RunFinished):
            self._settle()

    def _settle(self) -> None:
        """Make the file end with a whole record, and know its end and its checksum."""
        if self._fd < 0:
            return
        try:
            size = os.fstat(self._fd).st_size
            if size == self._next_end:
                self._end, self._crc = self._next_end, self._next_crc
            elif size != self._end:
                os.ftruncate(self._fd, self._end)
        except OSError as error:
            self._explain(error)
        self._next_end, self._next_crc = self._end, self._crc

    def _explain(self, error: OSError) -> NoReturn:
        if error.errno is None:  # a signal handler's TimeoutError, say
            raise error
        if self._closed:
            raise RunFinished(_FINISHED) from error
        raise StoreError(
            f"{self._folder}: {error.strerror}; what was acknowledged is safe. Free some space or mend the folder, "
            "then go on; TRACKHUB_ON_ERROR=warn lets a training go on without"
        ) from error

    def _open(self) -> None:
        if self._closed:
            raise RunFinished(_FINISHED)
        if self._fd >= 0:
            return
        header = self._new_header()
        data = encode_header(header)
        path = self._folder / f"{header.writer}.seg"
        fd = -1
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
            if os.write(fd, data) != len(data):
                raise _full()  # noqa: TRY301 - it ends like the file system's own
            crc = CRC.unpack_from(data, len(data) - CRC.size)[0]
        except BaseException as error:
            # Leave no segment without a header behind: the next write begins a new one.
            if fd >= 0:
                os.close(fd)
                path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                self._explain(error)
            raise
        if self._fd >= 0:  # a signal handler that logged has opened one
            os.close(fd)
            path.unlink()
            return
        self.name = header.writer
        self._end = self._next_end = len(data)
        self._crc = self._next_crc = crc
        self._fd = fd


_FINISHED = "the run has ended and takes no more; start_run(id=..., resume='must') opens it again"


def _full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _chained(bodies: Iterable[bytes], seed: int) -> bytes:
    """Return rows with their checksums, given the one that stands before them."""
    parts: list[bytes] = []
    for body in bodies:
        seed = crc32(body, seed)
        parts += (body, seed.to_bytes(4, "little"))
    return b"".join(parts)


def _after_fork() -> None:
    # The parent goes on with its segment; a child that wrote there too would be a second writer.
    for writer in _live:
        writer.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

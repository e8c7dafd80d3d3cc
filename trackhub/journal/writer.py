"""Append rows and events to a segment of this process; nothing here reads.

A row is one ``os.write``: when it returns, the bytes are in the kernel and survive SIGKILL.
"""

from __future__ import annotations

import math
import os
import struct
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

from trackhub.errors import RunFinished, StoreError
from trackhub.journal.segment import (
    BOOL,
    CRC,
    EVENT,
    FIRST_ROW,
    FLOAT,
    HEAD,
    INT,
    LAYOUT,
    Layout,
    SegmentHeader,
    encode_header,
    encode_record,
    int_code,
)
from trackhub.model.codec import pack
from trackhub.model.events import Event
from trackhub.model.scalars import as_scalar
from trackhub.model.values import require_text
from trackhub.types import Durability, Scalar, Step

_MOST_LAYOUTS = 4096
"""Layouts remembered at once, so that names made up anew on every call cost no memory."""

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

    def __init__(self, folder: Path, new_header: Callable[[], SegmentHeader], durability: Durability = "process") -> None:
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
        self._crc = 0
        self._end = 0
        self.name: str | None = None

    @property
    def end(self) -> int:
        """Return the offset up to which everything is acknowledged."""
        return self._end

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
            try:
                if step is None:
                    body = packed.pack(packed.length, packed.kind, time.time_ns(), *metrics.values())
                else:
                    body = packed.pack(packed.length, packed.kind, time.time_ns(), step, *metrics.values())
            except struct.error:  # an int beyond 64 bits
                return self._row_slowly(metrics, step)
            crc = crc32(body, self._crc)
            try:
                if os.write(self._fd, body + crc.to_bytes(4, "little")) == packed.length:
                    self._crc = crc
                    self._end += packed.length
                    return None
            except BaseException as error:  # a signal's exception, too, can arrive right after the write
                self._settle(packed.length, crc)
                raise self._explained(error) from error
            self._settle(packed.length, crc)
            raise _no_space(self._folder)

    def row_at(self, time_ns: int, metrics: Mapping[str, Scalar], step: Step = None) -> None:
        """Append metrics with a time of their own, as an importer does."""
        with self._lock:
            scalars = _scalars(metrics)
            step = _step(step)
            self._write_row(self._layout(scalars, step), time_ns, scalars, step)

    def append(self, event: Event) -> None:
        """Append an event.

        :raises StoreError: the file system took no more; nothing was written.
        """
        payload = pack(event)
        with self._lock:
            self._open()
            self._write(EVENT, payload)

    def close(self) -> None:
        """End the segment; a later write raises :class:`~trackhub.errors.RunFinished`."""
        with self._lock:
            self._closed = True
            self._known = {}
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def _row_slowly(self, metrics: Mapping[str, Any], step: Any) -> None:
        if not isinstance(metrics, Mapping):
            raise TypeError(f"log() takes a mapping of names to numbers, not {type(metrics).__name__}")
        now = time.time_ns()
        scalars = _scalars(metrics)
        plain_step = _step(step)
        if not scalars:
            return
        with self._lock:
            packed = self._layout(scalars, plain_step)
            self._write_row(packed, now, scalars, plain_step)
            # A float step must be checked each time, a durable write fsynced: both stay on this way.
            if not self._durable and not isinstance(plain_step, float) and all(map(_packs_as_is, metrics.values())):
                if len(self._known) >= _MOST_LAYOUTS:
                    self._known.clear()
                self._known[(type(step), *metrics, *map(type, metrics.values()))] = packed

    def _layout(self, scalars: dict[str, Scalar], step: Step) -> _Packed:
        """Return how to pack such a row, declaring its layout in the segment if it is new there."""
        codes = tuple(map(_code, scalars.values()))
        key = (_code(step) if step is not None else "", *scalars, *codes)
        packed = self._declared.get(key)
        if packed is None:
            self._open()
            layout = Layout(id=self._next_id, step=key[0], names=tuple(scalars), codes=codes)
            self._write(LAYOUT, layout.encode())
            self._next_id += 1
            if len(self._declared) >= _MOST_LAYOUTS:
                self._declared.clear()
            packed = self._declared[key] = _Packed(layout.packer().pack, layout.length, layout.id)
        return packed

    def _write_row(self, packed: _Packed, time_ns: int, scalars: dict[str, Scalar], step: Step) -> None:
        self._open()
        values = [_column(value) for value in ([] if step is None else [step]) + list(scalars.values())]
        body = packed.pack(packed.length, packed.kind, time_ns, *values)
        self._write(packed.kind, body[HEAD.size :])

    def _write(self, kind: int, payload: bytes) -> None:
        record = encode_record(kind, payload, self._crc)
        crc = CRC.unpack_from(record, len(record) - CRC.size)[0]
        try:
            written = os.write(self._fd, record)
            if written == len(record) and self._durable:
                os.fsync(self._fd)
        except BaseException as error:
            self._settle(len(record), crc)
            raise self._explained(error) from error
        self._settle(len(record), crc)
        if written != len(record):
            raise _no_space(self._folder)

    def _settle(self, length: int, crc: int) -> None:
        """Make the file end with a whole record again, and know its end and its checksum."""
        if self._fd < 0:
            return
        size = os.fstat(self._fd).st_size
        if size == self._end + length:
            self._end, self._crc = size, crc
        elif size != self._end:
            os.ftruncate(self._fd, self._end)

    def _explained(self, error: BaseException) -> BaseException:
        if self._closed and isinstance(error, OSError):
            return RunFinished(_FINISHED)
        if isinstance(error, OSError) and error.errno is not None:
            return StoreError(
                f"{self._folder}: {error.strerror}; what was acknowledged is safe. Free some space or mend the folder, "
                "then go on; TRACKHUB_ON_ERROR=warn lets a training go on without"
            )
        return error

    def _open(self) -> None:
        if self._closed:
            raise RunFinished(_FINISHED)
        if self._fd >= 0:
            return
        header = self._new_header()
        data = encode_header(header)
        path = self._folder / f"{header.writer}.seg"
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
            if os.write(self._fd, data) != len(data):
                os.ftruncate(self._fd, 0)
                raise _no_space(self._folder)
        except OSError as error:
            self._abandon(path)
            raise self._explained(error) from error
        except StoreError:
            self._abandon(path)
            raise
        self.name = header.writer
        self._end = len(data)
        self._crc = CRC.unpack_from(data, len(data) - CRC.size)[0]

    def _abandon(self, path: Path) -> None:
        """Leave no empty segment behind: the next write begins a new one."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            path.unlink(missing_ok=True)


_FINISHED = "the run has ended and takes no more; start_run(id=..., resume='must') opens it again"


def _no_space(folder: Path) -> StoreError:
    return StoreError(
        f"{folder}: no space left on the device; what was acknowledged is safe. Free some space, then go on; "
        "TRACKHUB_ON_ERROR=warn lets a training go on without"
    )


def _scalars(metrics: Mapping[str, Any]) -> dict[str, Scalar]:
    for name in metrics:
        if not isinstance(name, str) or not name:
            raise TypeError(f"metric name {name!r}: names are non-empty strings")
    return {require_text(str(name), name): as_scalar(value, name) for name, value in metrics.items()}


def _step(step: object) -> Step:
    if step is None or type(step) is int:
        return step
    if isinstance(step, bool):
        raise TypeError(f"step {step!r}: a step is an int or a float, or left out")
    try:
        plain = as_scalar(step, "step")
    except TypeError:
        raise TypeError(f"step {step!r}: a step is an int or a float, or left out") from None
    if not math.isfinite(plain):
        raise ValueError(f"step {step!r}: a step is finite")
    return plain


def _code(value: Scalar) -> str:
    if isinstance(value, bool):
        return BOOL
    return int_code(value) if isinstance(value, int) else FLOAT


def _column(value: Scalar) -> Scalar | bytes:
    if isinstance(value, int) and not isinstance(value, bool) and int_code(value) != INT:
        return value.to_bytes(int(int_code(value)[1:]), "little", signed=True)
    return value


def _packs_as_is(value: object) -> bool:
    """Return whether ``struct`` packs every value of this type exactly, without being asked twice."""
    if isinstance(value, int):
        return int_code(value) == INT
    return isinstance(value, float) or type(value).__name__ in _NUMPY_SCALARS and type(value).__module__ == "numpy"


_NUMPY_SCALARS = frozenset(
    ["float16", "float32", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool", "bool_"]
)


def _after_fork() -> None:
    # The parent goes on with its segment; a child that wrote there too would be a second writer.
    for writer in _live:
        if writer._fd >= 0:
            os.close(writer._fd)
        writer._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

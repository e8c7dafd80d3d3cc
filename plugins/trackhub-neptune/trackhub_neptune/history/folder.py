"""Read one folder of the 1.x client: of which run it is, and its log of operations, from disk to plain dicts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from trackhub_neptune.history.exact import from_seconds, from_text
from trackhub_neptune.history.part import Part

_LOG = re.compile(r"data-(\d+)\.log")
_LATEST = 2**63 // 10**9  # seconds, of which the nanoseconds fit into 64 bits
_KINDS = ("run", "model", "model_version", "project")


class Operation(NamedTuple):
    """Hold one operation and where it stands, so that its bytes can be read again.

    :ivar order: its place among all operations of the folder, damaged ones counted in.
    :ivar time: when the client wrote it; older clients did not say.
    """

    order: int
    body: dict[str, Any]
    file: Path
    offset: int
    time: int | None


class Identity(NamedTuple):
    """Say of which run a folder is, and when it was made."""

    kind: str
    id: str
    created: int | None


def is_folder(folder: Path, names: list[str]) -> bool:
    """Return whether the 1.x client wrote a folder, given the names of its files."""
    logs = sorted(name for name in names if _LOG.fullmatch(name))
    if not logs:
        return False
    if {"last_put_version", "last_ack_version"} & set(names):
        return True
    try:
        with (folder / logs[0]).open("rb") as file:
            return _body(file.readline()) is not None
    except OSError:
        return True  # that it cannot be read is said when it is


def metadata_of(folder: Path) -> dict[str, Any]:
    """Return what the client says of a folder; nothing, where it is an older one's."""
    try:
        metadata = json.loads((folder / "metadata.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return metadata if isinstance(metadata, dict) else {}


def identity_of(folder: Path) -> Identity:
    """Return of which run a folder is, by its metadata or, as older clients wrote none, by its name.

    The three layouts are ``run__<id>__<pid>__<key>``, ``run__<id>/exec-<time>-<pid>`` and ``<id>/exec-<number>``;
    offline folders of older clients are ``<id>`` or ``run__<id>``.
    """
    metadata = metadata_of(folder)
    created = from_text(str(metadata.get("createdAt", "")))
    named = folder.parent if folder.name.startswith("exec-") else folder
    words = named.name.split("__")
    kind, run_id = (words[0], words[1]) if len(words) > 1 and words[0] in _KINDS else ("run", named.name)
    for place in (folder, named):
        try:
            kind = (place / "container_type").read_text().strip() or kind
        except (OSError, ValueError):
            continue
    # The folder is renamed when it is synced; what its metadata say stays, and so does the run's id.
    return Identity(str(metadata.get("containerType", kind)), str(metadata.get("containerId", run_id)), created)


def operations(folder: Path, part: Part | None = None) -> Iterator[Operation]:
    """Yield a folder's operations in the order they were written.

    :param part: takes notes of what is damaged or missing, and is left alone where they are known.
    """
    order = -1
    version = 0
    for log in logs_of(folder):
        offset = 0
        with log.open("rb") as file:
            for number, line in enumerate(file, 1):
                order += 1
                record = _body(line)
                if record is not None:
                    told = record.get("version")
                    if version == 0 and isinstance(told, int) and told > 1 and part:
                        part.note(
                            "delivered before",
                            log.name,
                            f"operations 1 to {told - 1} had gone to Neptune and are not in {folder}",
                        )
                    version = told if isinstance(told, int) else version
                    at = record.get("at")
                    yield Operation(order, record["obj"], log, offset, from_seconds(at) if is_time(at) else None)
                elif line.strip(b"\0\r\n ") and part:
                    what = "damaged" if line.endswith(b"\n") else "torn"
                    part.note(
                        what, log.name, f"{log}, line {number}, byte {offset}: {len(line)} bytes are no operation"
                    )
                offset += len(line)
    _note_missing(folder, version, part)


def is_time(value: object) -> TypeGuard[float]:
    """Return whether a value may be a time in seconds.

    >>> is_time(1.5), is_time(None), is_time(float("nan")), is_time(1e300)
    (True, False, False, False)
    """
    return isinstance(value, int | float) and -_LATEST < value < _LATEST


def logs_of(folder: Path) -> list[Path]:
    """Return a folder's logs in the order they were written."""
    logs = [(int(match[1]), path) for path in folder.iterdir() if (match := _LOG.fullmatch(path.name))]
    return [path for _, path in sorted(logs)]


def operation_at(file: Path, offset: int) -> dict[str, Any]:
    """Return one operation again, by where it stands."""
    with file.open("rb") as log:
        log.seek(offset)
        body: dict[str, Any] = json.loads(log.readline())["obj"]
        return body


def _note_missing(folder: Path, version: int, part: Part | None) -> None:
    try:
        counted = int((folder / "last_put_version").read_text().strip() or 0)
    except (OSError, ValueError):
        return
    if part and counted > version:
        part.note(
            "never written",
            "last_put_version",
            f"the client counted {counted} operations, and {folder} ends with the one numbered {version}",
        )


def _body(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:  # also what is no UTF-8
        return None
    if not isinstance(record, dict):
        return None
    body = record.get("obj")
    is_operation = isinstance(body, dict) and isinstance(body.get("type"), str) and isinstance(body.get("path"), list)
    return record if is_operation else None

"""Replay the operations of a 1.x run as Neptune's server would have, into the part that they make.

Of values that were assigned the last one stays. What was deleted or cleared is gone. Points of a series keep the
step and the time they were logged with; a step that the client left to the server stays missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trackhub_neptune.history import uploads
from trackhub_neptune.history.exact import from_milliseconds, from_seconds, plain_step, to_text
from trackhub_neptune.history.folder import Operation, is_time
from trackhub_neptune.history.part import KeptFile, Part

_LARGEST = 1 << 63
Later = Callable[[Part], list[KeptFile]]
"""Finds the files of an attribute when all operations are known."""


class Replay:
    """Apply operations to a part, one after the other.

    :ivar barriers: by attribute, the order of the operation that cleared what came before.
    """

    def __init__(self, part: Part) -> None:
        self.part = part
        self.barriers: dict[str, int] = {}
        self._uploads: dict[str, Later] = {}
        self._sets: dict[str, tuple[list[tuple[str, int | None]], set[str]]] = {}
        self._images: dict[str, list[tuple[KeptFile, dict[str, Any]]]] = {}
        self._unknown: dict[str, int] = {}

    def apply(self, operation: Operation, folder: Path) -> None:
        """Apply one operation of a folder."""
        body = operation.body
        attribute = "/".join(str(word) for word in body["path"])
        kind = body["type"]
        if operation.time is not None:
            self.part.seen(operation.time)
        try:
            if kind in {"LogFloats", "LogStrings", "LogImages"}:
                self._log(kind, operation, attribute)
            elif kind.startswith("Assign"):
                self._forget(attribute, operation.order)
                self.part.fields[attribute] = _assigned(kind, body)
            elif kind in {"AddStrings", "RemoveStrings"}:
                self._change_set(kind, attribute, {str(value) for value in body["values"]})
            elif kind in {"UploadFile", "UploadFileContent", "UploadFileSet", "TrackFilesToArtifact", "DeleteFiles"}:
                self._upload(kind, operation, attribute, folder)
            elif kind == "DeleteAttribute" or kind.startswith("Clear"):
                self._forget(attribute, operation.order)
                self.part.cleared.add(attribute)
            elif kind == "CopyAttribute":
                self._copy(attribute, body)
            elif kind == "ConfigFloatSeries":
                shown = {name: body[name] for name in ("min", "max", "unit") if body.get(name) is not None}
                self.part.note("display", attribute, f"how charts showed it is not kept: {json.dumps(shown)}")
            else:
                self._unknown[kind] = self._unknown.get(kind, 0) + 1
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            self.part.note("damaged", attribute, f"{operation.file}, byte {operation.offset}: {kind}: {error!r}")

    def finish(self) -> None:
        """Find the files, now that it is known which of them the run was left with."""
        part = self.part
        for later in self._uploads.values():
            part.files += later(part)
        for attribute, (patterns, gone) in self._sets.items():
            part.files += uploads.file_set(part, attribute, patterns, gone)
        for attribute, images in self._images.items():
            part.files += [file for file, _ in images]
            part.files.append(_index(attribute, [line for _, line in images]))
        for kind, number in self._unknown.items():
            part.note("unknown", kind, f"{number} operations of a kind that no known client writes")

    def _forget(self, attribute: str, order: int) -> None:
        self.barriers[attribute] = order
        for held in (self.part.fields, self.part.series, self.part.texts, self._uploads, self._sets, self._images):
            held.pop(attribute, None)
        strings = self.part.sets.pop(attribute, None)
        if strings:
            self.part.removed.setdefault(attribute, set()).update(strings)

    def _log(self, kind: str, operation: Operation, attribute: str) -> None:
        for place, logged in enumerate(operation.body["values"]):
            if not is_logged(kind, logged):
                self.part.note("damaged", attribute, f"{operation.file}, byte {operation.offset}: no value: {logged!r}")
                continue
            time = from_seconds(logged["ts"])
            if kind == "LogImages":
                self._log_image(operation, attribute, place, logged)
            elif kind == "LogStrings":
                self.part.count_text(attribute, "strings")
            else:
                self.part.count(attribute, float(logged["value"]))
            self.part.seen(time)

    def _log_image(self, operation: Operation, attribute: str, place: int, logged: dict[str, Any]) -> None:
        value = logged["value"]
        if not isinstance(value, dict):  # as clients before 0.10 wrote them
            value = {"data": value}
        images = self._images.setdefault(attribute, [])
        if not value.get("data"):
            self.part.note("empty image", attribute, f"{operation.file}, byte {operation.offset}: it has no bytes")
            return
        step = plain_step(logged.get("step"))
        name = f"{len(images):06d}" if step is None else f"{step}"
        file = name + uploads.suffix_of(value["data"])
        if any(taken.file == file for taken, _ in images):
            file = f"{name}-{len(images):06d}{uploads.suffix_of(value['data'])}"
        line = {"file": file, "step": step, "time": to_text(from_seconds(logged["ts"]))}
        line |= {key: value[key] for key in ("name", "description") if value.get(key)}
        images.append((uploads.image(operation, attribute, place, value, file), line))

    def _change_set(self, kind: str, attribute: str, values: set[str]) -> None:
        strings = self.part.sets.setdefault(attribute, set())
        removed = self.part.removed.setdefault(attribute, set())
        if kind == "AddStrings":
            strings |= values
            removed -= values
        else:
            strings -= values
            removed |= values

    def _upload(self, kind: str, operation: Operation, attribute: str, folder: Path) -> None:
        body = operation.body
        if kind == "UploadFileSet":
            if body["reset"] != "False":
                self._sets.pop(attribute, None)
            patterns, _ = self._sets.setdefault(attribute, ([], set()))
            patterns += [(str(pattern), operation.time) for pattern in body["file_globs"]]
        elif kind == "DeleteFiles":
            self._sets.setdefault(attribute, ([], set()))[1].update(body["file_paths"])
        elif kind == "UploadFileContent":
            file = uploads.content(operation, attribute)
            self._uploads[attribute] = lambda _: [file]
        elif kind == "UploadFile":
            path = Path(str(body.get("file_path") or folder / "upload_path" / str(body["tmp_file_name"])))
            since = operation.time if body.get("file_path") else None
            ext = str(body.get("ext") or "")
            self._uploads[attribute] = lambda part: list(uploads.one_file(part, attribute, path, ext, since))
        else:
            self._track(attribute, body["entries"], operation.time)

    def _track(self, attribute: str, entries: list[list[str | None]], time: int | None) -> None:
        """Keep which files an artifact tracked: Neptune kept no more of them than names and hashes."""
        tracked = [{"path": path, "destination": destination} for path, destination in entries]

        def find(part: Part) -> list[KeptFile]:
            part.note("reference", attribute, f"only the names of {len(tracked)} tracked files or folders are known")
            return [listing(attribute, "tracked.json", json.dumps(tracked, indent=1), "references", time)]

        self._uploads[attribute] = find

    def _copy(self, attribute: str, body: dict[str, Any]) -> None:
        source = "/".join(body["source_path"])
        if str(body["container_id"]) == self.part.id and source in self.part.fields:
            self.part.fields[attribute] = self.part.fields[source]
        else:
            self.part.note(
                "copied", attribute, f"it was copied from {source} of run {body['container_id']} by the server"
            )


def is_logged(kind: str, logged: Any) -> bool:
    """Return whether an entry of a log operation can be read.

    >>> is_logged("LogFloats", {"value": 1.0, "step": None, "ts": 0.5}), is_logged("LogFloats", {"value": "a", "ts": 1})
    (True, False)
    """
    if not isinstance(logged, dict) or not is_time(logged.get("ts")) or "value" not in logged:
        return False
    step = logged.get("step")
    if not (step is None or (isinstance(step, int | float) and abs(step) < _LARGEST)):
        return False
    return kind != "LogFloats" or _is_float(logged["value"])


def _is_float(value: object) -> bool:
    try:
        return isinstance(value, int | float) and isinstance(float(value), float)
    except OverflowError:
        return False


def listing(artifact: str, file: str, text: str, kind: str, time: int | None = None) -> KeptFile:
    """Return a small file that is made of what was read."""
    coded = text.encode()

    def write(target: Path) -> None:
        target.write_bytes(coded)

    return KeptFile(artifact, file, write, len(coded), time, kind)


def _index(attribute: str, lines: list[dict[str, Any]]) -> KeptFile:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return listing(attribute, "index.jsonl", text, "image")


def _assigned(kind: str, body: dict[str, Any]) -> Any:
    if kind == "AssignArtifact":
        return body["hash"]
    if kind == "AssignDatetime":
        return to_text(from_milliseconds(body["value"]))
    if kind not in {"AssignFloat", "AssignInt", "AssignBool", "AssignString"}:
        raise ValueError(f"no known client assigns a {kind.removeprefix('Assign')}")
    return body["value"]

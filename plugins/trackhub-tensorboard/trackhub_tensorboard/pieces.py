"""Name what event files hold beside numbers as files of an artifact each, and make these when they are asked for."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from trackhub.model.entities import StoredFile
from trackhub_tensorboard.framing import Damage, frame_at
from trackhub_tensorboard.names import folder
from trackhub_tensorboard.protos import Event, make_ndarray
from trackhub_tensorboard.seconds import nanoseconds

_MAGIC = {
    b"\x89PNG": "png",
    b"\xff\xd8\xff": "jpg",
    b"GIF8": "gif",
    b"BM": "bmp",
    b"<svg": "svg",
    b"RIFF": "wav",
    b"ID3": "mp3",
    b"OggS": "ogg",
    b"fLaC": "flac",
}
_HISTOGRAM = ("min", "max", "num", "sum", "sum_squares", "bucket_limit", "bucket")
_SINGLE = {"graph_def": "graph.pb", "meta_graph_def": "meta_graph.pb"}


class Spot(NamedTuple):
    """Say where a value is: which file, at which byte its event begins, which of its values."""

    file: str
    offset: int
    number: int


class Found(NamedTuple):
    """Hold what is known of a value that is no number."""

    tag: str
    kind: str
    plugin: str
    step: int
    second: float
    spot: Spot


class Piece(NamedTuple):
    """Be one file: of the bytes of one value, or of a line for each of several."""

    type: str
    time: int
    size: int | None
    sha256: str | None
    parts: list[tuple[Found, int]]


class Pieces:
    """Gather the files of a run, by their paths."""

    def __init__(self) -> None:
        self.found: dict[str, Piece] = {}

    def add(self, found: Found, value: Any) -> None:
        """Take a value in, as a file of its own or as a line of its tag's file."""
        if found.kind in _SINGLE or found.kind == "tagged_run_metadata":
            path = _SINGLE.get(found.kind, f"run_metadata/{found.tag}.pb")
            self._file(path, "graph", found, 0, _bytes(found, value)[0])
            return
        group = _group(found, value)
        if group in {"images", "audio", "text"}:
            for index, content in enumerate(_bytes(found, value)):
                path = f"{group}/{found.tag}/{found.step}.{_suffix(group, content)}"
                self._file(path, group.removesuffix("s"), found, index, content)
            return
        path = "log_messages.jsonl" if group == "log_messages" else f"{group}/{found.tag}.jsonl"
        piece = self.found.get(path)
        if piece is None:
            piece = self.found[path] = Piece(group.removesuffix("s"), int(nanoseconds(found.second)), None, None, [])
        piece.parts.append((found, 0))

    def files(self) -> tuple[StoredFile, ...]:
        """Return the files, each as an artifact of its own."""
        return tuple(
            StoredFile(
                path=path,
                artifact=path,
                file=folder(path.rpartition("/")[2]),
                type=piece.type,
                size=piece.size,
                sha256=piece.sha256,
                time=piece.time,
            )
            for path, piece in self.found.items()
        )

    def content(self, path: str, place: Path) -> Iterator[bytes]:
        """Yield the bytes of a file, read from the event files in a folder.

        :raises KeyError: there is no file of this path.
        """
        piece = self.found[path]
        for found, part in piece.parts:
            value = _value_at(place, found.spot)
            if piece.size is None:
                yield json.dumps(_line(found, value), ensure_ascii=False).encode() + b"\n"
            else:
                yield _bytes(found, value)[part]

    def _file(self, path: str, kind: str, found: Found, part: int, content: bytes) -> None:
        stem, _, suffix = path.rpartition(".")
        number = 1
        while path in self.found:
            number += 1
            path = f"{stem}-{number}.{suffix}"
        digest = hashlib.sha256(content).hexdigest()
        self.found[path] = Piece(kind, int(nanoseconds(found.second)), len(content), digest, [(found, part)])


def _group(found: Found, value: Any) -> str:
    if found.kind in {"image", "audio"}:
        return "images" if found.kind == "image" else "audio"
    if found.kind == "histo" or (found.kind == "tensor" and found.plugin == "histograms"):
        return "histograms"
    if found.kind == "log_message":
        return "log_messages"
    if found.kind == "tensor" and value.tensor.string_val:
        if found.plugin == "text" and len(value.tensor.string_val) == 1:
            return "text"
        if found.plugin == "images" and len(value.tensor.string_val) > 2:  # noqa: PLR2004 - width and height come first
            return "images"
        if found.plugin == "audio":
            return "audio"
    return "tensors"


def _bytes(found: Found, value: Any) -> list[bytes]:
    """Return the files that one value holds."""
    if found.kind == "tensor":
        strings = list(value.tensor.string_val)
        if found.plugin == "images":
            return strings[2:]  # behind width and height
        if found.plugin == "audio" and len(value.tensor.tensor_shape.dim) == 2:  # noqa: PLR2004 - with labels
            return [text for at, text in enumerate(strings) if text or at % 2 == 0]
        return strings
    made: dict[str, Callable[[], bytes]] = {
        "image": lambda: value.image.encoded_image_string,
        "audio": lambda: value.audio.encoded_audio_string,
        "graph_def": lambda: value,
        "meta_graph_def": lambda: value,
        "tagged_run_metadata": lambda: value.run_metadata,
    }
    return [bytes(made[found.kind]())]


def _line(found: Found, value: Any) -> dict[str, Any]:
    """Return a value as a line of JSON, with its step and time."""
    line: dict[str, Any] = {"step": found.step, "time": found.second}
    if found.kind == "histo":
        return line | {key: _plain(getattr(value.histo, key)) for key in _HISTOGRAM}
    if found.kind == "log_message":
        return line | {"level": value.level, "message": value.message}
    if found.kind == "tensor":
        array = make_ndarray(value.tensor)
        line |= {"dtype": str(array.dtype), "shape": list(array.shape), "value": _json(array.tolist())}
    else:
        line |= {found.kind or "value": base64.b64encode(getattr(value, found.kind)).decode() if found.kind else None}
    if found.plugin:
        line["plugin"] = found.plugin
    if value.metadata.plugin_data.content:
        line["content"] = base64.b64encode(value.metadata.plugin_data.content).decode()
    return line


def _plain(value: Any) -> Any:
    return value if isinstance(value, float) else list(value)


def _json(value: Any) -> Any:
    """Return nested lists with bytes as text; what is no text as base64."""
    if isinstance(value, list):
        return [_json(one) for one in value]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    return str(value) if isinstance(value, complex) else value


def _suffix(group: str, content: bytes) -> str:
    known = next((suffix for magic, suffix in _MAGIC.items() if content.startswith(magic)), None)
    if group == "audio" and known is None:
        return "txt" if content.isascii() and len(content) < 4096 else "bin"  # noqa: PLR2004 - a label, or a sound
    if group == "images" and known == "wav":
        return "webp"  # of the same kind of container
    return "md" if group == "text" else known or "bin"


def _value_at(place: Path, spot: Spot) -> Any:
    path = place / spot.file
    with path.open("rb") as file:
        _, payload = frame_at(file, spot.offset, path.stat().st_size)
    if isinstance(payload, Damage):
        raise OSError(None, f"{payload.what} at byte {payload.offset}, which was whole when it was listed", str(path))
    event = Event.FromString(payload)
    what = event.WhichOneof("what")
    return event.summary.value[spot.number] if what == "summary" else getattr(event, what)

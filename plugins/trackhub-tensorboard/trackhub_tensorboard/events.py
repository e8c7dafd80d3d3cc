"""Build the events that TensorBoard reads, as framed bytes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trackhub_tensorboard.framing import framed
from trackhub_tensorboard.protos import (
    DT_FLOAT,
    DT_STRING,
    Event,
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
    SourceMetadata,
    Status,
    Summary,
    SummaryMetadata,
    TensorProto,
    TensorShapeProto,
)

WRITER = "trackhub-tensorboard"
PLUGIN = "trackhub"
_SECOND = 1_000_000_000
_TENSOR, _BLOBS = 2, 3
_FLOAT_MAX = 3.4028235677973366e38  # what is not below rounds to infinity
_SESSION = {"finished": Status.STATUS_SUCCESS, "running": Status.STATUS_RUNNING}


def opening(time: int) -> bytes:
    """Return what an event file begins with; the version keeps TensorBoard from dropping what steps back."""
    source = SourceMetadata(writer=WRITER)
    return framed(_event(time, file_version="brain.Event:2", source_metadata=source))


def record(kind: str, texts: Sequence[bytes], time: int) -> bytes:
    """Return an event of what only trackhub reads; TensorBoard has no plugin of this name, and passes over."""
    return _value(f"{PLUGIN}/{kind}", _strings(texts), PLUGIN, time, data_class=0)


def record_of(payload: bytes) -> tuple[str, list[bytes]] | None:
    """Return the kind and the texts of an event that :func:`record` made."""
    if b"trackhub/" not in payload[:256]:
        return None
    event = Event.FromString(payload)
    for value in event.summary.value:
        if value.metadata.plugin_data.plugin_name == PLUGIN and value.tag.startswith(f"{PLUGIN}/"):
            return value.tag.removeprefix(f"{PLUGIN}/"), list(value.tensor.string_val)
    return None


def scalars(values: Iterable[tuple[str, float]], step: int, time: int) -> bytes:
    """Return an event of several scalars; TensorBoard's data server shows 32-bit floats and no others."""
    held = [Summary.Value(tag=tag, simple_value=single(value)) for tag, value in values]
    return framed(_event(time, step=step, summary=Summary(value=held)))


def single(value: float) -> float:
    """Return a number as 32 bits show it: an integer of any size too, infinite where they end.

    >>> single(10**400), single(-1e39), single(0.5)
    (inf, -inf, 0.5)
    """
    number = double(value)
    return math.copysign(math.inf, number) if abs(number) >= _FLOAT_MAX else number


def double(value: float) -> float:
    """Return a number as 64 bits, infinite where an integer exceeds them."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def text(tag: str, markdown: str, step: int, time: int) -> bytes:
    """Return an event of a text, shown as Markdown."""
    return _value(tag, _strings([markdown.encode()], 1), "text", time, data_class=_TENSOR, step=step)


def image(tag: str, content: bytes, size: tuple[int, int], step: int, time: int) -> bytes:
    """Return an event of an image, encoded as it is."""
    width, height = (str(side).encode() for side in size)
    return _value(tag, _strings([width, height, content], 3), "images", time, data_class=_BLOBS, step=step)


def session_start(hparams: Mapping[str, str | bool | float], started: int) -> bytes:
    """Return an event with a run's row of the HPARAMS page; without a group, TensorBoard names it after the run."""
    info = SessionStartInfo(start_time_secs=started / _SECOND)
    for key, value in hparams.items():
        held = info.hparams[key]
        if isinstance(value, bool):
            held.bool_value = value
        elif isinstance(value, str):
            held.string_value = value
        else:
            held.number_value = value
    return _session("session_start_info", HParamsPluginData(session_start_info=info), started)


def session_end(status: str, time: int) -> bytes:
    """Return an event with the end of a run, for its row of the HPARAMS page."""
    info = SessionEndInfo(status=_SESSION.get(status, Status.STATUS_FAILURE), end_time_secs=time / _SECOND)
    return _session("session_end_info", HParamsPluginData(session_end_info=info), time)


def _session(tag: str, data: Any, time: int) -> bytes:
    nothing = TensorProto(dtype=DT_FLOAT, tensor_shape=_shape(0))
    content = data.SerializeToString(deterministic=True)
    return _value(f"_hparams_/{tag}", nothing, "hparams", time, data_class=_TENSOR, content=content)


def _value(
    tag: str, tensor: Any, plugin: str, time: int, *, data_class: int, step: int = 0, content: bytes = b""
) -> bytes:
    metadata = SummaryMetadata(
        plugin_data=SummaryMetadata.PluginData(plugin_name=plugin, content=content), data_class=data_class
    )
    held = Summary.Value(tag=tag, tensor=tensor, metadata=metadata)
    return framed(_event(time, step=step, summary=Summary(value=[held])))


def _event(time: int, **fields: Any) -> bytes:
    held: bytes = Event(wall_time=time / _SECOND, **fields).SerializeToString()
    return held


def _strings(texts: Sequence[bytes], length: int | None = None) -> Any:
    return TensorProto(dtype=DT_STRING, tensor_shape=_shape(length or len(texts)), string_val=texts)


def _shape(length: int) -> Any:
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=length)])

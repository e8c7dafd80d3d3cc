"""Take the types of event files from TensorBoard; the only module that imports it."""

from __future__ import annotations

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from tensorboard.compat.proto.event_pb2 import Event, SourceMetadata  # type: ignore[import-untyped]
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata  # type: ignore[import-untyped]
from tensorboard.compat.proto.tensor_pb2 import TensorProto  # type: ignore[import-untyped]
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto  # type: ignore[import-untyped]
from tensorboard.compat.proto.types_pb2 import DT_FLOAT, DT_STRING  # type: ignore[import-untyped]
from tensorboard.plugins.hparams.api_pb2 import Status  # type: ignore[import-untyped]
from tensorboard.plugins.hparams.plugin_data_pb2 import (  # type: ignore[import-untyped]
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)
from tensorboard.util.tensor_util import make_ndarray  # type: ignore[import-untyped]

__all__ = [
    "DT_FLOAT",
    "DT_STRING",
    "DecodeError",
    "Event",
    "HParamsPluginData",
    "SessionEndInfo",
    "SessionStartInfo",
    "SourceMetadata",
    "Status",
    "Summary",
    "SummaryMetadata",
    "TensorProto",
    "TensorShapeProto",
    "make_ndarray",
]

"""Turn events into msgpack bytes for the journal and back; an int beyond 64 bits keeps every digit.

A big int is a msgpack extension of type 1 that holds its decimal digits as ASCII.
"""

from __future__ import annotations

from typing import Any

import msgspec

from trackhub.model.digits import from_digits, to_digits
from trackhub.model.events import Event, KnownEvent, UnknownEvent

_BIG_INT = 1
_INT64 = range(-(1 << 63), 1 << 63)


def read_extension(code: int, data: memoryview) -> object:
    """Return the int that an extension holds; one of another type is kept as it is."""
    return from_digits(str(data, "ascii")) if code == _BIG_INT else msgspec.msgpack.Ext(code, bytes(data))


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[KnownEvent] = msgspec.msgpack.Decoder(KnownEvent, ext_hook=read_extension)
_any_decoder = msgspec.msgpack.Decoder(ext_hook=read_extension)


def pack(value: object) -> bytes:
    """Return a value as msgpack bytes.

    >>> unpack(pack({"seed": 2**80}))
    {'seed': 1208925819614629174706176}
    """
    try:
        return _encoder.encode(value)
    except OverflowError:
        return _encoder.encode(_with_big_ints(msgspec.to_builtins(value)))


def unpack(data: bytes | memoryview) -> Any:
    """Return the value that msgpack bytes hold."""
    return _any_decoder.decode(data)


def decode_event(data: bytes | memoryview) -> Event:
    """Return the event that msgpack bytes hold; one of an unknown type keeps all its fields.

    :raises msgspec.DecodeError: the bytes are no event.
    """
    try:
        return _decoder.decode(data)
    except msgspec.ValidationError:
        fields = _any_decoder.decode(data)
        if not isinstance(fields, dict) or not isinstance(fields.get("time"), int):
            raise
        return UnknownEvent(time=fields["time"], type=str(fields.get("event")), fields=fields)


def _with_big_ints(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_big_ints(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_big_ints(item) for item in value]
    if isinstance(value, int) and value not in _INT64:
        return msgspec.msgpack.Ext(_BIG_INT, to_digits(value).encode())
    return value

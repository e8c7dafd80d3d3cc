"""Say which run is which; ids and readable names are made from the clock and the system's randomness."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass

RUN_ID = re.compile(r"[0-9a-f]{32}")

_ADJECTIVES = (
    "amber bold brave bright calm clear crisp dapper eager early fair fleet fond frank fresh gentle glad golden "
    "grand happy hardy honest humble jolly keen kind lively lucid lucky mellow merry mild neat nimble noble patient "
    "placid plucky polite prime proud quick quiet ready robust rosy serene sharp silent silver smooth snug solid "
    "spry stable steady still sunny swift tidy tranquil true vivid warm wise witty zesty"
).split()
_NOUNS = (
    "alder badger beacon birch bison brook canyon cedar cliff comet coral crane creek delta dune egret elm ember "
    "falcon fern finch fjord forest fox gale glade glen grove harbor hare heron hill ibis island juniper kestrel "
    "lagoon lake lark linden lynx maple marten meadow mesa moor oak orchard osprey otter owl pine plover pond poplar "
    "prairie quail raven reef ridge river robin rowan sparrow spruce summit swan thrush tundra valley willow wren"
).split()


@dataclass(frozen=True, slots=True)
class Identity:
    """Say which run this is."""

    id: str
    name: str
    project: str
    attempt: str


def new_run_id() -> str:
    """Return a fresh run id: 32 lower-case hex digits that sort by time.

    The layout is UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then randomness.

    >>> first, second = new_run_id(), new_run_id()
    >>> len(first), first != second
    (32, True)
    """
    milliseconds = time.time_ns() // 1_000_000 & (1 << 48) - 1
    random = int.from_bytes(os.urandom(10)) >> 6
    number = milliseconds << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    return f"{number:032x}"


def readable_name(run_id: str) -> str:
    """Return a name that people can say, the same for the same run id.

    >>> readable_name("0190163d8694739ba9ea95d9ea16b3f1")
    'steady-forest-b3f1'
    """
    number = int(run_id[-16:], 16)
    adjective = _ADJECTIVES[number % len(_ADJECTIVES)]
    noun = _NOUNS[number // len(_ADJECTIVES) % len(_NOUNS)]
    return f"{adjective}-{noun}-{run_id[-4:]}"

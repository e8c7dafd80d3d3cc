"""Say how a server behaves where the clients' sources and Neptune's pages leave it open; read by the state."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """Choose between what a server may do; the first value of each is the milder one.

    :ivar refuses_whole_calls: one point that cannot be taken refuses all points of its series in the request.
    :ivar takes_nan: NaN and the infinities are values.
    :ivar times_may_go_back: a point may be older than the one before it.
    :ivar refuses_known_ids: creating a run whose custom id is taken is a conflict, not that run (2.x).
    :ivar refuses_nested_names: no attribute may be named like a folder of others, nor lie in one.
    :ivar refuses_odd_names: names are of letters, digits, ``_-. /`` and a few more, without empty parts.
    :ivar mute_duplicates: a repeated point is refused as any non-increasing step (3.x), without its own code.
    :ivar checks_until_done: how many status checks say UNAVAILABLE before a request is processed (3.x).
    :ivar reads_behind: how many reads of a run pass before they see what was written (3.x).
    :ivar longest_string: characters of an attribute (2.x); longer ones are refused.
    """

    refuses_whole_calls: bool = False
    takes_nan: bool = True
    times_may_go_back: bool = True
    refuses_known_ids: bool = False
    refuses_nested_names: bool = False
    refuses_odd_names: bool = False
    mute_duplicates: bool = False
    checks_until_done: int = 0
    reads_behind: int = 0
    longest_string: int = 1_000_000

    @classmethod
    def worst(cls) -> Rules:
        """Return the rules of a server that is as strict as one may be."""
        return cls(
            refuses_whole_calls=True,
            takes_nan=False,
            times_may_go_back=False,
            refuses_known_ids=True,
            refuses_nested_names=True,
            refuses_odd_names=True,
            mute_duplicates=True,
            checks_until_done=1,
            longest_string=16_384,
        )

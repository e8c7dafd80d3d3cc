"""Where aliases stand follows from their moves alone, whoever asks and in whatever order."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from trackhub.model.entities import AliasMove, ModelRecord
from trackhub.model.registry import with_aliases

_RECORDS = st.lists(
    st.builds(
        ModelRecord,
        model=st.sampled_from(["m", "n"]),
        run_id=st.sampled_from(["a", "b", "c"]),
        artifact=st.sampled_from(["w", "x"]),
        version=st.integers(1, 2),
        moves=st.lists(
            st.builds(AliasMove, st.sampled_from(["best", "new"]), st.integers(0, 4)), max_size=4, unique=True
        ).map(tuple),
    ),
    max_size=8,
    unique_by=lambda one: (one.model, one.run_id, one.artifact, one.version),
)


def place(record: ModelRecord) -> tuple[str, str, str, int]:
    return record.model, record.run_id, record.artifact, record.version


@given(_RECORDS, st.randoms())
def test_the_order_of_records_and_moves_does_not_matter(records: list[ModelRecord], draw):
    """Two stores that were filled differently say the same."""
    other = [msgspec.structs.replace(one, moves=tuple(draw.sample(one.moves, len(one.moves)))) for one in records]
    draw.shuffle(other)
    assert sorted(with_aliases(records), key=place) == sorted(with_aliases(other), key=place)


@given(_RECORDS)
def test_an_alias_that_was_moved_stands_on_exactly_one_version(records: list[ModelRecord]):
    """On the one that its newest move went to; and no move is lost."""
    told = with_aliases(records)
    moved = {(one.model, move.alias): 0 for one in records for move in one.moves}
    for one in told:
        for alias in one.aliases:
            moved[one.model, alias] += 1
            newest = max(
                move.time for it in records if it.model == one.model for move in it.moves if move.alias == alias
            )
            assert AliasMove(alias, newest) in one.moves
    assert set(moved.values()) <= {1}
    assert [set(one.moves) for one in told] == [set(one.moves) for one in records]

"""Say on which version each alias of a model stands; the journal, and backends that keep moves, share this one rule."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from trackhub.model.entities import AliasMove, ModelRecord


def with_aliases(records: Iterable[ModelRecord]) -> tuple[ModelRecord, ...]:
    """Return records with the aliases that their moves leave on them: each stands where its newest move put it.

    Of two moves at one time, the one to the later run stands, whoever looks.

    >>> first = ModelRecord(model="m", run_id="a", artifact="w", moves=(AliasMove("best", 1),))
    >>> second = ModelRecord(model="m", run_id="b", artifact="w", moves=(AliasMove("best", 2),))
    >>> [one.aliases for one in with_aliases([first, second])]
    [(), ('best',)]
    """
    records = tuple(records)
    newest: dict[tuple[str, str], tuple[int, str, str, int]] = {}
    for record in records:
        for move in record.moves:
            place = (record.model, move.alias)
            newest[place] = max(newest.get(place, (-1, "", "", 0)), _standing(record, move))
    return tuple(
        msgspec.structs.replace(
            record,
            moves=tuple(sorted(record.moves, key=lambda move: (move.time, move.alias))),
            aliases=tuple(
                sorted(
                    {move.alias for move in record.moves if newest[record.model, move.alias] == _standing(record, move)}
                )
            ),
        )
        for record in records
    )


def _standing(record: ModelRecord, move: AliasMove) -> tuple[int, str, str, int]:
    return move.time, record.run_id, record.artifact, record.version

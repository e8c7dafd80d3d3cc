"""Give dead letters again, batch by batch, to a vendor that may take them now; reads letters, keeps none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from trackhub.backend import BackendCalls, Limits
from trackhub.delivery.batch import Content
from trackhub.delivery.deadletters import Letter
from trackhub.delivery.handover import Handover
from trackhub.delivery.place import Place
from trackhub.delivery.resolving import Resolving
from trackhub.journal.journal import Position
from trackhub.model.entities import MetricPoint, Note, Param, RunRef, Tag
from trackhub.model.events import ArtifactLogged, EnvironmentCaptured, ModelAliasSet, ModelRegistered

_KINDS: dict[str, Any] = {
    "log_params": Param,
    "set_tags": Tag,
    "log_metrics": MetricPoint,
    "log_artifact": ArtifactLogged,
    "register_model_version": ModelRegistered,
    "set_model_alias": ModelAliasSet,
    "log_environment": EnvironmentCaptured,
}


class Redelivery:
    """Follow letters until each is given or is a letter again.

    :param start: how many points the destination was given before.
    :param cursor: up to where it has the journal; it stays there.
    :param redelivered: the letters were given before, by a process that is gone.
    :ivar left: what was refused again, or cannot be given by this version.
    :ivar points: how many points were given; ``notes`` and ``skipped`` as a handover has them.
    """

    def __init__(
        self,
        letters: Sequence[Letter],
        limits: Limits,
        *,
        start: int,
        cursor: Position,
        redelivered: bool,
    ) -> None:
        self.left: list[Letter] = []
        self.points = 0
        self.notes: list[Note] = []
        self.skipped: dict[str, int] = {}
        self._letters: dict[int, Letter] = {}
        items: dict[str, list[Any]] = {hook: [] for hook in _KINDS}
        for letter in letters:
            item = _item(letter)
            if item is None:
                self.left.append(letter)
                continue
            self._letters[id(item)] = letter
            items[letter.hook].append(item)
        self._waiting = [
            Handover(content, start=start, redelivered=redelivered) for content in _batches(items, limits, cursor)
        ]

    @property
    def current(self) -> Handover | None:
        """Return the batch that is given next; None when all are through."""
        return self._waiting[0] if self._waiting else None

    def give(self, calls: BackendCalls, ref: RunRef, resolving: Resolving, place: Place) -> None:
        """Give the current batch.

        :raises RetryLater: and whatever else the backend raises; give again.
        """
        handover = self._waiting[0]
        handover.give(calls, ref, resolving, place)
        self.left += [
            msgspec.structs.replace(self._letters[id(refusal.item)], reason=refusal.reason)
            for refusal in handover.refusals
        ]
        self.notes += handover.notes
        for what, count in handover.skipped.items():
            self.skipped[what] = self.skipped.get(what, 0) + count
        self.points += len(handover.content.points)
        self._waiting.pop(0)


def _item(letter: Letter) -> Any:
    """Return what was refused; None for what this version does not know."""
    kind = _KINDS.get(letter.hook)
    try:
        # A param's value may be anything that JSON can say; it needs no check, and has no type that could check it.
        return Param(**letter.item) if kind is Param else msgspec.convert(letter.item, kind) if kind else None
    except (TypeError, msgspec.ValidationError):
        return None


def _batches(items: dict[str, list[Any]], limits: Limits, end: Position) -> Iterator[Content]:
    """Yield the batches that hold what was refused, in the order in which it was."""
    params, tags, points = (tuple(items.pop(hook)) for hook in ("log_params", "set_tags", "log_metrics"))
    for place in range(0, len(params), limits.params):
        yield Content(params=params[place : place + limits.params], end=end)
    # The last of a name is the one that stands.
    newest = tuple({tag.name: tag for tag in tags}.values())
    for place in range(0, len(newest), limits.tags):
        yield Content(tags=newest[place : place + limits.tags], end=end)
    if points:
        yield Content(points=points, end=end)
    for events in items.values():
        for event in events:
            yield Content(alone=event, end=end)

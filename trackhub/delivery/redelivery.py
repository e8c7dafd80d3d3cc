"""Turn dead letters into batches again, for a vendor that may take them now; reads letters, calls nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from trackhub.backend import Limits
from trackhub.delivery.batch import Content
from trackhub.model.entities import MetricPoint, Param, Tag
from trackhub.model.events import ArtifactLogged, EnvironmentCaptured, ModelAliasSet, ModelRegistered

_ALONE: dict[str, Any] = {
    "log_artifact": ArtifactLogged,
    "register_model_version": ModelRegistered,
    "set_model_alias": ModelAliasSet,
    "log_environment": EnvironmentCaptured,
}
_Item = TypeVar("_Item", bound=msgspec.Struct)


def batches(letters: Sequence[dict[str, Any]], limits: Limits) -> Iterator[Content]:
    """Yield the batches that hold what was refused, in the order in which it was.

    :raises msgspec.ValidationError: a letter is none of this version's.
    """
    # A param's value may be anything that JSON can say; it needs no check, and has no type that could check it.
    params = tuple(Param(**letter["item"]) for letter in letters if letter["hook"] == "log_params")
    tags = _of(letters, "set_tags", Tag)
    for place in range(0, len(params), limits.params):
        yield Content(params=params[place : place + limits.params])
    # The last of a name is the one that stands.
    newest = tuple({tag.name: tag for tag in tags}.values())
    for place in range(0, len(newest), limits.tags):
        yield Content(tags=newest[place : place + limits.tags])
    if points := _of(letters, "log_metrics", MetricPoint):
        yield Content(points=points)
    for hook, kind in _ALONE.items():
        for event in _of(letters, hook, kind):
            yield Content(alone=event)


def _of(letters: Sequence[dict[str, Any]], hook: str, kind: type[_Item]) -> tuple[_Item, ...]:
    return tuple(msgspec.convert(letter["item"], kind) for letter in letters if letter["hook"] == hook)

"""Turn our versions of models, and the moves of aliases, into tags of MLflow's versions, and back; pure functions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from trackhub.model.entities import AliasMove, ModelRecord, ModelVersion
from trackhub_mlflow import mapping
from trackhub_mlflow.names import escape_alias, escape_model, long_name, unescape

ARTIFACT = "trackhub.artifact"
ARTIFACT_VERSION = "trackhub.artifact_version"
_REGISTERED = "mlflow.trackhub.registered"
_MOVE = re.compile(r"mlflow\.trackhub\.move\.([0-9]+)\.")
_COPY = "models:/"
_MS = 1_000_000
Place = tuple[str, str, int]


def version_tags(run_id: str, version: ModelVersion) -> dict[str, str]:
    """Return the tags that a version is made with; they say which it is, and are how it is found again.

    :raises Rejected: the model's name is longer than a tag.
    """
    return {
        mapping.RUN_ID: run_id,
        ARTIFACT: mapping.tag_text(version.artifact),
        ARTIFACT_VERSION: str(version.version),
        _REGISTERED: str(version.time),
        **mapping.long_name_tags({escape_model(version.model): version.model}),
    }


def move_tag(alias: str, time: int) -> tuple[str, str]:
    """Return the tag that keeps one move of an alias: each its own, so that none is written over."""
    digest = hashlib.sha256(alias.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"mlflow.trackhub.move.{time}.{digest}", mapping.tag_text(alias)


def is_ours(version: Any) -> bool:
    """Return whether trackhub registered a version; MLflow's copies of one take its tags along, and are others'."""
    tags = version.tags
    numbers = all(tags.get(key, "").isdecimal() for key in (ARTIFACT_VERSION, _REGISTERED))
    return numbers and {mapping.RUN_ID, ARTIFACT} <= tags.keys() and not (version.source or "").startswith(_COPY)


def place_of(tags: Mapping[str, str]) -> Place:
    """Return which run's artifact a version of ours is, and which of its contents; from its tags."""
    return tags[mapping.RUN_ID], mapping.tag_value(tags[ARTIFACT]), int(tags[ARTIFACT_VERSION])


def number_of(version: Any) -> int:
    """Return a version's number: a server gives it as text, a database as it is."""
    return int(version.version)


def model_name(key: str, versions: Iterable[Any]) -> str:
    """Return the name that a model's stands for; one that trackhub would not give is as it is.

    :param versions: they keep long names.
    """
    names: dict[str, str] = {}
    for version in versions if long_name(key) else ():
        names |= mapping.long_names(version.tags)
    name = unescape(key, names)
    return name if escape_model(name) == key else key


def records_of(
    key: str, versions: Iterable[Any], aliases: Mapping[str, Any], our_id: Callable[[str], str]
) -> list[ModelRecord]:
    """Return a model's versions as MLflow holds them.

    One that is there twice, as the answer to a request was lost and another one made, is one: the first.

    :param aliases: the number of the version that each stands on.
    :param our_id: returns our id of MLflow's run.
    """
    versions = sorted(versions, key=number_of)
    model = model_name(key, versions)
    names = {escape_alias(move.alias): move.alias for one in versions if is_ours(one) for move in _moves(one)}
    standing: dict[int, set[str]] = {}
    for alias, number in aliases.items():
        standing.setdefault(int(number), set()).add(names.get(alias) or _alias_name(alias))
    found: dict[Place | int, ModelRecord] = {}
    for version in versions:
        number = number_of(version)
        record = _ours(model, version) if is_ours(version) else _of_others(model, version, our_id)
        place = place_of(version.tags) if is_ours(version) else number
        first = found.setdefault(place, record)
        here = {*first.aliases, *standing.get(number, ())}
        moves = {*first.moves, *record.moves}
        found[place] = msgspec.structs.replace(
            first,
            aliases=tuple(sorted(here)),
            moves=tuple(sorted(moves, key=lambda move: (move.time, move.alias))),
        )
    return list(found.values())


def _ours(model: str, version: Any) -> ModelRecord:
    run_id, artifact, content = place_of(version.tags)
    return ModelRecord(
        model=model,
        run_id=run_id,
        artifact=artifact,
        version=content,
        time=int(version.tags[_REGISTERED]),
        number=str(version.version),
        moves=_moves(version),
    )


def _of_others(model: str, version: Any, our_id: Callable[[str], str]) -> ModelRecord:
    created = version.creation_timestamp
    return ModelRecord(
        model=model,
        run_id=our_id(version.run_id) if version.run_id else "",
        artifact=str(version.source or "").rstrip("/").rpartition("/")[2],
        time=None if created is None else created * _MS,
        number=str(version.version),
    )


def _moves(version: Any) -> tuple[AliasMove, ...]:
    told = ((_MOVE.match(key), text) for key, text in version.tags.items())
    return tuple(AliasMove(mapping.tag_value(text), int(match[1])) for match, text in told if match)


def _alias_name(key: str) -> str:
    """Return the name that an alias stands for which no move tells; one that trackhub would not give is as it is."""
    name = unescape(key)
    return name if escape_alias(name) == key else key

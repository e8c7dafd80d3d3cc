"""Turn Comet's experiments and assets into the records that people read; nothing here asks the server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from trackhub.model.entities import Note, RunRecord, RunRef, StoredFile
from trackhub.types import Scalar
from trackhub_comet import mapping
from trackhub_comet.places import listed, unique
from trackhub_comet.points import value_back
from trackhub_comet.restoring import Names, whole_text
from trackhub_comet.shelf import FILE, MARK
from trackhub_comet.tail import Tail

_MS = 1_000_000


def record_of(
    metadata: Mapping[str, Any],
    others: Mapping[str, str],
    params: Mapping[str, str],
    metrics: Mapping[str, Scalar],
    whole: Callable[[str], str],
    *,
    environment: Mapping[str, Any] = MappingProxyType({}),
    labels: Sequence[str] = (),
    sampled: Sequence[str] = (),
) -> RunRecord:
    """Return a run as Comet tells it back.

    :param whole: returns a text by the place where it lies.
    :param labels: what Comet calls tags.
    :param sampled: the metrics of another client of which Comet may have kept some values only.
    """
    experiment = str(metadata["experimentKey"])
    ours = mapping.RUN_ID in others
    names = Names(others, whole)

    def text(other: str) -> str:
        return mapping.text_back(whole_text(others[other], whole)) if other in others else ""

    status = mapping.our_status(others.get(mapping.STATUS), metadata)
    tags = {
        name: mapping.text_back(whole_text(held, whole)) for name, held in mapping.user_tags(others, names.long).items()
    }
    return RunRecord(
        id=others.get(mapping.RUN_ID, experiment),
        name=text(mapping.WHOLE_NAME) or str(metadata.get("experimentName") or others.get(mapping.NAME) or experiment),
        project=text(mapping.PROJECT) or str(metadata.get("projectName") or ""),
        status=status,
        started=_ns(metadata.get("startTimeMillis")),
        ended=None if status == "running" else _ns(metadata.get("endTimeMillis")),
        params={names[key]: mapping.param_value(whole_text(held, whole)) for key, held in params.items()}
        if ours
        else dict(params),
        tags=tags if ours else {**dict.fromkeys(labels, ""), **others},
        metrics=dict(metrics),
        parent=others.get(mapping.PARENT),
        group=text(mapping.GROUP) if mapping.GROUP in others else None,
        ref=RunRef(id=experiment, position=Tail.of(others.get(mapping.TAIL)).position or None),
        reason=text(mapping.REASON) or ("" if ours else str(metadata.get("error") or "")),
        environment=dict(environment),
        notes=() if ours else _foreign_notes(labels, sampled),
    )


def last_values(
    summary: Mapping[str, str], others: Mapping[str, str], whole: Callable[[str], str]
) -> dict[str, Scalar]:
    """Return each metric's last value as Comet's listing tells it: as a text, without its kind."""
    names = Names(others, whole) if mapping.RUN_ID in others else None
    found: dict[str, Scalar] = {}
    for key, text in summary.items():
        if names is not None and key.startswith(mapping.OURS):
            continue
        try:
            found[names[key] if names is not None else key] = value_back(text)
        except ValueError:
            continue  # a text that some client logged as a metric
    return found


def files_of(entries: Iterable[Mapping[str, Any]]) -> dict[StoredFile, str]:
    """Return a run's files, each with the id by which the shelf knows it; those of ours with what they really are."""
    files: dict[StoredFile, str] = {}
    taken: set[str] = set()
    for entry in entries:
        mark = entry[MARK]
        if mark and mark.get("is") != FILE:
            continue
        name = listed(mark["artifact"], mark["version"], mark["file"]) if mark else str(entry["fileName"])
        path = unique(name, taken)
        taken.add(path)
        if mark:
            told = StoredFile(
                path=path,
                size=mark["size"],
                sha256=mark["sha256"],
                artifact=mark["artifact"],
                file=mark["file"],
                type=mark["type"],
                version=mark["version"],
                time=mark["time"],
            )
        else:
            told = StoredFile(path=path, size=entry.get("fileSize"), type=entry.get("type"))
        files[told] = str(mark.get("id") or entry["assetId"])
    return files


def _foreign_notes(labels: Sequence[str], sampled: Sequence[str]) -> tuple[Note, ...]:
    notes = [Note(kind="untold", subject="epoch", detail="a metric's epoch is no part of a point here")]
    if labels:
        notes.append(Note(kind="renamed", subject=", ".join(labels), detail="Comet's tags are tags without a text"))
    kept = "Comet keeps 15 000 values of a metric; this one has as many, and may have had more"
    notes += [Note(kind="sampled", subject=name, detail=kept) for name in sampled]
    return tuple(notes)


def _ns(milliseconds: Any) -> int | None:
    return None if milliseconds is None else int(milliseconds) * _MS

"""Turn MLflow's runs and files into the records that people read; nothing here asks the server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from trackhub.model.entities import MetricPoint, RunRecord, RunRef, StoredFile
from trackhub.types import Scalar
from trackhub_mlflow import mapping
from trackhub_mlflow.names import unescape, unescape_path
from trackhub_mlflow.places import listed
from trackhub_mlflow.points import Kinds, Row, last_exact, point_of, restore

_MS = 1_000_000


def is_ours(tags: Mapping[str, str]) -> bool:
    """Return whether trackhub wrote a run; only then are its names and values escaped."""
    return mapping.RUN_ID in tags


def record_of(
    run: Any,
    project: str,
    ref: RunRef,
    whole: Callable[[str], str],
    *,
    exceptions: Iterable[Any] = (),
    environment: Mapping[str, Any] = MappingProxyType({}),
) -> RunRecord:
    """Return a run as MLflow tells it back.

    :param run: MLflow's ``Run``.
    :param whole: returns the whole of a text that was cut.
    :param exceptions: what is kept beside of its points, for the exact last values.
    """
    tags: dict[str, str] = run.data.tags
    ours = is_ours(tags)
    status = mapping.our_status(run.info.status, tags)
    return RunRecord(
        id=tags.get(mapping.RUN_ID, run.info.run_id),
        name=mapping.tag_value(tags.get(mapping.NAME) or run.info.run_name or ""),
        project=tags.get(mapping.PROJECT, project),
        status=status,
        started=_ns(run.info.start_time),
        ended=None if status == "running" else _ns(run.info.end_time),
        params=_params(run.data, whole) if ours else dict(run.data.params),
        tags={name: mapping.tag_value(whole(text)) for name, text in mapping.user_tags(tags).items()}
        if ours
        else {key: text for key, text in tags.items() if not key.startswith("mlflow.")},
        metrics=_last_values(run.data.metrics, tags, exceptions),
        parent=tags.get(mapping.PARENT) or tags.get("mlflow.parentRunId"),
        group=mapping.tag_value(tags[mapping.GROUP]) if mapping.GROUP in tags else None,
        ref=ref,
        reason=mapping.tag_value(whole(tags.get(mapping.END_REASON, ""))),
        environment=dict(environment),
    )


def points_of(rows: Iterable[Row], tags: Mapping[str, str], exceptions: Iterable[Any]) -> list[MetricPoint]:
    """Return the points that a run's rows stand for, under our names."""
    kinds = Kinds(tags, mapping.LONGEST_TAG)
    return list(restore(rows, exceptions, _Names(tags), kinds))


def files_of(artifacts: Iterable[dict[str, Any]], found: Mapping[str, int | None]) -> dict[StoredFile, str]:
    """Return every file of a run and its place: those of the manifest, then those of others.

    :param found: the size of every file that is there, by its place.
    """
    files: dict[StoredFile, str] = {}
    known = set()
    paths: set[str] = set()
    for record in artifacts:
        for file in record["files"]:
            known.add(file["stored"])
            path = _unique(listed(record["name"], record["version"], file["path"]), paths)
            if file["stored"] in found:
                told = StoredFile(
                    path=path,
                    size=file["size"],
                    sha256=file["sha256"],
                    artifact=record["name"],
                    file=file["path"],
                    type=record["type"],
                    version=record["version"],
                    time=record["time"],
                )
                files[told] = file["stored"]
    for place, size in found.items():
        if place not in known:
            files[StoredFile(path=_unique(unescape_path(place), paths), size=size)] = place
    return files


def _last_values(metrics: Mapping[str, float], tags: Mapping[str, str], exceptions: Iterable[Any]) -> dict[str, Scalar]:
    """Return each metric's last value, which MLflow tells without its step and time."""
    names, kinds = _Names(tags), Kinds(tags, mapping.LONGEST_TAG)
    exact = last_exact(exceptions)
    return {
        names[key]: exact.get((key, value), point_of(key, Row(key, value, 0, 0), kinds.of(key)).value)
        for key, value in metrics.items()
    }


def _params(data: Any, whole: Callable[[str], str]) -> dict[str, Any]:
    names = _Names(data.tags)
    return {names[key]: mapping.param_value(whole(text)) for key, text in mapping.newest_params(data).items()}


class _Names(dict[str, str]):
    """Give each key's name, found when it is first asked for."""

    def __init__(self, tags: Mapping[str, str]) -> None:
        super().__init__()
        self._ours = is_ours(tags)
        self._long = mapping.long_names(tags)

    def __missing__(self, key: str) -> str:
        name = self[key] = unescape(key, self._long) if self._ours else key
        return name


def _unique(path: str, taken: set[str]) -> str:
    """Return a path that is not taken yet: file ``b`` of artifact ``a`` is not artifact ``a/b``."""
    wanted, number = path, 1
    while path in taken:
        number += 1
        path = f"{wanted} ({number})"
    taken.add(path)
    return path


def _ns(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else milliseconds * _MS

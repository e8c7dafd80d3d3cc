"""Show one run: all that its journal says of it, and how far its destinations are."""

# ruff: noqa: D301, PLC0415 - \b keeps examples as they are; imports wait, so that --help is quick

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trackhub.cli.listing import as_dict, duration, open_store
from trackhub.cli.output import (
    JsonOption,
    StoreOption,
    clock,
    iso,
    lasting,
    print_json,
    print_table,
    size,
    to_json,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trackhub.delivery.report import DestinationReport
    from trackhub.model.entities import ModelRecord
    from trackhub.query.summary import RunDetail

_MOST_LINES = 50


def show(
    run: Annotated[str, typer.Argument(help="Id, unique beginning of an id, name, or project/name.")],
    *,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one run: what was logged, and where it is.

    \b
    trackhub show forest-1
    trackhub show digits/forest-1 --json
    trackhub show 0190163d86
    """
    from trackhub import hub
    from trackhub.query.runs import find
    from trackhub.query.summary import read_detail
    from trackhub.settings import resolve

    settings = resolve(store=store)
    folder = find(open_store(settings), run)
    detail = read_detail(folder, silence_s=settings.crashed_after_s)
    reports = [report for _, report in hub.status([folder])]
    if as_json:
        print_json(_as_dict(detail, reports))
    else:
        _print(detail, reports)


def _as_dict(detail: RunDetail, reports: list[DestinationReport]) -> dict[str, Any]:
    """Return all that is known of a run as JSON has it."""
    import msgspec

    return {
        **as_dict(detail.summary),
        "artifacts": [{**msgspec.to_builtins(item), "time": iso(item.time)} for item in detail.artifacts],
        "models": [_model(item) for item in detail.summary.models],
        "environment": detail.environment,
        "destinations": msgspec.to_builtins(reports),
        "damage": [damage._asdict() for damage in detail.damage],
    }


def _model(record: ModelRecord) -> dict[str, Any]:
    moves = [{"alias": move.alias, "time": iso(move.time)} for move in record.moves]
    return {"model": record.model, "artifact": record.artifact, "version": record.version, "moves": moves}


def _print(detail: RunDetail, reports: list[DestinationReport]) -> None:
    run = detail.summary
    facts = {
        "id": run.id,
        "name": run.name,
        "project": run.project,
        "status": f"{run.status} ({run.reason})" if run.reason else run.status,
        "started": clock(run.started),
        "ended": clock(run.ended),
        "duration": lasting(duration(run)),
        "points": run.points,
        "parent": run.parent,
        "group": run.group,
    }
    print_table(("run", "value"), [(name, value) for name, value in facts.items() if value not in {None, ""}])
    sections: list[tuple[tuple[str, ...], list[tuple[Any, ...]]]] = [
        (("param", "value"), [(name, _shown(value)) for name, value in run.params.items()]),
        (("tag", "value"), list(run.tags.items())),
        (
            ("metric", "newest", "step", "points"),
            [(name, last.value, last.step, last.count) for name, last in run.metrics.items()],
        ),
        (
            ("artifact", "type", "version", "file", "size", "sha256"),
            [
                (item.name, item.type, item.version, file.path, size(file.size), file.sha256)
                for item in detail.artifacts
                for file in item.files
            ],
        ),
        (
            ("model", "artifact", "version", "registered", "aliases moved to it"),
            [
                (
                    item.model,
                    item.artifact,
                    item.version,
                    clock(item.time),
                    ", ".join(it.alias for it in item.moves),
                )
                for item in run.models
            ],
        ),
        (("environment", "value"), list(_leaves(detail.environment))),
        (
            ("destination", "state", "points", "left", "rejected", "link", "error"),
            [
                (one.destination, one.state, one.points, size(one.lag), one.rejected, one.link, one.error)
                for one in reports
            ],
        ),
        (("damaged segment", "offset", "bytes", "what"), [tuple(damage) for damage in detail.damage]),
    ]
    for titles, rows in sections:
        if rows:
            typer.echo("")
            print_table(titles, rows, spare=("sha256", "link"))


def _shown(value: Any) -> str:
    """Return a param's value as JSON has it, but for texts that read as nothing else."""
    text = to_json(value)
    return (
        value if isinstance(value, str) and value.strip() and text == f'"{value}"' and not _reads_else(value) else text
    )


def _reads_else(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return text in {"True", "False", "None"}
    return True


def _leaves(environment: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what fits a line of each, with the rest counted: all of it is in ``--json``."""
    for name, value in environment.items():
        if isinstance(value, dict) and len(value) <= _MOST_LINES:
            yield from _leaves(value, f"{prefix}{name}.")
        elif isinstance(value, dict | list):
            first = ", ".join(map(str, itertools.islice(value, 3)))
            yield f"{prefix}{name}", first if len(value) <= 3 else f"{first}, … ({len(value)})"  # noqa: PLR2004
        else:
            yield f"{prefix}{name}", value

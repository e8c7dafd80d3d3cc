"""List runs, and print a journal; reads a store, or a vendor through its plugin."""

# ruff: noqa: D301, PLC0415 - \b keeps examples as they are; imports wait, so that --help is quick

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trackhub.cli.output import (
    JsonOption,
    StoreOption,
    clock,
    iso,
    lasting,
    on_terminal,
    print_json,
    print_table,
    remark,
    to_json,
)

if TYPE_CHECKING:
    from trackhub.journal.store import Store
    from trackhub.query.fields import Field
    from trackhub.query.summary import RunSummary
    from trackhub.settings import Settings

_ON_A_SCREEN = 50


def ls(
    *,
    project: Annotated[str | None, typer.Option("--project", "-p", help="Only this project's runs.")] = None,
    where: Annotated[str | None, typer.Option("--where", "-w", help="Only runs that match.")] = None,
    order_by: Annotated[str | None, typer.Option("--order-by", "-o", help="Such as 'metrics.acc desc, name'.")] = None,
    columns: Annotated[
        list[str] | None, typer.Option("--column", "-c", help="Show this too, such as metrics.acc; several times.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, help="At most so many; 50 on a terminal, else all.")
    ] = None,
    source: Annotated[str | None, typer.Option("--from", help="A vendor's runs instead: a URL or a name.")] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """List runs, newest first.

    \b
    trackhub ls
    trackhub ls -w "metrics.acc > 0.9 and params.depth = 4" -o "metrics.acc desc" -c metrics.acc
    trackhub ls -w "status in ('failed', 'crashed') and started > '2026-11-01'" --json
    trackhub ls --from mlflow+http://127.0.0.1:5000 -p digits

    A filter compares metrics.NAME (the newest value), params.NAME, tags.NAME, status, name, project,
    id, started, ended, duration (seconds), points, group and parent with = != < <= > >= like ilike in,
    and joins that with and, or, not and parentheses. Names may stand in quotes: tags."my owner".
    """
    from trackhub.query.runs import select
    from trackhub.settings import resolve

    settings = resolve(store=store)
    wanted = [field_of(name) for name in columns or ()]
    every = _vendors(source, project, settings) if source is not None else _stored(project, settings)
    chosen = select(every, where=where, order_by=order_by)
    if where and not chosen:
        from trackhub.query.where import Where

        for line in Where.parse(where).hints(every):
            remark(line)
    shown = chosen[: limit or (_ON_A_SCREEN if on_terminal() and not as_json else None)]
    if as_json:
        print_json([as_dict(run) for run in shown])
        return
    titles = ("id", "name", "project", "status", "started", "duration", "points", *(field.name for field in wanted))
    print_table(titles, (_row(run, wanted) for run in shown), spare=("id", "duration"))
    if len(shown) < len(chosen) and limit is None:
        remark(f"{len(chosen) - len(shown)} more; -n {len(chosen)} shows all")


def cat(
    run: Annotated[str, typer.Argument(help="Id, unique beginning of an id, name, or project/name.")],
    *,
    store: StoreOption = None,
) -> None:
    """Print a run's journal as JSON lines.

    One event a line, in order of time. Times are nanoseconds since 1970 in UTC; ints keep every
    digit; what JSON cannot say is the string "NaN", "Infinity" or "-Infinity".

    \b
    trackhub cat forest-1 | jq -c 'select(.event == "metrics_logged") | [.step, .metrics.loss]'
    """
    import msgspec

    from trackhub.journal.journal import JournalReader
    from trackhub.model.events import UnknownEvent
    from trackhub.query.runs import find
    from trackhub.settings import resolve

    reader = JournalReader(find(open_store(resolve(store=store)), run))
    write = sys.stdout.write
    for placed in reader.events():
        event = placed.event
        write(to_json(event.fields if isinstance(event, UnknownEvent) else msgspec.to_builtins(event)) + "\n")
    for damage in reader.damage:
        remark(f"{damage.segment}: {damage.length} bytes at {damage.offset}: {damage.reason}")


def field_of(name: str) -> Field:
    """Return the field that a column shows.

    :raises QueryError: there is none.
    """
    from trackhub.query.fields import field_named
    from trackhub.query.tokens import QueryError

    try:
        return field_named(name)
    except ValueError as error:
        raise QueryError(f"--column: {error}") from None


def open_store(settings: Settings) -> Store:
    """Return the store that settings name.

    :raises StoreError: there is none.
    """
    from trackhub.errors import StoreError
    from trackhub.journal.store import Store

    path = settings.store.absolute()
    if not path.is_dir():
        raise StoreError(f"there is no store at {path}; pass --store, set TRACKHUB_STORE, or log a run here first")
    return Store(path)


def _stored(project: str | None, settings: Settings) -> list[RunSummary]:
    from trackhub.query.index import RunIndex

    return RunIndex(open_store(settings), silence_s=settings.crashed_after_s).summaries(project)


def _vendors(source: str, project: str | None, settings: Settings) -> list[RunSummary]:
    from trackhub import hub
    from trackhub.query.vendor import vendor_runs

    calls = hub.open_backend(source, settings)
    try:
        found = [view.summary for view in vendor_runs(calls, project or settings.project)]
        for note in calls.read_notes():
            remark(f"{note.subject}: {note.detail}")
        return found
    finally:
        calls.close()


def _row(run: RunSummary, columns: list[Field]) -> tuple[Any, ...]:
    more = (field.of(run) if field.known(run) else None for field in columns)
    length = lasting(duration(run))
    return (run.id, run.name, run.project, run.status, clock(run.started), length, run.points, *more)


def duration(run: RunSummary) -> float | None:
    """Return how many seconds a run lasted, or has lasted so far."""
    end = run.ended or run.last_event
    return (end - run.started) / 1e9 if run.started and end else None


def as_dict(run: RunSummary) -> dict[str, Any]:
    """Return a run as JSON has it."""
    return {
        "id": run.id,
        "name": run.name,
        "project": run.project,
        "status": run.status,
        "started": iso(run.started),
        "ended": iso(run.ended),
        "duration_s": duration(run),
        "reason": run.reason,
        "parent": run.parent,
        "group": run.group,
        "params": run.params,
        "tags": run.tags,
        "metrics": {
            name: {"value": last.value, "step": last.step, "time": iso(last.time), "count": last.count}
            for name, last in run.metrics.items()
        },
        "points": run.points,
    }

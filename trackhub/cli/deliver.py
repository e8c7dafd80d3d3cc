"""Deliver runs in the foreground, tell how far they are, and hold vendors against the journal."""

# ruff: noqa: D301, PLC0415 - \b keeps examples as they are; imports wait, so that --help is quick

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from trackhub.cli.listing import open_store
from trackhub.cli.output import (
    JsonOption,
    StoreOption,
    ToOption,
    on_terminal,
    print_json,
    print_table,
    remark,
    size,
)
from trackhub.cli.progress import SyncProgress

if TYPE_CHECKING:
    from trackhub.delivery.report import DeliveryReport, DestinationReport
    from trackhub.journal.store import RunFolder
    from trackhub.query.compare import VerifyReport

RunsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[RUN]...", help="Ids, beginnings of ids, or names; all runs if none.")
]


def sync(
    runs: RunsArgument = None,
    *,
    to: ToOption = None,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="Give again what was refused, too, now that its cause is mended.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Ask the destinations anew what they have: a server may have lost it.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until interrupted, with runs that begin too.")] = False,
    timeout_s: Annotated[
        float | None, typer.Option("--timeout", min=0, help="Give up after so many seconds; else once nothing moves.")
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Deliver runs, now and from here.

    Exit code 1 if something is left. Again is harmless: what a destination has, it is not given twice.

    \b
    trackhub sync --to mlflow+http://127.0.0.1:5000
    trackhub sync forest-1 forest-2 --to wandb://team/digits --to prod
    trackhub sync --watch --store /shared/runs          on a login node, for a cluster
    trackhub sync --rejected                            once the vendor takes what it refused
    trackhub sync --again                               where a server was set up anew at the old address
    """
    from trackhub import hub
    from trackhub.query.runs import find
    from trackhub.settings import resolve

    settings = resolve(to=to, store=store)
    held = open_store(settings)
    what = [find(held, run) for run in runs] if runs else held
    with SyncProgress(what, shown=on_terminal() and not as_json) as progress:
        try:
            report = hub.sync(
                what,
                settings.to,
                settings=settings,
                rejected=rejected,
                again=again,
                watch=watch,
                timeout_s=timeout_s,
                progress=progress.update,
            )
        except KeyboardInterrupt:
            remark("interrupted; `trackhub sync` goes on from here")
            raise typer.Exit(0 if watch else 130) from None
    print_delivery(report, as_json=as_json)
    raise typer.Exit(0 if report.complete else 1)


def print_delivery(report: DeliveryReport, *, as_json: bool) -> None:
    """Print how far every destination is."""
    if as_json:
        print_json({"complete": report.complete, "destinations": [_as_dict(one) for one in report.destinations]})
    else:
        rows = [_cells(one, one.runs) for one in report.destinations]
        print_table(("destination", "runs", *_TITLES), rows, spare=("link",))


def status(runs: RunsArgument = None, *, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Tell how far each run is at its destinations.

    \b
    trackhub status
    trackhub status forest-1 --json
    """
    from trackhub import hub
    from trackhub.query.index import RunIndex
    from trackhub.query.runs import find
    from trackhub.settings import resolve

    settings = resolve(store=store)
    held = open_store(settings)
    folders = [find(held, run) for run in runs] if runs else list(held.runs())
    names = {run.id: run.name for run in RunIndex(held, silence_s=settings.crashed_after_s).summaries()}
    found = hub.status(folders)
    if as_json:
        print_json([{"id": folder.id, "name": names.get(folder.id), **_as_dict(one)} for folder, one in found])
        return
    rows = ((folder.id, names.get(folder.id), *_cells(one)) for folder, one in found)
    print_table(("id", "name", "destination", *_TITLES), rows, spare=("id", "link"))
    if not found:
        remark("no run was ever given to a destination; `trackhub sync --to URL` delivers")


def forget(
    destination: Annotated[str, typer.Argument(help="As `trackhub status` shows it: a name or a URL.")],
    runs: RunsArgument = None,
    *,
    store: StoreOption = None,
) -> None:
    """Forget that runs were given to a destination; nothing is removed there, nor from the journals.

    \b
    trackhub forget mlflow+http://old-host:5000
    trackhub forget prod forest-1
    """
    from trackhub.delivery.record import forget_named
    from trackhub.query.runs import find
    from trackhub.settings import resolve

    held = open_store(resolve(store=store))
    folders = [find(held, run) for run in runs] if runs else list(held.runs())
    count = sum(forget_named(folder, destination) for folder in folders)
    remark(f"{count} runs: {destination} is forgotten" if count else f"no run was given to {destination}")
    raise typer.Exit(0 if count else 1)


def verify(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids, beginnings of ids, or names.")],
    *,
    to: ToOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read runs back and compare them with the journal.

    Every point, param, tag and file counts; exit code 1 if one differs. Without a destination in the
    settings, each run is compared where it was delivered.

    \b
    trackhub verify forest-1 --to mlflow+http://127.0.0.1:5000
    trackhub verify forest-1 forest-2 --json
    """
    from trackhub import hub
    from trackhub.delivery.record import read_records
    from trackhub.errors import SettingsError
    from trackhub.query import compare
    from trackhub.query.runs import find
    from trackhub.settings import resolve

    settings = resolve(to=to, store=store)
    wanted: dict[str, list[RunFolder]] = {destination: [] for destination in settings.to}
    for folder in [find(open_store(settings), run) for run in runs]:
        for destination in settings.to or [record.url for record in read_records(folder)]:
            wanted.setdefault(destination, []).append(folder)
    if not wanted:
        raise SettingsError(
            "verify: no destination, and the run was given to none; name one with --to, TRACKHUB_TO or in trackhub.toml"
        )
    reports = []
    for destination, folders in wanted.items():
        calls = hub.open_backend(destination, settings)
        try:
            reports += [compare.verify(folder, calls) for folder in folders]
        finally:
            calls.close()
    if as_json:
        import msgspec

        print_json([{**msgspec.to_builtins(report), "equal": report.equal} for report in reports])
    else:
        print_reports(reports)
    raise typer.Exit(0 if all(report.equal for report in reports) else 1)


def print_reports(reports: list[VerifyReport]) -> None:
    """Print what was compared, and some of what differs."""
    kinds = _KINDS if any(report.ours.get("models") for report in reports) else _KINDS[:-1]
    rows = [
        (report.name, report.status, report.destination, *(_pair(report, kind) for kind in kinds), _verdict(report))
        for report in reports
    ]
    print_table(("run", "status", "destination", *kinds, "result"), rows, spare=("status",))
    differing = [
        (report.name, report.destination, one.kind, one.subject, one.ours, one.theirs)
        for report in reports
        for one in report.differences
    ]
    if differing:
        typer.echo("")
        print_table(("run", "destination", "what", "which", "logged", "read back"), differing)
    for report in reports:
        if report.unchecked:
            remark(f"{report.destination}: its plugin cannot read back {', '.join(report.unchecked)}")


_KINDS = ("points", "params", "tags", "files", "models")
_TITLES = ("state", "points", "left", "rejected", "skipped", "fitted", "link", "error")


def _pair(report: VerifyReport, kind: str) -> str:
    if kind in report.unchecked:
        return "unknown"
    ours, theirs = report.ours.get(kind, 0), report.theirs.get(kind, 0)
    return str(ours) if ours == theirs else f"{theirs} of {ours}"


def _verdict(report: VerifyReport) -> str:
    if report.equal:
        return "equal"
    return "; ".join(f"{count} {kind} differ" for kind, count in report.differing.items())


def _cells(report: DestinationReport, *more: Any) -> tuple[Any, ...]:
    fitted = ", ".join(f"{count} {kind}" for kind, count in sorted(report.notes.items()))
    nothing = None if on_terminal() else 0  # a column without a number is not drawn
    return (
        report.destination,
        *more,
        report.state,
        report.points,
        size(report.lag),
        report.rejected or nothing,
        report.skipped or nothing,
        fitted,
        report.link,
        report.error,
    )


def _as_dict(report: DestinationReport) -> dict[str, Any]:
    import msgspec

    found: dict[str, Any] = msgspec.to_builtins(report)
    return found

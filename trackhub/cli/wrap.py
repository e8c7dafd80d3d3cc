"""Run a training command with destinations in its environment, and say what became of its runs."""

# ruff: noqa: D301, PLC0415 - \b keeps examples as they are; imports wait, so that --help is quick

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trackhub.cli.output import StoreOption, ToOption, complain, lasting, remark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trackhub.journal.store import Store
    from trackhub.query.summary import RunSummary
    from trackhub.settings import Settings

_NOT_FOUND, _NOT_EXECUTABLE, _BY_SIGNAL = 127, 126, 128
"""Exit codes as shells give them."""


def run(
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND [ARGUMENT]...", help="What to run.")],
    *,
    to: ToOption = None,
    project: Annotated[str | None, typer.Option("--project", "-p", help="Project of runs that name none.")] = None,
    mode: Annotated[str | None, typer.Option("--mode", help="online, offline or disabled.")] = None,
    store: StoreOption = None,
) -> None:
    """Run a command with destinations in its environment.

    The code that logs stays as it is: where it does not say otherwise, its runs go where the options
    here say. Signals are passed on, and the exit code is the command's. At the end, stderr tells what
    became of its runs.

    \b
    trackhub run --to mlflow+http://127.0.0.1:5000 -- python train.py --epochs 5
    trackhub run --to prod,wandb://team/digits -p digits -- torchrun train.py
    trackhub run --mode offline -- python train.py
    """
    from trackhub import hub
    from trackhub.journal.store import Store
    from trackhub.settings import resolve

    settings = resolve(to=to, project=project, mode=mode, store=store)
    hub.destinations_of(settings)  # a mistake shows now, not when the command has loaded its data
    given = {"TO": ",".join(to) if to else None, "PROJECT": project, "MODE": mode}
    environment = {f"TRACKHUB_{name}": value for name, value in given.items() if value is not None}
    held = Store(settings.store.absolute())
    before = _ids(held)
    code = _run(command, {**os.environ, **environment, "TRACKHUB_STORE": str(held.path)})
    fresh = _ids(held) - before
    if fresh:
        _tell(held, fresh, settings)
    raise typer.Exit(code)


def _run(command: list[str], environment: dict[str, str]) -> int:
    """Return a command's exit code, as a shell would say it."""
    try:
        child = subprocess.Popen(command, env=environment)
    except FileNotFoundError:
        complain(f"{command[0]}: no such command")
        return _NOT_FOUND
    except OSError as error:
        complain(f"{command[0]}: {error.strerror}")
        return _NOT_EXECUTABLE
    with _forwarding(child):
        code = child.wait()
    return code if code >= 0 else _BY_SIGNAL - code


@contextlib.contextmanager
def _forwarding(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Pass signals on, but for those that the terminal gives to the child as well."""

    def forward(number: int, frame: Any) -> None:
        del frame
        if not (number in _FROM_KEYS and _in_foreground()):
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(number)

    before = {number: signal.signal(number, forward) for number in _FORWARDED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_FORWARDED = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
]
_FROM_KEYS = {getattr(signal, name, None) for name in ("SIGINT", "SIGQUIT")}


def _in_foreground() -> bool:
    """Return whether keys pressed on a terminal reach this process and its child alike."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _ids(store: Store) -> set[str]:
    return {folder.id for folder in store.runs()}


def _tell(store: Store, ids: set[str], settings: Settings) -> None:
    """Say on stderr what became of runs, one a line."""
    from trackhub import hub
    from trackhub.query.index import RunIndex

    summaries = RunIndex(store, silence_s=settings.crashed_after_s).summaries()
    wanted = bool(settings.to) and settings.mode == "online"
    left = False
    for summary in reversed([summary for summary in summaries if summary.id in ids]):
        reports = [report for _, report in hub.status([store.run(summary.project, summary.id)])]
        left = left or not all(report.complete for report in reports) or (wanted and not reports)
        parts = [f"{report.destination} {report.state}" for report in reports]
        remark(f"trackhub: {'; '.join([_line(summary), *parts])}")
    if left:
        remark("trackhub: deliveries go on by themselves; `trackhub status` tells, `trackhub sync` takes them over")


def _line(summary: RunSummary) -> str:
    end = summary.ended or summary.last_event
    lasted = lasting((end - summary.started) / 1e9) if summary.started and end else ""
    why = f" ({summary.reason})" if summary.reason else ""
    return f"run {summary.name} {summary.id} {summary.status}{why}, {summary.points} points, {lasted}"

"""Wire everything together: only this module knows both a run and its deliveries."""

from __future__ import annotations

import functools
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from trackhub import __version__
from trackhub.backend import BackendCalls, Destination
from trackhub.capture.facts import facts
from trackhub.delivery.anew import ask_anew
from trackhub.delivery.dispatch import Dispatch
from trackhub.delivery.ending import end_vanished
from trackhub.delivery.following import Following
from trackhub.delivery.garbage import sdk_left_out
from trackhub.delivery.lane import Surroundings
from trackhub.delivery.lookback import LookBack, look_back
from trackhub.delivery.policy import LONGEST_S
from trackhub.delivery.process import DeliveryProcess, RunNotice
from trackhub.delivery.record import read_records
from trackhub.delivery.report import DeliveryReport, DestinationReport
from trackhub.delivery.syncing import PATIENCE_S, Syncing
from trackhub.disabled import DisabledRun
from trackhub.errors import PluginError, PluginMissing, RunExists, RunNotFound, SettingsError
from trackhub.exits import watch
from trackhub.journal.liveness import this_process
from trackhub.journal.segment import IMPORT, SegmentHeader
from trackhub.journal.store import RunFolder, Store
from trackhub.journal.writer import JournalWriter
from trackhub.model.events import EnvironmentCaptured, Event, RunResumed, RunStarted
from trackhub.model.ids import RUN_ID, Identity, new_run_id, readable_name
from trackhub.model.naming import require_name, require_run_id, require_words
from trackhub.model.outcome import sayable
from trackhub.model.values import require_text
from trackhub.plugins.installed import PluginSet
from trackhub.redact import Redactor
from trackhub.run import Run
from trackhub.settings import Settings

log = logging.getLogger("trackhub")

_CLOSE_S = 5.0

_process = DeliveryProcess()
_dispatches: dict[int, Dispatch] = {}  # by pid: a forked child has none of its parent's threads


def _nothing() -> None:
    """Do nothing."""


def begin_run(
    settings: Settings,
    *,
    name: str | None,
    parent: str | None,
    group: str | None,
) -> Run:
    """Start a run, or open one again, and have it delivered.

    :raises RunExists: the id is taken and the settings' ``resume`` is "never".
    :raises RunNotFound: ``resume`` is "must" and there is no such run.
    :raises SettingsError: a destination cannot be used.
    :raises StoreError: the store cannot be written.
    :raises TypeError: the name, the parent or the group is no text.
    :raises ValueError: one of them is no text that can be kept, or the parent is no run's id.
    """
    if name is not None:
        name = require_name("run", name)
    if parent is not None:
        parent = require_run_id("parent", parent)
    if group is not None:
        group = require_words("group", group)
    project = default_project(settings)
    run_id = _checked_id(settings.run_id) if settings.run_id else new_run_id()
    attempt = _writer_name()
    if settings.mode == "disabled":
        return DisabledRun(Identity(run_id, name or readable_name(run_id), project, attempt))
    destinations = () if settings.mode == "offline" else destinations_of(settings)
    store = Store(settings.store.absolute())
    folder = store.find(run_id) if settings.run_id else None
    if folder is not None and settings.resume == "never":
        raise RunExists(f"run {run_id} is in {store.path} already; resume='allow' opens it again")
    if folder is None and settings.resume == "must":
        raise RunNotFound(f"run {run_id} is not in {store.path}; resume='allow' would start it")
    before = LookBack()
    if folder is not None:
        before = look_back(folder, new_delivery_header(folder), silence_s=settings.crashed_after_s)
    started = before.started
    if folder is None or started is None:
        folder = folder or store.run(project, run_id)
        folder.create()
        identity = Identity(run_id, store.take_name(project, name or readable_name(run_id), run_id), project, attempt)
    else:
        identity = Identity(run_id, started.name, started.project, attempt)
    rank = _rank()
    own, pid = folder.journal / f"{attempt}.seg", os.getpid()

    def new_header() -> SegmentHeader:
        # The first segment is the attempt's own; forked children and signal handlers get others.
        writer = attempt if os.getpid() == pid and not own.exists() else _writer_name()
        return segment_header(folder, writer, role="run", rank=rank)

    run = Run(
        identity,
        folder,
        new_header,
        redactor=Redactor(settings.redact, settings.redact_allow),
        known=before.known,
        durability=settings.durability,
        on_error=settings.on_error,
        finish_timeout_s=settings.finish_timeout_s,
    )
    # After all that there is, though this machine's clock may be behind: of two attempts, the later one stands.
    now = max(time.time_ns(), before.last + 1)
    if started is None:
        run.begin(
            RunStarted(
                time=now,
                id=run_id,
                name=identity.name,
                project=project,
                attempt=attempt,
                parent=parent,
                group=group,
                rank=rank,
            )
        )
    else:
        run.begin(RunResumed(time=now, attempt=attempt, rank=rank))
    run.deliveries = _deliver(run, destinations, settings)
    watch(run)
    return run


def default_project(settings: Settings) -> str:
    """Return the project that the settings name, or the current folder's name."""
    if settings.project:
        return require_text(settings.project, "project")
    # A folder's name may be no UTF-8: its other bytes are written as escapes.
    return os.fsencode(Path.cwd().name).decode(errors="backslashreplace") or "default"


def destinations_of(settings: Settings) -> tuple[Destination, ...]:
    """Return the configured destinations, their options checked by their plugins.

    A plugin that is broken does not stop a training: its lane says so. One that is not there does.
    """
    return tuple(_checked(Destination.parse(url, name)) for name, url in settings.resolve_destinations())


def _checked(destination: Destination) -> Destination:
    """Return a destination as it is called from every folder, its options checked."""
    try:
        installed_plugins().check(destination)
        placed = installed_plugins().placed(destination)
    except PluginMissing as error:
        raise SettingsError(str(error)) from error
    except PluginError as error:
        log.warning("%s", error)
        placed = destination
    if not placed.url.isascii() and sayable(placed.url) != placed.url:
        raise SettingsError(
            f"destination {placed.shown!a}: its path is no UTF-8; rename the folder or give another path"
        )
    return placed


def segment_header(folder: RunFolder, writer: str, *, role: str, rank: int | None = None) -> SegmentHeader:
    """Return the header of a segment that this process begins."""
    here = this_process()
    return SegmentHeader(
        run=folder.id,
        project=folder.project,
        writer=writer,
        role=role,
        created=time.time_ns(),
        host=here.host,
        pid=here.pid,
        boot=here.boot,
        birth=here.birth,
        rank=rank,
        version=__version__,
    )


def new_delivery_header(folder: RunFolder) -> Callable[[], SegmentHeader]:
    """Return what makes headers for what is written about a run, not by it."""
    return lambda: segment_header(folder, _writer_name(), role="delivery")


def new_import_header(folder: RunFolder) -> SegmentHeader:
    """Return the header of a segment that brings a run from elsewhere."""
    return segment_header(folder, _writer_name(), role=IMPORT)


def open_backend(name_or_url: str, settings: Settings) -> BackendCalls:
    """Return a destination's backend, for reading and for asking who it is."""
    return installed_plugins().open(destination_of(name_or_url, settings))


def destination_of(name_or_url: str, settings: Settings) -> Destination:
    """Return the destination of a name in the settings, or of a URL, as it is called from every folder.

    :raises SettingsError: no plugin has the scheme.
    """
    named = settings.destinations.get(name_or_url)
    try:
        return installed_plugins().placed(Destination.parse(named or name_or_url, name_or_url if named else ""))
    except PluginMissing as error:
        raise SettingsError(str(error)) from error


@functools.cache
def installed_plugins() -> PluginSet:
    """Return the installed plugins; looking for them takes a while, so it is done once."""
    return PluginSet()


def new_dispatch(opened: Callable[[], None] = _nothing, *, longest_wait_s: float = LONGEST_S) -> Dispatch:
    """Return what delivers runs by the installed plugins, and tells their observers.

    :param opened: called after each backend was opened, its SDK imported.
    :param longest_wait_s: no back-off is longer, so that who waits for it sees it try again.
    """
    plugins = installed_plugins()

    def open_backend(destination: Destination) -> BackendCalls:
        calls = plugins.open(destination)
        opened()
        return calls

    def failed(run_id: str, destination: str, error: str) -> None:
        for trouble in plugins.observe("delivery_failed", run_id=run_id, destination=destination, error=error):
            log.warning("%s", trouble)

    def finished(run_id: str, destination: str, end: object) -> None:
        for trouble in plugins.observe("run_finished", run_id=run_id, destination=destination, end=end):
            log.warning("%s", trouble)

    return Dispatch(open_backend, Surroundings(failed=failed, finished=finished, longest_wait_s=longest_wait_s))


def status(folders: Sequence[RunFolder]) -> list[tuple[RunFolder, DestinationReport]]:
    """Return how far every run has come at each destination it was ever given to."""
    return [(folder, record.report(folder)) for folder in folders for record in read_records(folder)]


def sync(
    folders: Sequence[RunFolder] | Store,
    destinations: Sequence[str],
    *,
    settings: Settings,
    rejected: bool = False,
    again: bool = False,
    watch: bool = False,
    timeout_s: float | None = None,
    progress: Callable[[RunFolder, DestinationReport], None] | None = None,
) -> DeliveryReport:
    """Deliver runs in this process, in the foreground.

    :param folders: runs, or a store for all of them.
    :param rejected: give again what was refused, too.
    :param again: forget how far each run was delivered, and ask the destinations what they have.
    :param watch: go on until interrupted, with what is logged meanwhile and runs that begin.
    :param timeout_s: give up then; by default once nothing has moved for half a minute.
    """
    began = time.monotonic()
    wanted = replace(settings, to=tuple(destinations)) if destinations else settings
    targets = destinations_of(wanted)
    if not targets:
        raise SettingsError("sync: no destination; name one with --to, to=, TRACKHUB_TO or in trackhub.toml")
    for target in targets:
        _try_to_open(target)
    if rejected or again:
        ask_anew(folders, targets, all_of_it=again)
    with sdk_left_out() as opened:
        dispatch = new_dispatch(opened, longest_wait_s=PATIENCE_S / 4)
        syncing = Syncing(
            dispatch,
            targets,
            end=lambda folder: end_vanished(folder, new_delivery_header(folder), silence_s=settings.crashed_after_s),
            progress=progress,
        )
        try:
            return syncing.run(folders, watch=watch, timeout_s=timeout_s)
        finally:
            # A vendor that hangs is left behind in its thread: who gave a limit is not kept beyond it.
            left = _CLOSE_S if timeout_s is None else timeout_s - (time.monotonic() - began)
            dispatch.close(min(_CLOSE_S, max(left, _CLOSE_S / 10)))


def _try_to_open(target: Destination) -> None:
    """See whether a URL says all that its plugin needs, before anything is kept of it.

    :raises SettingsError: it does not.
    """
    try:
        installed_plugins().open(target).close()
    except SettingsError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever else is wrong, its lane meets it again and says so
        log.debug("%s: %s", target.shown, error)


def append_to(folder: RunFolder, event: Event) -> None:
    """Append an event to a run's journal from outside of it, whether it has ended or not.

    :raises StoreError: the store cannot be written.
    """
    writer = JournalWriter(folder.journal, new_delivery_header(folder))
    writer.append(event)
    writer.close()


def capture_environment_of(folder: RunFolder, notice: RunNotice) -> None:
    """Append to a run's journal what its training process runs on."""
    if notice.facts is None:
        return
    # Imported where it is done: the training process asks another one for this.
    from trackhub.capture.environment import capture_environment  # noqa: PLC0415

    redactor = Redactor(notice.redact, notice.redact_allow)
    environment = capture_environment(notice.facts, redactor)
    append_to(folder, EnvironmentCaptured(time=time.time_ns(), environment=environment))


def _deliver(run: Run, destinations: tuple[Destination, ...], settings: Settings) -> Following:
    """Have a run's journal delivered the way the settings say."""
    notice = RunNotice(
        folder=os.fsencode(run.folder.path),
        attempt=run.attempt,
        destinations=tuple((one.name, one.url) for one in destinations),
        facts=facts() if settings.capture else None,
        redact=settings.redact,
        redact_allow=settings.redact_allow,
        linger_s=settings.linger_s,
    )
    mode = settings.delivery
    if mode == "process" and not sys.executable:
        log.warning("no Python executable is known here, so delivery runs in a thread of this process")
        mode = "thread"
    if mode == "process":
        if destinations or settings.capture:
            try:
                _process.add(notice, settings.store.absolute() / "delivery.log")
            except OSError as error:  # no process to be had: the journal is all a training needs
                log.warning("no delivery process can be started (%s); `trackhub sync` delivers later", error)
        return Following(run.folder, destinations, _process.wake)
    if settings.capture:
        threading.Thread(
            target=capture_environment_of, args=(run.folder, notice), name="trackhub capture", daemon=True
        ).start()
    if mode == "off":
        return Following(run.folder, destinations, lambda: False)
    dispatch = _dispatches.setdefault(os.getpid(), new_dispatch())
    for destination in destinations:
        dispatch.add(run.folder, destination)

    def wake() -> bool:
        dispatch.wake()
        return True

    return Following(run.folder, destinations, wake)


def _writer_name() -> str:
    """Return a name for a segment, which sorts by time and which nobody else takes."""
    return f"{time.time_ns() // 1_000_000:012x}-{os.getpid()}-{os.urandom(3).hex()}"


def _checked_id(run_id: str) -> str:
    if not RUN_ID.fullmatch(run_id):
        raise SettingsError(
            f"run id {run_id!r}: an id is 32 lower-case hex digits, such as {new_run_id()}; "
            "to name a run as you like, pass name="
        )
    return run_id


def _rank() -> int | None:
    """Return this process's rank as the launcher says it."""
    for variable in ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK"):
        if os.environ.get(variable, "").isdecimal():
            return int(os.environ[variable])
    return None

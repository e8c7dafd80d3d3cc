"""Take what a training logs and append it to the run's journal; nothing here waits for a vendor."""

from __future__ import annotations

import contextlib
import contextvars
import os
import threading
import time
import traceback
import warnings
import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from trackhub.errors import RunFinished, TrackhubError
from trackhub.journal.artifacts import ArtifactStore
from trackhub.journal.segment import SegmentHeader
from trackhub.journal.store import RunFolder
from trackhub.journal.writer import JournalWriter
from trackhub.model.events import (
    ArtifactLogged,
    Event,
    FileEntry,
    ModelAliasSet,
    ModelRegistered,
    ParamsLogged,
    RunEnded,
    RunResumed,
    RunStarted,
    TagsSet,
)
from trackhub.model.ids import Identity
from trackhub.model.known import Known
from trackhub.model.naming import alias_names, artifact_name, require_name, require_seconds, require_words, tag_texts
from trackhub.model.outcome import ending_of, reason_of, require_end, sayable
from trackhub.model.values import flatten, require_text
from trackhub.redact import Redactor
from trackhub.types import Durability, EndStatus, OnError, Status

if TYPE_CHECKING:
    from trackhub.delivery.report import DeliveryReport

_opened: contextvars.ContextVar[tuple[Run, ...]] = contextvars.ContextVar("trackhub_opened_runs", default=())
"""The runs that were opened in a context, the innermost last; those that ended elsewhere may still be among them."""

_live: weakref.WeakSet[Run] = weakref.WeakSet()


class Deliveries(Protocol):
    """Tell a run how far its destinations are; the hub gives one."""

    def report(self) -> DeliveryReport:
        """Return how far each destination is."""

    def links(self) -> dict[str, str]:
        """Return each destination's page of the run."""

    def wait(self, timeout_s: float, *, ended: bool) -> DeliveryReport:
        """Wait for the destinations within a limit."""


class Run:
    """Log one training.

    Made by :func:`trackhub.start_run`; use it in a ``with``, or call :meth:`finish`.
    """

    def __init__(
        self,
        identity: Identity,
        folder: RunFolder,
        new_header: Callable[[], SegmentHeader],
        *,
        redactor: Redactor,
        known: Known,
        durability: Durability = "process",
        on_error: OnError = "raise",
        finish_timeout_s: float = 30.0,
    ) -> None:
        self._identity = identity
        self._folder = folder
        self._new_header = new_header
        self._redactor = redactor
        self._durability: Durability = durability
        self._on_error = on_error
        self._finish_timeout_s = finish_timeout_s
        self._writer = JournalWriter(folder.journal, new_header, durability)
        self._row = self._writer.row if on_error == "raise" else self._row_or_warn
        self._artifacts = ArtifactStore(folder.artifacts, durability)
        self._known = known
        self._lock = threading.RLock()
        self._status: Status = "running"
        self._finished = False
        self._pid = os.getpid()
        self._warned = False
        self._not_before = 0
        self._own_end: RunEnded | None = None
        self.deliveries: Deliveries | None = None
        _live.add(self)

    # ---- who it is -----------------------------------------------------------------------

    @property
    def id(self) -> str:
        """Return the run's id: 32 lower-case hex digits."""
        return self._identity.id

    @property
    def name(self) -> str:
        """Return the run's name, unique in its project."""
        return self._identity.name

    @property
    def project(self) -> str:
        """Return the run's project."""
        return self._identity.project

    @property
    def attempt(self) -> str:
        """Return which start or resume of the run this is."""
        return self._identity.attempt

    @property
    def folder(self) -> RunFolder:
        """Return where the run lies in its store."""
        return self._folder

    @property
    def status(self) -> Status:
        """Return how this attempt stands."""
        return self._status

    @property
    def links(self) -> dict[str, str]:
        """Return each destination's page of this run, where there is one yet."""
        return self.deliveries.links() if self.deliveries else {}

    def __repr__(self) -> str:
        return f"<Run {self.name!r} of {self.project!r}: {self.status}, {self.id}>"

    def begin(self, event: RunStarted | RunResumed) -> None:
        """Write the attempt's first event, which makes its segment."""
        self._writer.append(event)
        # An attempt ends after it began, though the clock was set back meanwhile: the one that ends last stands.
        self._not_before = event.time

    # ---- logging -------------------------------------------------------------------------

    def log(self, metrics: Mapping[str, Any], step: Any = None) -> None:
        """Log metrics at a step; when it returns, they survive SIGKILL.

        :param metrics: names to numbers of any kind; NumPy and 0-d array scalars too.
        :param step: an int or a float, repeated, decreasing or left out.
        :raises TypeError: a value is no number; the message names it and nothing was written.
        :raises RunFinished: the run has ended.

        >>> import trackhub
        >>> with trackhub.start_run(project="docs") as run:
        ...     run.log({"loss": 0.3, "acc": 0.9}, step=1)
        """
        self._row(metrics, step)

    def log_metric(self, name: str, value: Any, step: Any = None) -> None:
        """Log one metric; see :meth:`log`."""
        self._row({name: value}, step)

    def log_params(self, params: Mapping[str, Any], *, overwrite: bool = False) -> None:
        """Log params, each once; nested mappings become dotted keys.

        :param overwrite: let a param that was logged before take another value.
        :raises ParamConflict: a param was logged with another value; nothing was written.
        :raises TypeError: a value is not JSON-like; nothing was written.
        """
        with self._lock:
            safe = ((name, self._redactor.value(name, value)) for name, value in flatten(params))
            fresh = self._known.fresh_params(safe, overwrite=overwrite)
            event = ParamsLogged(time=time.time_ns(), params=fresh, overwrite=bool(overwrite))
            if fresh and self._append(event):
                self._known.add_params(fresh)

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set or replace tags; numbers and booleans are written as text.

        :raises TypeError: a tag is no text; nothing was written.
        """
        texts = {name: self._redactor.value(name, text) for name, text in tag_texts(tags).items()}
        if texts:
            self._append(TagsSet(time=time.time_ns(), tags=texts))

    def log_artifact(self, path: str | os.PathLike[str], name: str | None = None, type: str = "file") -> None:  # noqa: A002
        """Keep a file, or a folder with all its files, as it is now.

        :param name: what it is called; the file's own name unless said.
        :param type: any word, such as ``model`` or ``dataset``.
        :raises FileNotFoundError: there is nothing at the path.
        """
        source = Path(path)
        name = artifact_name(name if name is not None else source.absolute().name)
        self._keep(name, require_words("type", type), lambda: self._artifacts.keep(source))

    def log_text(self, text: str, name: str, type: str = "text") -> None:  # noqa: A002
        """Keep a text as an artifact, with secrets of known shapes removed.

        :raises TypeError: it is no text.
        :raises ValueError: UTF-8 cannot hold it.
        """
        name = artifact_name(name)
        if not isinstance(text, str):
            raise TypeError(
                f"text {name!r}: a {text.__class__.__name__} is no text; pass str(it), or log_artifact a file"
            )
        content = self._redactor.text(require_text(text, name)).encode()
        place = PurePosixPath(name).name
        self._keep(name, require_words("type", type), lambda: (self._artifacts.keep_bytes(content, place),))

    def register_model(self, model: str, artifact: str, aliases: Iterable[str] = ()) -> None:
        """Make an artifact that this run logged a version of a model, at every destination that has a registry.

        :param model: the model's name, which all runs of a destination share.
        :param artifact: the artifact's name; its newest content is the version.
        :param aliases: moved to this version; see :meth:`set_model_alias`.
        :raises ValueError: the run has logged no such artifact.

        >>> import trackhub
        >>> with trackhub.start_run(project="docs") as run:
        ...     run.log_text("weights", name="weights.txt")
        ...     run.register_model("digits", artifact="weights.txt", aliases=["candidate"])
        """
        model = require_name("model", model)
        moved = alias_names(aliases)
        content = self._known.content_of(artifact)
        event = ModelRegistered(time=time.time_ns(), model=model, artifact=artifact, files=content or ())
        kept = content is not None and self._append(event)
        self._known.models[model] = (artifact, content) if content is not None and kept else None
        for alias in moved:
            self.set_model_alias(model, alias)

    def set_model_alias(self, model: str, alias: str) -> None:
        """Move an alias of a model to the version that this run registered last; it leaves any other version.

        :raises ModelNotFound: the run has registered no version of the model.
        """
        alias = require_name("alias", alias)
        version = self._known.version_of(model)
        if version is not None:
            name, files = version
            self._append(ModelAliasSet(time=time.time_ns(), model=model, alias=alias, artifact=name, files=files))

    # ---- delivering and ending -----------------------------------------------------------

    def flush(self, timeout_s: float = 10.0) -> DeliveryReport:
        """Wait until every destination has what was logged so far, or cannot, or time is up."""
        return self._deliveries().wait(require_seconds("timeout_s", timeout_s), ended=False)

    def finish(self, status: EndStatus | None = None, timeout_s: float | None = None) -> DeliveryReport:
        """End the run and wait, within a limit, for its deliveries; again: no effect.

        What is left then is delivered by the delivery process, or by ``trackhub sync``. Where the end
        could not be written, the run is still running and ``finish`` writes that same end, once it can.

        :raises ValueError: a run cannot end with that status; it is still open.
        """
        limit = self._finish_timeout_s if timeout_s is None else require_seconds("timeout_s", timeout_s)
        self.end("finished" if status is None else status)
        ended = self._status != "running"
        first, self._finished = not self._finished, ended
        if not first or os.getpid() != self._pid:
            return self._deliveries().report()
        return self._deliveries().wait(limit, ended=ended)

    def end(self, status: EndStatus, reason: str = "") -> None:
        """Write the run's end to the journal without waiting for anybody; again: no effect."""
        status = require_end(status)
        with self._lock:
            if self._status != "running":
                return
            self._leave()
            if os.getpid() == self._pid:  # a forked child leaves; the run is its parent's
                self._own_end = self._own_end or self._end_as(status, self._redactor.text(sayable(reason)))
                if not self._append(self._own_end):
                    self._warn(f"the end of run {self.name!r} is not written; free some space, then finish() again")
                    return
                status = self._own_end.status
            self._status = status
            self._writer.close()

    def end_abruptly(self, status: EndStatus, reason: str) -> None:
        """Write the run's end from a signal handler, which may have interrupted a write."""
        if self._status == "running" and os.getpid() == self._pid:
            # A segment of its own needs no lock that the interrupted code may hold.
            writer = JournalWriter(self._folder.journal, self._new_header, self._durability)
            writer.append(self._own_end or self._end_as(status, reason))
            writer.close()
            self._status = status

    def _end_as(self, status: EndStatus, reason: str) -> RunEnded:
        ended = max(time.time_ns(), self._not_before)
        return RunEnded(time=ended, status=status, attempt=self.attempt, reason=reason)

    def __enter__(self) -> Self:
        if current_run() is not self:
            self.make_current()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        status, reason = ending_of(error)
        if error is None:
            self.finish()
            return
        last: list[Callable[[], object]] = [lambda: self.end(status, reason)]
        if status == "failed" and self._status == "running" and os.getpid() == self._pid:
            lines = partial(traceback.format_exception, kind, error, trace)
            last.insert(0, lambda: self.log_text(sayable("".join(lines())), "traceback.txt", type="traceback"))
        if status != "killed":  # Ctrl-C wants out at once: the delivery process goes on
            last.append(self.finish)
        for step in last:
            try:
                step()
            except Exception as trouble:  # noqa: BLE001 - the training's own exception matters more
                self._warn(f"{reason_of(trouble)}, as run {self.name!r} was ended after an exception")

    def make_current(self) -> None:
        """Make :func:`trackhub.current_run` return this run in the current context."""
        others = (run for run in _opened.get() if run is not self and run.status == "running")
        _opened.set((*others, self))

    def _leave(self) -> None:
        _opened.set(tuple(run for run in _opened.get() if run is not self))

    # ---- writing -------------------------------------------------------------------------

    def _append(self, event: Event) -> bool:
        return self._guarded(lambda: self._writer.append(event))

    def _keep(self, name: str, kind: str, stored: Callable[[], tuple[FileEntry, ...]]) -> None:
        def keep() -> None:
            files = stored()
            if self._status != "running":
                raise RunFinished(f"run {self.name!r} has ended and takes no more artifacts")
            self._writer.append(ArtifactLogged(time=time.time_ns(), name=name, type=kind, files=files))
            self._known.artifacts[name] = files

        if not self._guarded(keep):
            self._known.artifacts[name] = None

    def _row_or_warn(self, metrics: Mapping[str, Any], step: Any = None) -> None:
        self._guarded(lambda: self._writer.row(metrics, step))

    def _guarded(self, write: Callable[[], None]) -> bool:
        """Return whether it was written; what goes wrong is said once, where the user wants it so."""
        try:
            write()
        except RunFinished:
            raise
        except TrackhubError as error:
            if self._on_error == "raise":
                raise
            if not self._warned:
                self._warned = True
                warnings.warn(f"trackhub: {error} (said once; the training goes on)", RuntimeWarning, stacklevel=4)
            return False
        return True

    def _warn(self, text: str) -> None:
        with contextlib.suppress(RuntimeWarning):  # where warnings are errors, what the training does matters more
            warnings.warn(f"trackhub: {text}", RuntimeWarning, stacklevel=3)

    def _deliveries(self) -> Deliveries:
        if self.deliveries is None:
            raise RunFinished(f"run {self.name!r} has no deliveries to ask")
        return self.deliveries


def current_run() -> Run | None:
    """Return the innermost open run of the current context, or None."""
    return next((run for run in reversed(_opened.get()) if run.status == "running"), None)


def _after_fork() -> None:
    # Another thread of the parent may have held a run's lock when this process was forked.
    for run in _live:
        run._lock = threading.RLock()  # noqa: SLF001 - this module's own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

"""Take what a training logs and append it to the run's journal; nothing here waits for a vendor."""

from __future__ import annotations

import contextvars
import os
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
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
from trackhub.model.known import Known
from trackhub.model.naming import artifact_name, require_name, tag_texts
from trackhub.model.values import flatten
from trackhub.redact import Redactor
from trackhub.types import Durability, EndStatus, OnError, Status

if TYPE_CHECKING:
    from trackhub.delivery.report import DeliveryReport

_current: contextvars.ContextVar[Run | None] = contextvars.ContextVar("trackhub_current_run", default=None)


class Deliveries(Protocol):
    """Tell a run how far its destinations are; the hub gives one."""

    def report(self) -> DeliveryReport:
        """Return how far each destination is."""

    def links(self) -> dict[str, str]:
        """Return each destination's page of the run."""

    def wait(self, timeout_s: float, *, ended: bool) -> DeliveryReport:
        """Wait for the destinations within a limit."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Say which run this is."""

    id: str
    name: str
    project: str
    attempt: str


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
        self._before: Run | None = None
        self.deliveries: Deliveries | None = None

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
            if fresh:
                self._append(ParamsLogged(time=time.time_ns(), params=fresh, overwrite=overwrite))
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
        self._known.artifacts.setdefault(name, None)
        self._guarded(lambda: self._keep(name, type, self._artifacts.keep(source)))

    def log_text(self, text: str, name: str, type: str = "text") -> None:  # noqa: A002
        """Keep a text as an artifact, with secrets of known shapes removed."""
        content = self._redactor.text(text).encode()
        name = artifact_name(name)
        self._known.artifacts.setdefault(name, None)
        self._guarded(lambda: self._keep(name, type, (self._artifacts.keep_bytes(content, PurePosixPath(name).name),)))

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
        moved = _aliases(aliases)
        content = self._known.content_of(artifact)
        self._known.models[model] = (artifact, content) if content is not None else None
        if content is not None:
            self._append(ModelRegistered(time=time.time_ns(), model=model, artifact=artifact, files=content))
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
        return self._deliveries().wait(timeout_s, ended=False)

    def finish(self, status: EndStatus | None = None, timeout_s: float | None = None) -> DeliveryReport:
        """End the run and wait, within a limit, for its deliveries; again: no effect.

        What is left then is delivered by the delivery process, or by ``trackhub sync``.
        """
        first, self._finished = not self._finished, True
        self.end(status or "finished")
        if not first or os.getpid() != self._pid:
            return self._deliveries().report()
        limit = self._finish_timeout_s if timeout_s is None else timeout_s
        return self._deliveries().wait(limit, ended=True)

    def end(self, status: EndStatus, reason: str = "") -> None:
        """Write the run's end to the journal without waiting for anybody; again: no effect."""
        with self._lock:
            if self._status != "running":
                return
            if os.getpid() == self._pid:  # a forked child leaves; the run is its parent's
                safe = self._redactor.text(reason)
                self._append(RunEnded(time=time.time_ns(), status=status, attempt=self.attempt, reason=safe))
            self._status = status
            self._writer.close()
            self._leave()

    def end_abruptly(self, status: EndStatus, reason: str) -> None:
        """Write the run's end from a signal handler, which may have interrupted a write."""
        if self._status == "running" and os.getpid() == self._pid:
            # A segment of its own needs no lock that the interrupted code may hold.
            writer = JournalWriter(self._folder.journal, self._new_header, self._durability)
            writer.append(RunEnded(time=time.time_ns(), status=status, attempt=self.attempt, reason=reason))
            writer.close()
            self._status = status

    def __enter__(self) -> Self:
        if _current.get() is not self:
            self.make_current()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        status, reason = ending_of(error)
        if status == "failed" and error is not None and self._status == "running" and os.getpid() == self._pid:
            text = "".join(traceback.format_exception(kind, error, trace))
            try:
                self.log_text(text, "traceback.txt", type="traceback")
            except TrackhubError as trouble:  # the training's own exception matters more
                warnings.warn(f"trackhub: the traceback could not be kept: {trouble}", RuntimeWarning, stacklevel=2)
        self.end(status, reason)
        if status != "killed":  # Ctrl-C wants out at once: the delivery process goes on
            self.finish()

    def make_current(self) -> None:
        """Make :func:`trackhub.current_run` return this run in the current context."""
        self._before = _current.get()
        _current.set(self)

    def _leave(self) -> None:
        if _current.get() is self:
            _current.set(self._before)

    # ---- writing -------------------------------------------------------------------------

    def _append(self, event: Event) -> None:
        self._guarded(lambda: self._writer.append(event))

    def _keep(self, name: str, kind: str, files: tuple[FileEntry, ...]) -> None:
        if self._status != "running":
            raise RunFinished(f"run {self.name!r} has ended and takes no more artifacts")
        self._writer.append(ArtifactLogged(time=time.time_ns(), name=name, type=kind, files=files))
        self._known.artifacts[name] = files

    def _row_or_warn(self, metrics: Mapping[str, Any], step: Any = None) -> None:
        self._guarded(lambda: self._writer.row(metrics, step))

    def _guarded(self, write: Callable[[], None]) -> None:
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

    def _deliveries(self) -> Deliveries:
        if self.deliveries is None:
            raise RunFinished(f"run {self.name!r} has no deliveries to ask")
        return self.deliveries


def current_run() -> Run | None:
    """Return the run of the current context, or None."""
    return _current.get()


def ending_of(error: BaseException | None) -> tuple[EndStatus, str]:
    """Return how a run ends that an exception leaves, and why.

    >>> ending_of(KeyboardInterrupt()), ending_of(SystemExit(0))
    (('killed', 'KeyboardInterrupt'), ('finished', ''))
    """
    if error is None or (isinstance(error, SystemExit) and error.code in {None, 0}):
        return "finished", ""
    if isinstance(error, KeyboardInterrupt):
        return "killed", "KeyboardInterrupt"
    text = str(error)
    return "failed", f"{type(error).__name__}: {text}" if text else type(error).__name__


def _aliases(given: Iterable[str]) -> tuple[str, ...]:
    if isinstance(given, str):
        raise TypeError(f"aliases {given!r}: one alias goes in a list: aliases=[{given!r}]")
    return tuple(require_name("alias", alias) for alias in given)

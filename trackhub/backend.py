"""Define what a plugin offers and is given: its spec, its limits, and the destination it serves."""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import msgspec

from trackhub.errors import SettingsError
from trackhub.model.entities import (
    Artifact,
    Batch,
    Connection,
    MetricColumns,
    MetricPoint,
    ModelAlias,
    ModelRecord,
    ModelVersion,
    Note,
    Param,
    RunEnd,
    RunInfo,
    RunRecord,
    RunRef,
    StoredFile,
    Tag,
)

if TYPE_CHECKING:
    from trackhub.settings.options import Options

    _OptionsClass = type[Options]
else:
    _OptionsClass = type  # without pydantic, which who reads annotations does not need

__all__ = ["BackendCalls", "BackendSpec", "Destination", "Limits", "Notes", "Options", "full_path"]

_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9-]*)(?:\+(?P<transport>[a-z][a-z0-9+-]*))?:(?P<rest>.*)", re.DOTALL)
_USER = re.compile(r"(?<=//)[^/@]*@")


def __getattr__(name: str) -> object:
    if name == "Options":  # pydantic comes with it: only who has options pays for that
        from trackhub.settings.options import Options  # noqa: PLC0415

        return Options
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Say how much one call may carry."""

    points: int = 1000
    params: int = 100
    tags: int = 100


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Name a configured target.

    >>> destination = Destination.parse("mlflow+http://me:secret@host:5000/base?experiment=digits")
    >>> destination.scheme, destination.transport, destination.query
    ('mlflow', 'http', {'experiment': 'digits'})
    >>> destination.shown
    'mlflow+http://host:5000/base?experiment=digits'
    """

    url: str
    scheme: str
    transport: str | None
    rest: str
    query: dict[str, str]
    name: str = ""

    @classmethod
    def parse(cls, url: str, name: str = "") -> Destination:
        """Return the destination that a URL names.

        :raises SettingsError: the text is no URL.
        """
        match = _URL.fullmatch(url.strip())
        if match is None:
            raise SettingsError(
                f"destination {url!r}: not a URL such as mlflow+http://host:5000, and no [trackhub.destinations] name"
            )
        rest, _, query = match["rest"].partition("?")
        return cls(
            url=url.strip(),
            scheme=match["scheme"],
            transport=match["transport"],
            rest=rest,
            query=dict(parse_qsl(query, keep_blank_values=True)),
            name=name,
        )

    def at(self, rest: str) -> Destination:
        """Return the destination with another place in its URL; its name and its query stay.

        >>> Destination.parse("local:runs?metrics=csv").at("/data/runs").url
        'local:/data/runs?metrics=csv'
        """
        head = f"{self.scheme}+{self.transport}" if self.transport else self.scheme
        query = self.url.partition("?")[1:]
        return msgspec.structs.replace(self, url="".join((head, ":", rest, *query)), rest=rest)

    @property
    def address(self) -> str:
        """Return the vendor's own URL: the transport and what follows, without the query."""
        return f"{self.transport}:{self.rest}" if self.transport else self.rest

    @property
    def host(self) -> str | None:
        """Return the host that the URL names, if any."""
        return urlsplit(f"x:{self.rest}").hostname

    @property
    def shown(self) -> str:
        """Return the URL without user-info, fit for people and files."""
        return _USER.sub("", self.url)

    @property
    def slug(self) -> str:
        """Return a file name for this destination; a changed password keeps it."""
        import hashlib  # noqa: PLC0415 - OpenSSL comes with it, which few trainings need of us

        readable = re.sub(r"[^A-Za-z0-9.]+", "-", self.shown.partition("?")[0]).strip("-")[:60]
        return f"{readable}-{hashlib.sha256(self.shown.encode()).hexdigest()[:8]}"


def full_path(destination: Destination) -> str:
    """Return what follows the scheme as a full path; for :attr:`BackendSpec.locate`, where URLs are ``scheme:path``.

    What begins with two slashes is a URL, and stays as it is.

    >>> full_path(Destination.parse("local:/data/../runs")), full_path(Destination.parse("local:///data"))
    ('/runs', '///data')
    """
    rest = destination.rest
    if not rest.strip() or rest.startswith("//"):
        return rest
    return os.path.abspath(os.path.expanduser(rest))  # noqa: PTH100, PTH111 - links stay as the user wrote them


class BackendSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Describe one backend; making one imports no vendor SDK.

    :ivar scheme: the first word of its URLs.
    :ivar factory: called in the lane's thread with the destination and its options; the result
        carries the hooks. It may import the SDK, and does no I/O.
    :ivar options: the class of its options; or where that is, as ``module:Class``, so that a training
        process whose URLs have no query need not import it, nor pydantic.
    :ivar locate: returns what follows the scheme, with a path of this machine made full, so that the URL means the
        same from every folder; None where its URLs name no such path.
    :ivar transports: what may follow the scheme's ``+``; ``None`` stands for nothing.
    :ivar capabilities: the hooks it implements, without ``trackhub_``, for people to read; the
        conformance suite holds it against the backend itself.
    :ivar hookspec: the hookspec version it was written for.
    """

    scheme: str
    factory: Callable[[Destination, Any], object]
    summary: str = ""
    options: _OptionsClass | str = "trackhub.backend:Options"
    locate: Callable[[Destination], str] | None = None
    transports: tuple[str | None, ...] = (None,)
    limits: Limits = Limits()
    capabilities: tuple[str, ...] = ()
    hookspec: tuple[int, int] = (1, 0)


Notes = tuple[Note, ...] | None


class BackendCalls(Protocol):
    """Give lanes and readers one typed method a hook; the plugins module makes these."""

    destination: Destination
    limits: Limits

    def can(self, hook: str) -> bool:
        """Return whether the backend implements a hook, named without its prefix."""

    def start_run(self, run: RunInfo) -> RunRef: ...
    def log_params(self, ref: RunRef, params: tuple[Param, ...]) -> Notes: ...
    def log_metrics(self, ref: RunRef, points: tuple[MetricPoint, ...], batch: Batch) -> Notes: ...
    def set_tags(self, ref: RunRef, tags: tuple[Tag, ...]) -> Notes: ...
    def log_artifact(self, ref: RunRef, artifact: Artifact) -> Notes: ...
    def register_model_version(self, ref: RunRef, version: ModelVersion) -> Notes: ...
    def set_model_alias(self, ref: RunRef, alias: ModelAlias) -> Notes: ...
    def log_environment(self, ref: RunRef, environment: dict[str, Any]) -> Notes: ...
    def finish_run(self, ref: RunRef, end: RunEnd) -> Notes: ...
    def flush(self, deadline: float) -> bool: ...
    def close(self) -> None: ...
    def check_connection(self, deadline: float) -> Connection: ...
    def search_runs(self, project: str | None) -> tuple[RunRecord, ...]: ...
    def read_run(self, run_id: str, project: str | None) -> RunRecord | None: ...
    def read_metrics(self, ref: RunRef) -> tuple[MetricPoint, ...]: ...
    def read_columns(self, ref: RunRef) -> Iterable[MetricColumns]: ...
    def read_notes(self) -> tuple[Note, ...]: ...
    def list_artifacts(self, ref: RunRef) -> tuple[StoredFile, ...]: ...
    def download_artifact(self, ref: RunRef, path: str, target: str) -> None: ...
    def read_models(self, model: str | None) -> tuple[ModelRecord, ...]: ...

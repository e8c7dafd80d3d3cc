"""Turn a destination's URL into MLflow's tracking URI; from settings, to the SDK."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from trackhub.backend import Destination
from trackhub.errors import SettingsError
from trackhub_mlflow.names import escape_segment

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")


@dataclass(frozen=True, slots=True)
class Address:
    """Hold where an MLflow store is.

    :ivar uri: what the SDK takes; it may hold a password.
    :ivar shown: the destination as people may see it.
    :ivar page: where the pages of a server begin, if there is one.
    :ivar folder: where the database file lies, for sqlite.
    """

    uri: str
    shown: str
    page: str | None = None
    folder: Path | None = None

    @property
    def missing(self) -> str | None:
        """Return the path of a database file that is not there yet; the SDK would make it, even to read."""
        if self.folder is None:
            return None
        path = self.uri.partition(":///")[2]
        return None if Path(path).exists() else path

    @classmethod
    def of(cls, destination: Destination) -> Address:
        """Return the address that a destination names; ``mlflow:`` alone takes ``MLFLOW_TRACKING_URI``.

        :raises SettingsError: it is a file store, nothing at all, or of an unknown kind.

        >>> Address.of(Destination.parse("mlflow+http://me:secret@host:5000/base/")).page
        'http://host:5000/base'
        """
        uri, shown = destination.address, destination.shown
        if destination.transport is None:
            if uri.strip("/"):
                raise SettingsError(_file_store(shown))
            uri = os.environ.get("MLFLOW_TRACKING_URI", "").strip()
            shown = f"{shown} (MLFLOW_TRACKING_URI)"
            if not uri:
                raise SettingsError(
                    f"{shown}: MLFLOW_TRACKING_URI is not set; set it, or name the server: mlflow+http://host:5000"
                )
        kind = urlsplit(uri).scheme.partition("+")[0]
        if kind in ("http", "https"):
            return cls(uri=uri.rstrip("/"), shown=shown, page=_without_user(uri).rstrip("/"))
        if kind == "sqlite":
            path = _sqlite_path(uri, shown)
            return cls(uri=f"sqlite:///{path}", shown=shown, folder=path.parent)
        if kind in _DATABASES:
            return cls(uri=uri, shown=shown)
        if kind in ("", "file"):
            raise SettingsError(_file_store(shown))
        raise SettingsError(f"{shown}: {kind!r} is none of http, https, {', '.join(_DATABASES)}")

    @property
    def is_database(self) -> bool:
        """Return whether the SDK opens a database itself, without a server."""
        return self.page is None

    def run_page(self, experiment_id: str, run_id: str) -> str | None:
        """Return where people see a run."""
        return f"{self.page}/#/experiments/{experiment_id}/runs/{run_id}" if self.page else None

    def artifacts_of(self, experiment: str, root: str | None) -> str | None:
        """Return where a new experiment keeps its artifacts, or None to leave it to MLflow.

        For sqlite MLflow's own choice would depend on the folder it runs in, and delivery runs
        in another than a later ``mlflow ui``; so they lie beside the database file.
        """
        if root is not None:
            return f"{root.rstrip('/')}/{escape_segment(experiment)}"
        if self.folder is not None:
            return (self.folder / "mlartifacts" / escape_segment(experiment)).as_uri()
        return None


def locate(destination: Destination) -> str:
    """Return what follows the scheme with the path of a database file made full.

    >>> locate(Destination.parse("mlflow+sqlite:////data/mlflow.db"))
    '////data/mlflow.db'
    """
    rest = destination.rest
    path = rest.removeprefix("///")
    if destination.transport != "sqlite" or path == rest or path.startswith(("/", ":")) or not path:
        return rest
    return f"///{Path(path).absolute()}"


def _sqlite_path(uri: str, shown: str) -> Path:
    """Return the absolute path of a database file: three slashes are relative, four absolute."""
    text = uri.partition("://")[2].partition("?")[0]
    if not text.startswith("/") or text in ("/", "/:memory:"):
        raise SettingsError(f"{shown}: name a file, such as mlflow+sqlite:///mlflow.db (four slashes for a full path)")
    return Path(text[1:]).absolute()


def _without_user(uri: str) -> str:
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _file_store(shown: str) -> str:
    return (
        f"{shown}: MLflow's file store is in maintenance mode and repeats points that are sent again; use "
        "mlflow+sqlite:///mlflow.db, and bring old runs along with "
        "`mlflow migrate-filestore --source mlruns --target sqlite:///mlflow.db`"
    )

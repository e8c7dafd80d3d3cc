"""Turn a destination's URL into a server, a workspace and a project; from settings, to the wire."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from trackhub.backend import Destination
from trackhub.errors import SettingsError

_LONGEST_PROJECT = 80
_ODD = re.compile(r"[^\w.\- ]")


@dataclass(frozen=True, slots=True)
class Address:
    """Hold where runs go.

    :ivar server: the root of a server, or None for what the SDK is set up for: comet.com, usually.
    :ivar workspace: None for the one that the SDK is set up for.
    :ivar project: takes every run; None gives each trackhub project one of its own.
    :ivar shown: the destination as people may see it.
    :ivar has_user: the URL holds user-info, which Comet has no use for.
    """

    server: str | None
    workspace: str | None
    project: str | None
    shown: str
    has_user: bool = False

    @classmethod
    def of(cls, destination: Destination) -> Address:
        """Return the address that a destination names.

        :raises SettingsError: there is no host, or more than a workspace and a project.

        >>> address = Address.of(Destination.parse("comet+http://127.0.0.1:5000/team/digits"))
        >>> address.server, address.workspace, address.project
        ('http://127.0.0.1:5000', 'team', 'digits')
        >>> Address.of(Destination.parse("comet://team")).workspace
        'team'
        """
        parts = urlsplit(f"{destination.transport or 'comet'}:{destination.rest}")
        place = parts.path if destination.transport else f"{parts.netloc.rpartition('@')[2]}{parts.path}"
        names = [unquote(name) for name in place.strip("/").split("/") if name]
        if len(names) > 2 or (destination.transport and not parts.hostname):  # noqa: PLR2004 - a workspace, a project
            raise SettingsError(
                f"{destination.shown}: not of the form comet://workspace/project or comet+https://host/workspace/project"
            )
        server = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if destination.transport else None
        workspace, project = (*names, None, None)[:2]
        return cls(server, workspace, project, destination.shown, has_user="@" in parts.netloc)

    def key(self, workspace: str, run_id: str) -> str:
        """Return the key of a run's experiment: always the same, and another one in another place."""
        place = f"{workspace.casefold()}/{(self.project or '').casefold()}"
        return hashlib.sha256(f"trackhub {place} {run_id}".encode()).hexdigest()[:40]


def project_name(project: str) -> str:
    """Return Comet's name of a trackhub project: the same, unless it is long or has odd characters.

    >>> project_name("digits"), project_name("a/b"), project_name("a:b")
    ('digits', 'a-b-c14cddc0', 'a-b-6783a31e')
    """
    plain = _ODD.sub("-", project).strip()[:_LONGEST_PROJECT]
    if plain == project and plain:
        return plain
    return f"{plain or 'project'}-{hashlib.sha256(project.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"

"""Turn a destination's URL into a server, an entity and a project; from settings, to the SDK."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from trackhub.backend import Destination
from trackhub.errors import SettingsError
from trackhub_wandb.names import escape_project

_LONGEST = 2  # words of a path: entity and project


@dataclass(frozen=True, slots=True)
class Address:
    """Hold where runs go.

    :ivar server: the base URL of a server of one's own; None is the SDK's choice, ``WANDB_BASE_URL`` or the service.
    :ivar key: the API key, where the URL holds one; never shown.
    :ivar project: the project that takes every run; None where each run's own is used.
    :ivar shown: the destination as people may see it.
    """

    server: str | None
    entity: str
    project: str | None
    shown: str
    key: str | None = None

    @classmethod
    def of(cls, destination: Destination) -> Address:
        """Return the address that a destination names.

        :raises SettingsError: it names no entity, or more than an entity and a project.

        >>> Address.of(Destination.parse("wandb+http://127.0.0.1:8080/team/digits")).server
        'http://127.0.0.1:8080'
        >>> Address.of(Destination.parse("wandb://team")).project is None
        True
        """
        parts = urlsplit(f"{destination.transport or 'wandb'}:{destination.rest}")
        words = [unquote(word) for word in parts.path.split("/") if word]
        server = None
        if destination.transport is None:
            words = [unquote(parts.netloc.rpartition("@")[2]), *words] if parts.netloc else words
        else:
            server = f"{destination.transport}://{parts.netloc.rpartition('@')[2]}"
        if not 1 <= len(words) <= _LONGEST or (server is not None and not parts.hostname):
            form = (
                "wandb://ENTITY/PROJECT" if server is None else f"wandb+{destination.transport}://HOST/ENTITY/PROJECT"
            )
            raise SettingsError(
                f"{destination.shown}: name the entity (a team or a user), and a project if all runs go to one: {form}"
            )
        if len(words) > 1 and escape_project(words[1]) != words[1]:
            raise SettingsError(
                rf"{destination.shown}: W&B takes no project of that name; none of /\#?%: and at most 128 characters"
            )
        key = unquote(parts.password) if parts.password else None
        return cls(server, words[0], words[1] if len(words) > 1 else None, destination.shown, key)

    def project_of(self, project: str) -> str:
        """Return W&B's project for a run of ours."""
        return self.project or escape_project(project)

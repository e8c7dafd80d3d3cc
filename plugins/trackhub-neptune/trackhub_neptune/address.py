"""Read a destination's URL and Neptune's API token; from settings and the environment, to the clients."""

from __future__ import annotations

import base64
import json
import os
import re
from dataclasses import dataclass

from trackhub.backend import Destination
from trackhub.errors import SettingsError, Unauthorized

TOKEN = "NEPTUNE_API_TOKEN"  # noqa: S105  the name of a variable
_PROJECT = re.compile(r"//(?:[^/@]*@)?(?P<workspace>[^/@]+)/(?P<project>[^/@]+)/?")


@dataclass(frozen=True, slots=True)
class Address:
    """Hold which project of which workspace is meant.

    :ivar shown: the destination as people may see it.
    :ivar variable: the environment variable that holds the API token.
    """

    workspace: str
    project: str
    shown: str
    variable: str = TOKEN

    @classmethod
    def of(cls, destination: Destination, variable: str = TOKEN) -> Address:
        """Return the address that a destination names.

        :raises SettingsError: it names none.

        >>> Address.of(Destination.parse("neptune://team/digits?api=v1")).name
        'team/digits'
        """
        match = _PROJECT.fullmatch(destination.rest)
        if match is None:
            raise SettingsError(
                f"{destination.shown}: name a project, neptune://workspace/project, or a file or folder, neptune:PATH"
            )
        return cls(match["workspace"], match["project"], destination.shown.partition("?")[0], variable)

    @property
    def name(self) -> str:
        """Return the project's qualified name."""
        return f"{self.workspace}/{self.project}"


@dataclass(frozen=True, slots=True)
class Token:
    """Hold an API token.

    :ivar text: as the clients take it; a secret.
    :ivar url: the server that it is for.
    """

    text: str
    url: str

    def __repr__(self) -> str:
        """Return the token without its secret."""
        return f"Token(url={self.url!r})"

    @classmethod
    def of_environment(cls, address: Address) -> Token:
        """Return the token that the environment holds for a destination.

        :raises Unauthorized: there is none, or it cannot be read.
        """
        shown, variable = address.shown, address.variable
        text = os.environ.get(variable, "").strip()
        if not text:
            raise Unauthorized(f"{shown}: {variable} is not set; set it, for the delivery process too")
        try:
            held = json.loads(base64.b64decode(text, validate=True))
            url = held.get("api_url") or held["api_address"]
        except (ValueError, KeyError, AttributeError, TypeError):
            raise Unauthorized(f"{shown}: {variable} is no token of Neptune; copy it again from its pages") from None
        return cls(text, str(url).rstrip("/"))

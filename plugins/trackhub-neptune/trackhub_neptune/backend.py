"""Open one project of a Neptune for a lane or a reader: find out which product it is, and import its client."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from typing import Any, Literal

from trackhub import hookimpl
from trackhub.backend import Destination
from trackhub.errors import SettingsError
from trackhub.model.entities import Connection
from trackhub_neptune.address import Address, Token
from trackhub_neptune.errors import away, for_status
from trackhub_neptune.reading import Reading
from trackhub_neptune.service import Service
from trackhub_neptune.versions import Api, installed, require
from trackhub_neptune.writing import Writing

_APIS: tuple[Api, ...] = ("v1", "scale")


class NeptuneBackend(Writing, Reading):
    """Be the backend of one project of a Neptune."""

    @hookimpl
    def trackhub_flush(self) -> bool:
        """Say that nothing is held back: every hook returns when Neptune has answered."""
        return True

    @hookimpl
    def trackhub_close(self) -> None:
        """Forget what was known, and close the connections."""
        self._known_runs.clear()
        self._service.close()

    @hookimpl
    def trackhub_check_connection(self, deadline: float) -> Connection:
        """Ask the server for the account and the project."""
        return self._service.check(deadline)


def open_delivery(
    destination: Destination, api: Literal["auto", "v1", "scale"], timeout_s: float, token_env: str
) -> NeptuneBackend:
    """Return the backend of a project.

    :param token_env: the environment variable that holds the API token.
    :raises SettingsError: no client is there, or not the one that is asked for.
    """
    address = Address.of(destination, token_env)
    if api != "auto":
        require(api, address.shown)
        return NeptuneBackend(service_of(api, address, timeout_s))
    there = [one for one in _APIS if installed(one)]
    if not there:
        raise SettingsError(
            f"{address.shown}: no client of Neptune is installed; pip install 'trackhub-neptune[v1]' for Neptune 2.x, "
            "'trackhub-neptune[scale]' for 3.x"
        )
    if len(there) == 1:
        require(there[0], address.shown)
        return NeptuneBackend(service_of(there[0], address, timeout_s))
    for one in there:
        require(one, address.shown)
    return NeptuneBackend(_Recognised(address, timeout_s))


def service_of(api: Api, address: Address, timeout_s: float) -> Service:
    """Return what speaks to a product; its client is imported now."""
    hook = sys.excepthook
    try:
        if api == "v1":
            from trackhub_neptune.v1.service import V1Service  # noqa: PLC0415  the client takes seconds to import

            return V1Service(address, timeout_s)
        from trackhub_neptune.scale.service import ScaleService  # noqa: PLC0415  and may be absent

        return ScaleService(address, timeout_s)
    finally:
        sys.excepthook = hook  # the 2.x client puts its own there when it is imported


def recognise(token: Token, shown: str, timeout_s: float) -> Api:
    """Return which product answers at a token's address.

    Only Neptune 3.x tells its clients, without a token, where tokens are refreshed.

    :raises RetryLater: nobody answers.
    """
    place = f"{token.url}/api/backend/v1/clients/config"
    if not place.startswith(("http://", "https://")):
        raise SettingsError(f"{shown}: the API token is for {token.url!r}, which is no web server")
    try:
        with urllib.request.urlopen(place, timeout=timeout_s) as answer:  # noqa: S310  http or https, see above
            told: Any = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        if error.code >= 500 or error.code == 429:  # noqa: PLR2004  HTTP's own numbers
            raise for_status(error.code, "clients/config", dict(error.headers), shown) from None
        return "v1"
    except ValueError:
        return "v1"
    except OSError as error:
        raise away(error, shown) from None
    return "scale" if isinstance(told, dict) and "security" in told else "v1"


class _Recognised:
    """Be the service of whichever product answers; asked once, when something is first wanted of it."""

    def __init__(self, address: Address, timeout_s: float) -> None:
        self.shown = address.shown
        self._address = address
        self._timeout = timeout_s
        self._service: Service | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if self._service is None:
            if name == "close":
                return lambda: None
            token = Token.of_environment(self._address)
            api = recognise(token, self.shown, self._timeout)
            self._service = service_of(api, self._address, self._timeout)
        return getattr(self._service, name)

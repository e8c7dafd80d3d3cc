"""Ask one server of Neptune 2.x by the routes that it describes; each request once, or harmlessly again."""

# mypy: disable-error-code="import-untyped, import-not-found, no-untyped-call, no-any-return, misc"
# The client tells mypy no types; what it returns is Any up to the values that leave this package.

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import jwt
import requests
from bravado.client import SwaggerClient, construct_request
from bravado.config import RequestConfig
from bravado.exception import BravadoConnectionError, BravadoTimeoutError, HTTPError
from bravado.requests_client import Authenticator, RequestsClient
from neptune.internal.backends.api_model import ClientConfig
from neptune.internal.backends.hosted_client import create_http_client
from neptune.internal.backends.utils import build_operation_url, ssl_verify, verify_client_version
from neptune.version import version as client_version

from trackhub.errors import DeliveryError, Rejected, RetryLater, Unauthorized
from trackhub_neptune.address import Address, Token
from trackhub_neptune.again import again
from trackhub_neptune.errors import away, for_status

_DESCRIBED = {"validate_swagger_spec": False, "validate_requests": False, "validate_responses": False}
_REFRESH_S = 60
_SUCCESS = 300


class V1Connection:
    """Hold what is needed to ask one server; made without I/O.

    :ivar shown: the destination, for messages.
    """

    def __init__(self, address: Address, timeout_s: float) -> None:
        self.shown = address.shown
        self._address = address
        self._timeout = timeout_s

    def close(self) -> None:
        """Close the connections."""
        if "_http" in self.__dict__:
            self._session.close()
        for name in ("_http", "_config", "_front", "_backend", "_leaderboard", "_project", "_auth"):
            self.__dict__.pop(name, None)

    @cached_property
    def _token(self) -> Token:
        return Token.of_environment(self._address)

    @cached_property
    def _http(self) -> RequestsClient:
        return create_http_client(ssl_verify=ssl_verify(), proxies={})

    @property
    def _session(self) -> requests.Session:
        session: requests.Session = self._http.session
        return session

    @cached_property
    def _config(self) -> ClientConfig:
        """Ask for the server's settings; the token goes along in a header, and is exchanged later."""
        found = self._call(self._front, "getClientConfig", {"X_Neptune_Api_Token": self._token.text, "alpha": "true"})
        config = ClientConfig.from_api_response(found)
        verify_client_version(config, client_version)
        return config

    @cached_property
    def _auth(self) -> _Bearer:
        auth = _Bearer(lambda: self._call(self._backend, "exchangeApiToken", {"X_Neptune_Api_Token": self._token.text}))
        auth.renew()
        self._http.authenticator = auth
        return auth

    @cached_property
    def _front(self) -> SwaggerClient:
        return self._described(self._token.url, "backend")

    @cached_property
    def _backend(self) -> SwaggerClient:
        same = self._config.api_url.rstrip("/") == self._token.url
        return self._front if same else self._described(self._config.api_url, "backend")

    @cached_property
    def _leaderboard(self) -> SwaggerClient:
        return self._described(self._config.api_url, "leaderboard")

    @cached_property
    def _project(self) -> Any:
        self._bearer()
        try:
            found = self._call(self._backend, "getProject", {"projectIdentifier": self._address.name})
        except RetryLater as error:
            if "HTTP 404" not in str(error):
                raise
            raise RetryLater(
                f"{self.shown}: there is no project {self._address.name}; make it in Neptune first"
            ) from None
        if (getattr(found, "version", None) or 1) < 2:  # noqa: PLR2004  as the client does
            raise Rejected(f"{self.shown}: the project is of Neptune's old structure, which this client cannot write")
        return found

    def _described(self, url: str, part: str) -> SwaggerClient:
        """Return a client of one service, by the description that the server gives."""
        place = build_operation_url(url, f"/api/{part}/swagger.json")

        def get() -> SwaggerClient:
            with self._answered(place):
                answer = self._session.get(place, timeout=self._timeout)
                self._check_status(answer, place)
                return SwaggerClient.from_spec(answer.json(), place, self._http, _DESCRIBED)

        return again(get)

    def _ask(self, operation: str, **arguments: Any) -> Any:
        """Return what an operation answers that may be made again."""
        return self._signed_in(lambda: self._call(self._leaderboard, operation, arguments))

    def _once(self, operation: str, **arguments: Any) -> Any:
        """Return what an operation answers that is to be made once."""
        return self._signed_in(lambda: self._request(self._leaderboard, operation, arguments))

    def _signed_in(self, ask: Callable[[], Any]) -> Any:
        """Return what a request answers; where its token is refused, which does nothing, once more with another."""
        self._bearer()
        try:
            return ask()
        except Unauthorized:
            self._auth.renew()
            return ask()

    def _call(self, client: SwaggerClient, operation: str, arguments: dict[str, Any]) -> Any:
        return again(lambda: self._request(client, operation, arguments))

    def _request(self, client: SwaggerClient, operation: str, arguments: dict[str, Any]) -> Any:
        limits = {"connect_timeout": self._timeout, "timeout": self._timeout}
        options = {**limits, "headers": {"X-Neptune-LegacyClient": "false"}}
        with self._answered(operation):
            return getattr(client.api, operation)(**arguments, _request_options=options).response().result

    def _found(self, operation: str, **arguments: Any) -> Any:
        """Return an answer as plain JSON, as the client reads searches: making models of it would take long."""
        options = {"connect_timeout": self._timeout, "timeout": self._timeout, "headers": {}}

        def ask() -> Any:
            with self._answered(operation):
                asked = getattr(self._leaderboard.api, operation).operation
                request = construct_request(asked, options, **arguments)
                config = RequestConfig(options, also_return_response_default=True)
                future: Any = self._http.request(request, operation=None, request_config=config)
                return future.response().incoming_response.json()

        return self._signed_in(lambda: again(ask))

    def _send(
        self, operation: str, query: dict[str, str], content: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        url = self._url(operation)
        sent = {**(headers or {}), **self._bearer(), "Content-Type": "application/octet-stream"}

        def post() -> Any:
            with self._answered(operation):
                answer = self._session.post(url, params=query, data=content, headers=sent, timeout=self._timeout)
                self._check_status(answer, operation)
                return answer.json() or {}

        said = again(post)
        self._refuse([said] if "errorDescription" in said else said.get("errors"), query["attribute"])

    def _refuse(self, errors: Any, path: str) -> None:
        if errors:
            told = "; ".join(str(one["errorDescription"]) for one in errors)
            raise Rejected(f"{self.shown}: the file {path} is refused: {told}")

    def _url(self, operation: str) -> str:
        self._bearer()
        path = getattr(self._leaderboard.api, operation).operation.path_name
        return build_operation_url(self._config.api_url, path)

    def _bearer(self) -> dict[str, str]:
        self._auth.renew_if_old()
        return {"Authorization": f"Bearer {self._auth.token}"}

    def _check_status(self, answer: requests.Response, what: str) -> None:
        if answer.status_code >= _SUCCESS:
            raise for_status(answer.status_code, f"{what} {answer.text[:200]}", answer.headers, self.shown)

    @contextlib.contextmanager
    def _answered(self, what: str) -> Iterator[None]:
        """Raise what goes wrong with a request as an error that a lane understands."""
        try:
            yield
        except HTTPError as error:
            response = error.response
            said = f"{what} {response.text[:200]}"
            raised = for_status(error.status_code, said, dict(response.headers), self.shown)
            raise raised from None
        except (BravadoConnectionError, BravadoTimeoutError, requests.exceptions.RequestException) as error:
            raise away(error, self.shown) from None
        except (KeyError, AttributeError, ValueError) as error:
            raise DeliveryError(
                f"{self.shown}: {what}: the answer is not that of Neptune 2.x ({type(error).__name__}: {error})"
            ) from None


class _Bearer(Authenticator):
    """Put the access token on each request; it is exchanged for the API token anew before it is too old."""

    def __init__(self, exchange: Any) -> None:
        super().__init__(host="")
        self._exchange = exchange
        self._until = 0.0
        self.token = ""
        self.account: str | None = None

    def renew(self) -> None:
        """Exchange the API token for an access token."""
        found = self._exchange()
        self.token = str(found.accessToken)
        self.account = getattr(found, "username", None)
        self._until = time.monotonic() + max(_lifetime(self.token) - _REFRESH_S, 0)

    def renew_if_old(self) -> None:
        """Exchange it where the one that is there soon ends."""
        if time.monotonic() >= self._until:
            self.renew()

    def matches(self, url: str) -> bool:
        """Return whether a request gets the token."""
        return bool(url)

    def apply(self, request: Any) -> Any:
        """Put the token on a request."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


def _lifetime(token: str) -> float:
    """Return how many seconds a token is good for."""
    claims = jwt.decode(token, options={"verify_signature": False, "verify_exp": False, "verify_aud": False})
    return float(claims.get("exp", 0)) - time.time()

"""Ask one server of Neptune 3.x; each request once, or harmlessly again, and an operation until it is processed."""

# mypy: disable-error-code="import-untyped, import-not-found, no-untyped-call, no-any-return, misc"
# The client tells mypy no types; what it returns is Any up to the values that leave this package.

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable, Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar

import httpx
from google.protobuf.message import DecodeError
from neptune_api import AuthenticatedClient
from neptune_api.credentials import Credentials
from neptune_api.errors import (
    ApiKeyRejectedError,
    InvalidApiTokenException,
    UnableToDeserializeApiKeyError,
    UnableToExchangeApiKeyError,
    UnableToParseResponse,
    UnableToRefreshTokenError,
)
from neptune_api.proto.google_rpc.code_pb2 import Code
from neptune_api.proto.neptune_pb.ingest.v1.common_pb2 import UpdateRunSnapshot, UpdateRunSnapshots
from neptune_api.proto.neptune_pb.ingest.v1.ingest_pb2 import IngestCode
from neptune_api.proto.neptune_pb.ingest.v1.pub.client_pb2 import BulkRequestStatus, SubmitResponse
from neptune_api.proto.neptune_pb.ingest.v1.pub.ingest_pb2 import RunOperation
from neptune_scale.exceptions import NeptuneFileUploadTemporaryError
from neptune_scale.net.api_client import (
    ApiClient,
    FileSignRequest,
    create_auth_api_client,
    get_config_and_token_urls,
)
from neptune_scale.sync.storage.azure_storage import upload_to_azure
from neptune_scale.sync.storage.gcs import upload_to_gcp
from neptune_scale.sync.storage.s3 import upload_to_s3_multipart
from neptune_scale.util.envs import ALLOW_SELF_SIGNED_CERTIFICATE, VERIFY_SSL, get_bool

from trackhub.errors import DeliveryError, Rejected, RetryLater, Unauthorized
from trackhub_neptune.address import Address, Token
from trackhub_neptune.again import again
from trackhub_neptune.errors import away, for_status

_HARMLESS = {"OK", "RUN_DUPLICATE", "SERIES_POINT_DUPLICATE"}
_LATER = {"INGEST_SUSPENDED", "INTERNAL", "RUN_NOT_FOUND", "PROJECT_NOT_FOUND"}
_STEPS = "SERIES_STEP_NON_INCREASING"
_CHUNK = 16 * 1024 * 1024
_SUCCESS = 300
_T = TypeVar("_T")


class ScaleConnection:
    """Hold what is needed to ask one server; made without I/O.

    :ivar shown: the destination, for messages.
    """

    def __init__(self, address: Address, timeout_s: float) -> None:
        self.shown = address.shown
        self._address = address
        self._timeout = timeout_s

    def close(self) -> None:
        """Close the connections."""
        if "_api" in self.__dict__:
            self._api.close()
        if "_storage" in self.__dict__:
            self._storage.close()
        for name in ("_api", "_storage"):
            self.__dict__.pop(name, None)

    @cached_property
    def _token(self) -> Token:
        return Token.of_environment(self._address)

    @cached_property
    def _api(self) -> ApiClient:
        return again(self._connected)

    def _connected(self) -> ApiClient:
        """Make the client's own client; its time limit is ours, and one TLS context serves all of the process."""
        with self._answered("clients/config"):
            credentials = Credentials.from_api_key(self._token.text)
            tls: Any = _tls()
            config, urls = get_config_and_token_urls(credentials=credentials, verify_ssl=tls)
            client = create_auth_api_client(
                credentials=credentials, config=config, token_refreshing_urls=urls, verify_ssl=tls
            )
            made = ApiClient.__new__(ApiClient)
            made.backend = client.with_timeout(httpx.Timeout(self._timeout))
            return made

    @cached_property
    def _storage(self) -> httpx.Client:
        return httpx.Client(timeout=self._timeout, follow_redirects=True, verify=_tls())

    @property
    def _client(self) -> AuthenticatedClient:
        return self._api.backend

    def _update(self, run: str, snapshots: list[UpdateRunSnapshot]) -> None:
        batch = UpdateRunSnapshots(snapshots=snapshots)
        operation = RunOperation(project=self._address.name, run_id=run, update_batch=batch)
        self._submit(operation, once=any(snapshot.append for snapshot in snapshots))

    def _submit(self, operation: RunOperation, *, once: bool = False) -> None:
        """Send an operation and wait until the server has processed it.

        :param once: it holds points, which are not to be sent twice.
        """

        def submit() -> SubmitResponse:
            with self._answered("ingest"):
                answer = self._api.submit(operation=operation, family=operation.run_id)
                return SubmitResponse.FromString(self._checked(answer, "ingest"))

        said = self._signed_in(submit if once else lambda: again(submit))
        ids = list(said.request_ids) or [said.request_id]
        deadline, pause = time.monotonic() + 2 * self._timeout, 0.004
        while True:
            statuses = self._signed_in(lambda: again(lambda: self._statuses(ids)))
            counts = [one for status in statuses for one in status.code_by_count]
            if len(statuses) == len(ids) and all(one.code != Code.UNAVAILABLE for one in counts):
                break
            if time.monotonic() > deadline:
                raise RetryLater(f"{self.shown}: the server took an operation and has not processed it yet")
            time.sleep(pause)
            pause = min(2 * pause, 1.0)
        codes = {IngestCode.Name(one.detail) for one in counts if one.code != Code.OK} - _HARMLESS
        said = f"{self.shown}: not taken: {', '.join(sorted(codes))}"
        if codes & _LATER:
            raise RetryLater(
                f"{said}; is there a project {self._address.name}?" if "PROJECT_NOT_FOUND" in codes else said
            )
        if _STEPS in codes:
            # Where the steps went is asked for anew before the next try; of others' mistakes it is told then.
            raise DeliveryError(said)
        if codes:
            raise Rejected(said)

    def _signed_in(self, ask: Callable[[], _T]) -> _T:
        """Return what a request answers; where its token is refused, which does nothing, once more with another."""
        try:
            return ask()
        except Unauthorized:
            self.close()
            return ask()

    def _statuses(self, ids: list[str]) -> Any:
        with self._answered("ingest/check"):
            answer = self._api.check_batch(request_ids=ids, project=self._address.name)
            return BulkRequestStatus.FromString(self._checked(answer, "ingest/check")).statuses

    def _send(self, provider: str, signed: Any, source: str, kind: str) -> None:
        """Upload by the client's own functions for each kind of storage."""
        if provider == "aws" and signed.multipart:
            multipart = signed.multipart
            parts = upload_to_s3_multipart(source, kind, multipart.part_size, list(multipart.part_urls))
            etags = asyncio.run(parts)
            answer = self._api.complete_multipart_upload(
                upload_id=multipart.upload_id, project=self._address.name, path=signed.path, etags=etags
            )
            self._checked(answer, "completeMultipartUpload")
        elif provider == "aws":
            with Path(source).open("rb") as stream:
                # The length is told, as S3 takes no body in pieces.
                headers = {"Content-Type": kind, "Content-Length": str(Path(source).stat().st_size)}
                self._storage.put(signed.url, content=stream, headers=headers).raise_for_status()
        elif provider == "gcp":
            asyncio.run(upload_to_gcp(source, kind, signed.url, chunk_size=_CHUNK))
        elif provider == "azure":
            asyncio.run(upload_to_azure(source, kind, signed.url, chunk_size=_CHUNK))
        else:
            raise DeliveryError(f"{self.shown}: files go to a storage that this client does not know: {provider}")

    def _signed(self, place: str, size: int | None, permission: Any) -> Any:
        request = FileSignRequest(path=place, size=size or 0, permission=permission)

        def sign() -> Any:
            with self._answered("signedUrl"):
                answer = self._api.fetch_file_storage_urls([request], self._address.name)
                self._checked(answer, "signedUrl")
                (signed,) = answer.parsed.files
                return signed

        return self._signed_in(lambda: again(sign))

    def _read(self, route: Any, body: Any, **more: Any) -> bytes:
        name = route.__name__.rpartition(".")[2]

        def read() -> bytes:
            with self._answered(name):
                return self._checked(route.sync_detailed(client=self._client, body=body, **more), name)

        return self._signed_in(lambda: again(read))

    def _checked(self, answer: Any, what: str) -> bytes:
        status = int(answer.status_code)
        if status >= _SUCCESS:
            said = f"{what} {answer.content[:200].decode(errors='replace')}"
            raise for_status(status, said, httpx.Headers(dict(answer.headers)), self.shown)
        return bytes(answer.content)

    @contextlib.contextmanager
    def _answered(self, what: str) -> Iterator[None]:
        """Raise what goes wrong with a request as an error that a lane understands."""
        try:
            yield
        except (InvalidApiTokenException, UnableToDeserializeApiKeyError, ApiKeyRejectedError):
            raise Unauthorized(
                f"{self.shown}: the server refuses the token; set {self._address.variable} to one of this server, "
                "for the delivery process too"
            ) from None
        except httpx.HTTPStatusError as error:
            raise for_status(error.response.status_code, what, error.response.headers, self.shown) from None
        except (UnableToRefreshTokenError, UnableToExchangeApiKeyError, NeptuneFileUploadTemporaryError) as error:
            raise away(error, self.shown) from None
        except httpx.HTTPError as error:
            raise away(error, self.shown) from None
        except (UnableToParseResponse, DecodeError, KeyError, ValueError, AttributeError) as error:
            raise DeliveryError(
                f"{self.shown}: {what}: the answer is not that of Neptune 3.x ({type(error).__name__})"
            ) from None


@cache
def _tls() -> ssl.SSLContext | bool:
    """Return how certificates are checked: as the client's own variables say."""
    trusting = get_bool(ALLOW_SELF_SIGNED_CERTIFICATE, default_missing=False, default_invalid=False)
    checked = get_bool(VERIFY_SSL, default_missing=not trusting, default_invalid=True)
    return httpx.create_ssl_context() if checked else False

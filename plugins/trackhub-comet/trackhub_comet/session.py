"""Hold what every hook needs: the wire, where runs go, and what is known of each; the wire is made when first asked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Protocol

from trackhub.errors import RetryLater, Unauthorized
from trackhub.model.entities import RunRef
from trackhub_comet.address import Address
from trackhub_comet.errors import SET_KEY, translated
from trackhub_comet.known import KnownRun, Paces
from trackhub_comet.wire import Wire


class Choices(Protocol):
    """Say what is taken from the options."""

    @property
    def values_per_minute(self) -> int: ...  # noqa: D102 - see CometOptions
    @property
    def settle_s(self) -> float: ...  # noqa: D102


class Session:
    """Speak to one place of Comet's; made without I/O, used by one lane's thread.

    :param find_key: returns the API key, if there is one.
    :param connect: returns a wire for a key.
    """

    def __init__(
        self, address: Address, choices: Choices, find_key: Callable[[], str | None], connect: Callable[[str], Wire]
    ) -> None:
        self._address = address
        self._choices = choices
        self._find_key = find_key
        self._connect = connect
        self._paces = Paces(choices.values_per_minute)
        self._known_runs: dict[str, KnownRun] = {}
        self._secrets: dict[str, str] = {}

    @cached_property
    def _wire(self) -> Wire:
        if self._address.has_user:
            raise Unauthorized(
                f"{self._address.shown}: Comet has no use for a user in the URL; take it out, and {SET_KEY}"
            )
        key = self._find_key()
        if not key:
            raise Unauthorized(f"{self._address.shown}: there is no API key; {SET_KEY}")
        self._secrets = {key: "(the API key)"}
        return self._connect(key)

    @cached_property
    def _workspace(self) -> str:
        name = self._address.workspace or self._wire.workspace() or self._wire.account().get("defaultWorkspaceName")
        if not name:
            raise RetryLater(f"{self._address.shown}: Comet names no workspace; put one into the URL")
        return str(name)

    def _forget(self) -> None:
        self._known_runs.clear()
        wire = self.__dict__.pop("_wire", None)
        if wire is not None:
            wire.close()

    @contextlib.contextmanager
    def _asking(self, ref: RunRef | None = None) -> Iterator[None]:
        try:
            with translated(self._address.shown, self._secrets):
                yield
        except Exception:
            # What failed may have been done: it is asked for before it is done again.
            known = self._known_runs.get(ref.id) if ref else None
            if known is not None:
                known.forget()
            raise

    def _known(self, ref: RunRef) -> KnownRun:
        if ref.id not in self._known_runs:
            self._known_runs[ref.id] = self._known_of(ref.id, self._wire.others(ref.id))
        return self._known_runs[ref.id]

    def _known_of(self, key: str, others: dict[str, str]) -> KnownRun:
        return KnownRun(self._wire, key, others, self._paces, self._address.shown)

"""Find, make and mark a store's versions of models, exactly once; the client is the SDK's, and all goes through it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from trackhub.errors import Rejected, RetryLater
from trackhub.model.entities import AliasMove, ModelRecord
from trackhub.model.registry import with_aliases
from trackhub_mlflow.errors import code_of, is_no_such_page
from trackhub_mlflow.names import escape_alias, escape_model
from trackhub_mlflow.paging import paged
from trackhub_mlflow.runs import by_our_id
from trackhub_mlflow.versions import Place, is_ours, model_name, move_tag, number_of, place_of, records_of

_A_PAGE = 1000
_OLDEST_FIRST = ("creation_timestamp ASC", "name ASC", "version_number ASC")
_ABSENT = "RESOURCE_DOES_NOT_EXIST"
_ROUNDS = 10


class HeldModel(NamedTuple):
    """Hold a model as MLflow does: its versions, and the number of the one that each alias stands on."""

    key: str
    versions: list[Any]
    aliases: dict[str, int]


class Registry:
    """Know which versions a store's models have.

    A model goes by its key: its name as MLflow holds it.

    :param client: an ``MlflowClient``.
    """

    def __init__(self, client: Any, shown: str) -> None:
        self._client = client
        self._shown = shown
        self._unanswered: dict[str, set[tuple[str, Place]]] = {}
        self._made: set[tuple[str, Place]] = set()

    def find(self, key: str, place: Place) -> Any | None:
        """Return the one version of a model that is of this place, or None."""
        found = self._search(f"name = '{key}' and {by_our_id(place[0])}")
        return self._one_of(key, [one for one in found if is_ours(one) and place_of(one.tags) == place])

    def make(self, key: str, source: str, their_run: str, tags: Mapping[str, str]) -> None:
        """Make a version that :meth:`find` has not found."""
        place = place_of(tags)
        if (key, place) not in self._made:
            self._make_model(key)
            try:
                self._client.create_model_version(key, source, their_run, tags=dict(tags), await_creation_for=0)
            except Exception:
                self._unanswered.setdefault(their_run, set()).add((key, place))
                raise
            self._made.add((key, place))
        # Asked again: a request that was given up, or a proxy that repeats one, has made two, and no answer says so.
        if self.find(key, place) is None:
            raise RetryLater(f"{self._shown}: the model's version was made, but a search does not find it yet")
        self._made.discard((key, place))

    def settle(self, their_run: str) -> None:
        """Look for what requests without an answer may have made late, so that one version of each is left."""
        for key, place in self._unanswered.get(their_run, ()):
            self.find(key, place)
        self._unanswered.pop(their_run, None)

    def move(self, key: str, place: Place, alias: str, time: int) -> None:
        """Keep a move of an alias with the version that it goes to, and put the alias where the newest move says.

        :raises Rejected: there is no such version.
        """
        mine = self.find(key, place)
        if mine is None:
            raise Rejected(
                f"{self._shown}: the run has no version of artifact {place[1]!r} in the model {key!r}; it was refused, "
                "or deleted there. `trackhub sync --rejected` gives again what was refused"
            )
        tag, text = move_tag(alias, time)
        if tag not in mine.tags:
            self._client.set_model_version_tag(key, str(mine.version), tag, text)
        name = escape_alias(alias)
        touched = {number_of(mine)}
        for _ in range(_ROUNDS):
            newest = self._newest(key, place, AliasMove(alias, time))
            now = self._aliases(key).get(name)
            # An alias that stands elsewhere was put there by a newer move, or by people: an older one changes nothing.
            if now == newest or (newest != number_of(mine) and now not in touched):
                return
            self._client.set_registered_model_alias(key, name, str(newest))
            # Looked at again: another run's newer move may have come between, and been overtaken.
            touched.add(newest)
        raise RetryLater(f"{self._shown}: others keep moving the alias {name!r} of the model {key!r}")

    def every(self) -> Iterator[HeldModel]:
        """Yield every model that has a version."""
        found: dict[str, list[Any]] = {}
        for version in self._search(""):
            found.setdefault(version.name, []).append(version)
        search = self._client.search_registered_models
        aliases = {
            model.name: _numbers(model) for model in paged(lambda token: search(max_results=_A_PAGE, page_token=token))
        }
        for key, some in sorted(found.items()):
            yield HeldModel(key, some, aliases.get(key, {}))

    def named(self, name: str) -> Iterator[HeldModel]:
        """Yield what MLflow holds under a model's name, and under the name as other clients may have given it."""
        key = escape_model(name)
        some = self._versions(key)
        yield HeldModel(key, some, self._aliases(key) if some else {})
        if name != key and model_name(name, ()) == name and not set(name) & set("/:"):
            # A search by such a name would have to quote what its language cannot.
            yield from (held for held in self.every() if held.key == name)

    def is_missing(self) -> bool:
        """Return whether a server that keeps runs knows nothing of models."""
        try:
            self._client.search_registered_models(max_results=1)
        except Exception as error:
            if not is_no_such_page(error):
                raise
            self._client.search_experiments(max_results=1)
            return True
        return False

    def _make_model(self, key: str) -> None:
        try:
            self._client.create_registered_model(key)
        except Exception as error:
            if code_of(error) != "RESOURCE_ALREADY_EXISTS":
                raise
            # A prompt takes a model's version for its own, and no search finds that among models.
            condition = f"name = '{key}' and tags.`mlflow.prompt.is_prompt` = 'true'"
            if list(self._client.search_registered_models(condition, max_results=1)):
                raise Rejected(
                    f"{self._shown}: {key!r} is the name of a prompt there, and MLflow lets no model share it; rename "
                    "the prompt and `trackhub sync --rejected`, or register the model under another name"
                ) from None

    def _newest(self, key: str, place: Place, move: AliasMove) -> int:
        """Return the number of the version to which the newest move put an alias.

        :param move: one to the version of a place, which a search may not show yet.
        """
        records = [
            msgspec.structs.replace(one, moves=(*{*one.moves, move},)) if _place(one) == place else one
            for one in records_of(key, [one for one in self._versions(key) if is_ours(one)], {}, str)
        ]
        for record in with_aliases(records):
            if move.alias in record.aliases:
                return int(record.number or 0)
        raise RetryLater(f"{self._shown}: a move of {move.alias!r} was kept, but a search does not find it yet")

    def _versions(self, key: str) -> list[Any]:
        return list(self._search(f"name = '{key}'"))

    def _aliases(self, key: str) -> dict[str, int]:
        with _unless(_ABSENT):
            return _numbers(self._client.get_registered_model(key))
        return {}

    def _one_of(self, key: str, found: list[Any]) -> Any | None:
        """Return the first of versions that are the same; the others give it what they have, and are deleted."""
        found.sort(key=number_of)
        for copy in found[1:]:
            first = found[0]
            with _unless(_ABSENT):  # another process may be about the same
                for tag in copy.tags.keys() - first.tags.keys():
                    self._client.set_model_version_tag(key, str(first.version), tag, copy.tags[tag])
                for alias, number in self._aliases(key).items():
                    if number == number_of(copy):
                        self._client.set_registered_model_alias(key, alias, str(first.version))
                self._client.delete_model_version(key, str(copy.version))
        return found[0] if found else None

    def _search(self, condition: str) -> Iterator[Any]:
        search, order = self._client.search_model_versions, list(_OLDEST_FIRST)
        # The pages are counted from the first, and a version that is made meanwhile comes last.
        return paged(lambda token: search(condition, max_results=_A_PAGE, order_by=order, page_token=token))


@contextlib.contextmanager
def _unless(code: str) -> Iterator[None]:
    """Let pass an error of one kind."""
    try:
        yield
    except Exception as error:
        if code_of(error) != code:
            raise


def _numbers(model: Any) -> dict[str, int]:
    return {alias: int(number) for alias, number in model.aliases.items()}


def _place(record: ModelRecord) -> Place:
    return record.run_id, record.artifact, record.version

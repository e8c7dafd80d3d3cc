"""Give one batch to a backend, over as many tries as it takes; what is refused is set apart."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from trackhub.backend import BackendCalls, Notes
from trackhub.delivery.batch import Alone, Content
from trackhub.delivery.place import Place
from trackhub.delivery.resolving import Resolving
from trackhub.delivery.wording import worded
from trackhub.errors import Rejected, RetryLater, StoreError, Unauthorized
from trackhub.model.entities import Batch, MetricPoint, Note, RunRef
from trackhub.model.events import ArtifactLogged, EnvironmentCaptured, ModelAliasSet, ModelRegistered, UnknownEvent

CHECK_S = 10.0
_Item = TypeVar("_Item", bound=msgspec.Struct)


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Hold an item that the vendor will never take, and why."""

    hook: str
    item: msgspec.Struct
    reason: str


def vendor_answers(calls: BackendCalls) -> bool:
    """Return whether a vendor is well, as far as its backend can ask."""
    if not calls.can("check_connection"):
        return True
    try:
        calls.check_connection(time.monotonic() + CHECK_S)
    except Exception:  # noqa: BLE001  whatever it is, the vendor is not well
        return False
    return True


class Handover:
    """Follow one batch until the vendor has it.

    :param start: how many points the destination was given before.
    :param redelivered: the batch was given before, by a process that is gone.
    :ivar given: all of it was given, or refused.
    :ivar apart: treat any failure as a refusal, so that one entry cannot block the rest.
    :ivar refusals: what was refused, over all tries.
    :ivar notes: what the last try had to fit; ``skipped`` what it had no hook for.
    """

    def __init__(self, content: Content, *, start: int, redelivered: bool) -> None:
        self.content = content
        self.given = False
        self.apart = False
        self.refusals: list[Refusal] = []
        self.notes: list[Note] = []
        self.skipped: dict[str, int] = {}
        self._start = start
        self._redelivered = redelivered
        self._refused: set[int] = set()

    def give(self, calls: BackendCalls, ref: RunRef, resolving: Resolving, place: Place) -> None:
        """Make the calls that give the batch; points last, since the place travels with them.

        :param resolving: finds an artifact's bytes, and its version.
        :param place: what the vendor has by its own word; that stays there.
        :raises RetryLater: and whatever else the backend raises; give again with the same content.
        """
        content, redelivered = self.content, self._redelivered
        self._redelivered = True  # whatever happens from here on, this try's outcome is not known
        self.notes, self.skipped = [], {}
        if content.params:
            self._split(calls, "log_params", content.params, lambda some, _: calls.log_params(ref, some))
        if content.tags:
            self._split(calls, "set_tags", content.tags, lambda some, _: calls.set_tags(ref, some))
        if content.points:
            position = place.after(content.end, self._start + len(content.points))
            self._give_points(calls, ref, position, redelivered=redelivered)
        if content.alone is not None:
            self._give_alone(calls, ref, resolving, content.alone)
        self.given = True

    def _give_alone(self, calls: BackendCalls, ref: RunRef, resolving: Resolving, event: Alone) -> None:
        if isinstance(event, UnknownEvent):
            self._skip(f"event {event.type}", 1)
            return
        ways: dict[type, tuple[str, Callable[[Any], Notes]]] = {
            ArtifactLogged: ("log_artifact", lambda it: calls.log_artifact(ref, resolving.artifact(it))),
            ModelRegistered: (
                "register_model_version",
                lambda it: calls.register_model_version(ref, resolving.model_version(it)),
            ),
            ModelAliasSet: ("set_model_alias", lambda it: calls.set_model_alias(ref, resolving.model_alias(it))),
            EnvironmentCaptured: ("log_environment", lambda it: calls.log_environment(ref, it.environment)),
        }
        hook, call = ways[type(event)]
        self._split(calls, hook, (event,), lambda some, _: call(some[0]))

    def _give_points(self, calls: BackendCalls, ref: RunRef, position: str, *, redelivered: bool) -> None:
        points, most = self.content.points, calls.limits.points

        def call(some: tuple[MetricPoint, ...], offset: int) -> Notes:
            last = offset + len(some) == len(points)
            batch = Batch(start=self._start + offset, redelivered=redelivered, position=position if last else None)
            return calls.log_metrics(ref, some, batch)

        for offset in range(0, len(points), most):  # one row may hold more metrics than a call may carry
            self._split(calls, "log_metrics", points[offset : offset + most], call, offset)

    def _split(
        self,
        calls: BackendCalls,
        hook: str,
        items: tuple[_Item, ...],
        call: Callable[[tuple[_Item, ...], int], Notes],
        offset: int = 0,
    ) -> None:
        """Give items to a hook; where one can never be taken, halve until it stands alone."""
        if not calls.can(hook):
            self._skip(hook, len(items))
            return
        if len(items) == 1 and id(items[0]) in self._refused:
            return
        try:
            self.notes += call(items, offset) or ()
        except (RetryLater, Unauthorized):
            raise
        except (Rejected, StoreError) as error:  # the vendor will not have it, or our store has lost it
            reason = worded(error)
        except Exception as error:
            # A vendor that fails at everything has nothing against this item: it must not cost it.
            if not self.apart or not vendor_answers(calls):
                raise
            reason = worded(error, named=True)
        else:
            return
        if len(items) > 1:
            middle = len(items) // 2
            self._split(calls, hook, items[:middle], call, offset)
            self._split(calls, hook, items[middle:], call, offset + middle)
            return
        self._refused.add(id(items[0]))
        self.refusals.append(Refusal(hook=hook, item=items[0], reason=reason))

    def _skip(self, what: str, count: int) -> None:
        self.skipped[what] = self.skipped.get(what, 0) + count

"""Say what can be set, and to what; the values come from :mod:`trackhub.settings.precedence`.

A training checks its settings in its own process, so this takes neither time nor memory: no
library that validates is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, get_args

from trackhub.settings import kinds
from trackhub.settings.destinations import expand, split_destinations
from trackhub.types import DeliveryMode, Durability, Mode, OnError, Resume


class Setting(NamedTuple):
    """Say what one setting takes, and what it is in a few words."""

    kind: Callable[[Any], object]
    description: str


class Fault(NamedTuple):
    """Tell of one setting that cannot be; ``part`` is the destination's name where only that is wrong."""

    key: str
    part: str
    message: str


class UnfitSettingsError(ValueError):
    """Report every setting that cannot be; no value is shown, since it may be a secret."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{fault.key}: {fault.message}" for fault in faults))
        self.faults = faults


SETTINGS: dict[str, Setting] = {
    "to": Setting(kinds.texts, "destinations of every run: URLs or names; none is offline"),
    "destinations": Setting(kinds.named, "URLs under names, for `to`"),
    "store": Setting(kinds.folder, "folder of the journals and artifacts"),
    "project": Setting(kinds.text_or_none, "project of runs that name none"),
    "mode": Setting(kinds.one_of(*get_args(Mode)), "offline ignores `to`; disabled makes everything a no-op"),
    "durability": Setting(kinds.one_of(*get_args(Durability)), "disk adds an fsync to every write, against power loss"),
    "delivery": Setting(
        kinds.one_of(*get_args(DeliveryMode)), "where lanes run; off leaves delivery to `trackhub sync`"
    ),
    "on_error": Setting(kinds.one_of(*get_args(OnError)), "warn turns trackhub's own errors into one warning"),
    "capture": Setting(kinds.flag, "describe code, packages, host, and devices"),
    "redact": Setting(kinds.globs, "key globs whose values are secret, beside the built-in ones"),
    "redact_allow": Setting(kinds.globs, "key globs whose values are never secret"),
    "finish_timeout_s": Setting(kinds.seconds, "how long finish() waits for delivery"),
    "linger_s": Setting(kinds.seconds, "how long the delivery process keeps trying after the training ended"),
    "crashed_after_s": Setting(kinds.seconds, "silence after which a run out of sight is taken as crashed"),
    "run_id": Setting(kinds.text_or_none, "id of the run to start, or to resume"),
    "resume": Setting(
        kinds.one_of(*get_args(Resume)), "whether `run_id` may (allow) or must be a run that is there already"
    ),
}
"""Everything that can be set; :class:`Settings` has a field for each."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Hold every setting of trackhub, checked.

    URLs may carry credentials, so neither ``repr`` nor an error shows them.

    :raises UnfitSettingsError: a value cannot be.

    >>> settings = Settings(to="prod,wandb://team/digits", destinations={"prod": "mlflow+http://host:5000"})
    >>> settings.to
    ('prod', 'wandb://team/digits')
    >>> settings.resolve_destinations()
    (('prod', 'mlflow+http://host:5000'), ('', 'wandb://team/digits'))
    """

    to: tuple[str, ...] = field(default=(), repr=False)
    destinations: dict[str, str] = field(default_factory=dict, repr=False)
    store: Path = Path(".trackhub")
    project: str | None = None
    mode: Mode = "online"
    durability: Durability = "process"
    delivery: DeliveryMode = "process"
    on_error: OnError = "raise"
    capture: bool = True
    redact: tuple[str, ...] = ()
    redact_allow: tuple[str, ...] = ()
    finish_timeout_s: float = 30
    linger_s: float = 600
    crashed_after_s: float = 86400
    run_id: str | None = None
    resume: Resume = "never"

    def __post_init__(self) -> None:
        read: dict[str, Any] = {}
        faults = []
        for name, setting in SETTINGS.items():
            try:
                read[name] = setting.kind(getattr(self, name))
            except kinds.UnfitError as error:
                faults.append(Fault(name, error.part, str(error)))
        if faults:
            raise UnfitSettingsError(faults)
        # Commas are read with the names known.
        names = read["destinations"]
        read["to"] = tuple(part for entry in read["to"] for part in split_destinations(entry, names))
        for name, value in read.items():
            object.__setattr__(self, name, value)

    def resolve_destinations(self) -> tuple[tuple[str, str], ...]:
        """Return the name and URL of each destination in ``to``, each URL once.

        :raises SettingsError: an entry is neither a URL nor a known name.
        """
        found: dict[str, str] = {}
        for entry in self.to:
            name, url = expand(entry, self.destinations)
            found.setdefault(url, name)
        return tuple((name, url) for url, name in found.items())

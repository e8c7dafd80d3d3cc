"""Say what can be set, and to what; the values come from :mod:`trackhub.settings.precedence`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from trackhub.settings.destinations import check_named, expand, split_destinations, split_named
from trackhub.types import DeliveryMode, Durability, Mode, OnError, Resume

_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Settings(BaseModel):
    """Hold every setting of trackhub, checked.

    URLs may carry credentials, so neither ``repr`` nor an error shows them.

    >>> settings = Settings(to="prod,wandb://team/digits", destinations={"prod": "mlflow+http://host:5000"})
    >>> settings.to
    ('prod', 'wandb://team/digits')
    >>> settings.resolve_destinations()
    (('prod', 'mlflow+http://host:5000'), ('', 'wandb://team/digits'))
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    # Before `to`: its commas are read with the names known.
    destinations: dict[str, str] = Field({}, repr=False, description="URLs under names, for `to`")
    to: tuple[str, ...] = Field((), repr=False, description="destinations of every run: URLs or names; none is offline")
    store: Path = Field(Path(".trackhub"), description="folder of the journals and artifacts")
    project: str | None = Field(None, min_length=1, description="project of runs that name none")
    mode: Mode = Field("online", description="offline ignores `to`; disabled makes everything a no-op")
    durability: Durability = Field("process", description="disk adds an fsync to every write, against power loss")
    delivery: DeliveryMode = Field("process", description="where lanes run; off leaves delivery to `trackhub sync`")
    on_error: OnError = Field("raise", description="warn turns trackhub's own errors into one warning")
    capture: bool = Field(default=True, description="describe code, packages, host, and devices")
    redact: tuple[str, ...] = Field((), description="key globs whose values are secret, beside the built-in ones")
    redact_allow: tuple[str, ...] = Field((), description="key globs whose values are never secret")
    finish_timeout_s: _Seconds = Field(30, description="how long finish() waits for delivery")
    linger_s: _Seconds = Field(600, description="how long the delivery process keeps trying after the training ended")
    crashed_after_s: _Seconds = Field(86400, description="silence after which a run out of sight is taken as crashed")
    run_id: str | None = Field(None, min_length=1, description="id of the run to start, or to resume")
    resume: Resume = Field("never", description="whether `run_id` may (allow) or must be a run that is there already")

    @field_validator("destinations", mode="before")
    @classmethod
    def _read_named(cls, value: Any) -> Any:
        return split_named(value) if isinstance(value, str) else value

    @field_validator("destinations")
    @classmethod
    def _check_named(cls, value: dict[str, str]) -> dict[str, str]:
        for name, url in value.items():
            check_named(name, url)
        return value

    @field_validator("to", mode="before")
    @classmethod
    def _split_destinations(cls, value: Any, known: ValidationInfo) -> Any:
        names = known.data.get("destinations", {})
        entries = [value] if isinstance(value, str) else value
        if not isinstance(entries, list | tuple) or not all(isinstance(entry, str) for entry in entries):
            return value
        return tuple(part for entry in entries for part in split_destinations(entry, names))

    @field_validator("redact", "redact_allow", mode="before")
    @classmethod
    def _split_globs(cls, value: Any) -> Any:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    def resolve_destinations(self) -> tuple[tuple[str, str], ...]:
        """Return the name and URL of each destination in ``to``, each URL once.

        :raises SettingsError: an entry is neither a URL nor a known name.
        """
        found: dict[str, str] = {}
        for entry in self.to:
            name, url = expand(entry, self.destinations)
            found.setdefault(url, name)
        return tuple((name, url) for url, name in found.items())

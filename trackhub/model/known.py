"""Hold what a run has logged that its next call must agree with; from the calls, or from a journal that goes on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from trackhub.errors import ModelNotFound, ParamConflict
from trackhub.model.codec import pack, unpack
from trackhub.model.events import ArtifactLogged, Event, FileEntry, ModelRegistered, ParamsLogged
from trackhub.types import Value

Content: TypeAlias = tuple[FileEntry, ...]


class Known:
    """Know a run's params, the newest content of its artifacts, and what it registered.

    None stands for what could not be kept, which was said: a full disk must not end a training later.

    :ivar artifacts: each name's newest content.
    :ivar models: the artifact, and its content, that each model's newest version of this run is.

    >>> known = Known()
    >>> known.add(ParamsLogged(time=1, params={"lr": 0.1}))
    >>> known.fresh_params([("lr", 0.1), ("depth", 4)], overwrite=False)
    {'depth': 4}
    """

    def __init__(self) -> None:
        self.artifacts: dict[str, Content | None] = {}
        self.models: dict[str, tuple[str, Content] | None] = {}
        self._params: dict[str, bytes] = {}

    def add(self, event: Event) -> None:
        """Take an event of an earlier attempt into account."""
        if isinstance(event, ParamsLogged):
            # As readers have it: ranks log the same params, and what came first stands unless the user said otherwise.
            fresh = event.params.items()
            self.add_params({name: value for name, value in fresh if event.overwrite or name not in self._params})
        elif isinstance(event, ArtifactLogged):
            self.artifacts[event.name] = event.files
        elif isinstance(event, ModelRegistered):
            self.models[event.model] = event.artifact, event.files

    def add_params(self, params: Mapping[str, Value]) -> None:
        """Take in params that were written."""
        self._params |= {name: pack(value) for name, value in params.items()}

    def fresh_params(self, params: Iterable[tuple[str, Value]], *, overwrite: bool) -> dict[str, Value]:
        """Return those params that are new.

        :param overwrite: let a param that was logged before take another value.
        :raises ParamConflict: one has another value already, or is named twice with two.
        """
        fresh: dict[str, Value] = {}
        packed: dict[str, bytes] = {}
        for name, value in params:
            known, own = self._params.get(name), pack(value)
            if packed.setdefault(name, own) != own:
                raise _conflict(name, packed[name], value)
            if known is not None and known != own and not overwrite:
                raise _conflict(name, known, value)
            if known != own:
                fresh[name] = value
        return fresh

    def content_of(self, artifact: str) -> Content | None:
        """Return an artifact's newest content.

        :raises ValueError: none of that name was logged.
        """
        if artifact not in self.artifacts:
            raise ValueError(f"artifact {artifact!r}: this run has logged none of that name; log_artifact comes first")
        return self.artifacts[artifact]

    def version_of(self, model: str) -> tuple[str, Content] | None:
        """Return the artifact, and its content, that is the newest version of a model; None as above.

        :raises ModelNotFound: none was registered.
        """
        if model not in self.models:
            raise ModelNotFound(
                f"model {model!r}: this run has registered no version of it; register_model comes first, "
                "and trackhub.set_model_alias moves an alias to another run's version"
            )
        return self.models[model]


def _conflict(name: str, known: bytes, value: Value) -> ParamConflict:
    return ParamConflict(
        f"param {name!r} is {_shown(unpack(known))} already and cannot become {_shown(value)}; "
        "log it under another name, or allow it: log_params(..., overwrite=True)"
    )


def _shown(value: Value) -> str:
    try:
        return repr(value)
    except ValueError:  # Python shows no int of thousands of digits
        return f"a {type(value).__name__} too long to show"

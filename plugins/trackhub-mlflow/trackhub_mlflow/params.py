"""Plan how params are set where none can be changed: the first value as a param, a newer one as a tag."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from trackhub.errors import Rejected
from trackhub.model.entities import Note, Param
from trackhub_mlflow.mapping import newest_param_key
from trackhub_mlflow.names import escape


@dataclass(slots=True)
class ParamPlan:
    """Hold what params become.

    :ivar texts: the params to set, by key.
    :ivar tags: the tags that hold newer values.
    :ivar names: the names by key.
    """

    texts: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


def plan_params(params: Iterable[tuple[Param, str]], held: Callable[[], Mapping[str, str]]) -> ParamPlan:
    """Return how params are set.

    :param params: each with its text.
    :param held: returns the newest text of each param that the run has; asked only where one is overwritten.
    :raises Rejected: a param has two values, and the user did not say that the second one counts.
    """
    made = ParamPlan()
    newest: dict[str, str] = {}
    there: Mapping[str, str] | None = None
    for param, text in params:
        key = escape(param.name)
        made.names[key] = param.name
        if param.overwritten and there is None:
            there = held()
        if param.overwritten and (key in made.texts or key in (there or {})):
            newest[key] = text
        elif made.texts.setdefault(key, text) != text:
            raise Rejected(changed(param.name, made.texts[key], text))
    for key, text in newest.items():
        if {**(there or {}), **made.texts}[key] != text:
            tag = newest_param_key(key)
            made.tags[tag] = text
            detail = f"MLflow changes no param; the newest value is in the tag {tag!r}"
            made.notes.append(Note(kind="beside", subject=made.names[key], detail=detail))
    return made


def still_missing(texts: Mapping[str, str], held: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """Return the params that a run lacks, after it refused some.

    :raises Rejected: one of them has another value there; the reason names both.
    """
    for key, text in texts.items():
        if held.get(key, text) != text:
            raise Rejected(changed(names[key], held[key], text))
    return {key: text for key, text in texts.items() if key not in held}


def changed(name: str, held: str, text: str) -> str:
    """Return the reason why a param cannot be set."""
    return (
        f"param {name!r}: MLflow holds {held[:60]!r} and never changes a param, the journal says {text[:60]!r}; "
        "log it under another name, or overwrite it"
    )

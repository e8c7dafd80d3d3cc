"""Check the options of a destination: the query parameters of its URL, by the model that a plugin gives.

The only importer of pydantic, and imported late: a training process whose URLs have no query does without.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from trackhub.errors import SettingsError


class Options(BaseModel):
    """Be the base of a backend's typed options: the query parameters of its URLs."""

    __module__ = "trackhub.backend"  # where plugins find it

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=Options)


def read_options(model: type[Model], query: Mapping[str, str]) -> Model:
    """Return a query's parameters as a model.

    :raises SettingsError: an option is unknown, missing, or has a wrong value.
    """
    try:
        return model.model_validate(dict(query))
    except ValidationError as error:
        raise SettingsError(_trouble(model, error)) from error


def _trouble(model: type[Options], error: ValidationError) -> str:
    parts = []
    for detail in error.errors():
        name = ".".join(map(str, detail["loc"]))
        if detail["type"] == "extra_forbidden":
            near = difflib.get_close_matches(name, model.model_fields, n=1)
            known = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(model.model_fields) or 'none'}"
            parts.append(f"unknown option {name!r}; {known}")
        else:
            parts.append(f"option {name!r}: {detail['msg']}")
    return "; ".join(parts)

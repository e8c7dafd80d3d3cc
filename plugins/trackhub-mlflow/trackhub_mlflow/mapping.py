"""Turn our params, tags, statuses and environments into MLflow's, and back; pure functions."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from trackhub.errors import Rejected
from trackhub.model.entities import RunEnd
from trackhub.types import Status, Value
from trackhub_mlflow.names import LONGEST, escape, long_name, unescape

LONGEST_PARAM = 6000
LONGEST_TAG = 8000

# What people may want to see or search for; MLflow's pages hide tags of its own prefix, where the rest is.
RUN_ID = "trackhub.run_id"
PROJECT = "trackhub.project"
GROUP = "trackhub.group"
STATUS = "trackhub.status"
END_REASON = "trackhub.end_reason"
DUPLICATE_OF = "trackhub.duplicate_of"
NEWEST_PARAM = "trackhub.param."
NAME = "mlflow.trackhub.run_name"
PARENT = "mlflow.trackhub.parent"
LONG_NAME = "mlflow.trackhub.name."

_OURS = "trackhub."
_THEIRS = "mlflow."
_SHARED = "mlflow.note.content"  # the description on a run's page is the user's own
_QUOTED = "trackhub:json:"
_WORDS: dict[str, Value] = {
    "None": None,
    "True": True,
    "False": False,
    "nan": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
}
_MARK = re.compile(r"… \[trackhub: \d+ characters, whole in (trackhub/values/[0-9a-f]{64}\.txt)\]\Z")
_TO_THEIRS = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED", "crashed": "FAILED"}
_TO_OURS: dict[str, Status] = {"FINISHED": "finished", "FAILED": "failed", "KILLED": "killed"}


class Fitted(NamedTuple):
    """Hold a text as MLflow shows it, and where the whole of it lies if it was too long."""

    shown: str
    path: str | None = None


def param_text(value: Value) -> str:
    """Return a param's value as text that tells its type: as MLflow itself writes numbers, flags and None, else JSON.

    A string is quoted only where it would read as something else.

    >>> (
    ...     param_text("adam"),
    ...     param_text(0.1),
    ...     param_text("0.1"),
    ...     param_text(None),
    ...     param_text(True),
    ...     param_text([1, None]),
    ... )
    ('adam', '0.1', '"0.1"', 'None', 'True', '[1, null]')
    """
    if isinstance(value, str) and _is_plain(value) and value not in _WORDS and not _is_json(value):
        return value
    if value is None or isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        return str(value)
    try:
        text = json.dumps(value, ensure_ascii=False)
        return text if _is_unicode(text) else json.dumps(value)
    except (ValueError, RecursionError) as error:
        raise Rejected(f"a param's value cannot be written as JSON: {error}") from error


def param_value(text: str) -> Value:
    """Return the value that a param's text stands for.

    >>> param_value("adam"), param_value("0.1"), param_value('"0.1"'), param_value("[1, null]")
    ('adam', 0.1, '0.1', [1, None])
    """
    if text in _WORDS:
        return _WORDS[text]
    try:
        value: Value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value


def tag_text(value: str) -> str:
    """Return a tag's value as MLflow takes it: as it is, but for what a database refuses."""
    plain = _is_plain(value) and not value.startswith(_QUOTED)
    return value if plain else _QUOTED + json.dumps(value)


def tag_value(text: str) -> str:
    """Return the value that a tag's text stands for."""
    return str(json.loads(text.removeprefix(_QUOTED))) if text.startswith(_QUOTED) else text


def fit(text: str, longest: int) -> Fitted:
    """Return a text that is short enough; a longer one is cut and says where the whole lies."""
    if len(text) <= longest:
        return Fitted(text)
    path = f"trackhub/values/{hashlib.sha256(text.encode()).hexdigest()}.txt"
    mark = f"… [trackhub: {len(text)} characters, whole in {path}]"
    return Fitted(text[: longest - len(mark)] + mark, path)


def whole_path(text: str) -> str | None:
    """Return where the whole of a cut text lies, or None where it is whole."""
    match = _MARK.search(text)
    return match[1] if match else None


def tag_key(name: str) -> str:
    """Return a tag's key; names that are MLflow's own or ours are escaped, so that a user's tag changes no run.

    >>> tag_key("owner"), tag_key("mlflow.user"), tag_key("mlflow.note.content")
    ('owner', '_x6D_lflow.user', 'mlflow.note.content')
    """
    if name.startswith((_OURS, _THEIRS)) and name != _SHARED:
        return f"_x{ord(name[0]):02X}_" + escape(name[1:], LONGEST - len("_xHH_"))
    return escape(name)


def user_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the user's tags among a run's, under their names; the values are as MLflow holds them."""
    names = long_names(tags)
    return {
        unescape(key, names): text
        for key, text in tags.items()
        if key == _SHARED or not key.startswith((_OURS, _THEIRS))
    }


def newest_param_key(key: str) -> str:
    """Return the tag that holds the newest value of a param that was overwritten."""
    room = LONGEST - len(NEWEST_PARAM)
    return NEWEST_PARAM + (key if len(key) <= room else hashlib.sha256(key.encode()).hexdigest())


def newest_params(data: Any) -> dict[str, str]:
    """Return each param's text as a reader would see it: the newest.

    :param data: MLflow's ``RunData``.
    """
    return {key: data.tags.get(newest_param_key(key), text) for key, text in data.params.items()}


def long_name_tags(names: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that keep the names whose keys were cut.

    :param names: names by key.
    :raises Rejected: a name is longer than a tag.
    """
    tags = {}
    for key, name in names.items():
        digest = long_name(key)
        if digest is None or name == key:
            continue
        text = tag_text(name)
        if len(text) > LONGEST_TAG:
            raise Rejected(f"the name {name[:60]!r}… has {len(name)} characters; MLflow can keep {LONGEST_TAG}")
        tags[LONG_NAME + digest] = text
    return tags


def long_names(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the long names that a run's tags keep, by their hash."""
    return {key.removeprefix(LONG_NAME): tag_value(text) for key, text in tags.items() if key.startswith(LONG_NAME)}


def their_status(end: RunEnd) -> str:
    """Return MLflow's word for how a run ended; it has none for a crash."""
    return _TO_THEIRS[end.status]


def our_status(theirs: str, tags: Mapping[str, str]) -> Status:
    """Return how a run stands.

    >>> our_status("FAILED", {"trackhub.status": "crashed"}), our_status("SCHEDULED", {})
    ('crashed', 'running')
    """
    status = _TO_OURS.get(theirs, "running")
    return "crashed" if status == "failed" and tags.get(STATUS) == "crashed" else status


def environment_tags(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags that MLflow's own pages show for what ran."""
    git = environment.get("git") or {}
    argv = environment.get("argv") or [None]
    found = {
        "mlflow.source.name": environment.get("entry_point") or argv[0],
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": git.get("commit"),
        "mlflow.source.git.branch": git.get("branch"),
        "mlflow.source.git.repoURL": re.sub(r"(?<=//)[^/@]*@", "", str(git.get("remote") or "")),
        "mlflow.user": environment.get("user"),
    }
    return {key: tag_text(str(value)) for key, value in found.items() if value}


def json_text(environment: Mapping[str, Any]) -> str:
    """Return an environment as a file that people can read; what JSON cannot say becomes its text."""
    return json.dumps(environment, indent=2, default=str) + "\n"


def _is_plain(text: str) -> bool:
    return "\0" not in text and _is_unicode(text) and whole_path(text) is None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True

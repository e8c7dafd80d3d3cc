"""Turn our params, tags, ends and environments into Comet's, and back; pure functions."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from trackhub.errors import Rejected
from trackhub.types import Status, Value
from trackhub_comet.names import escape, long_name, unescape

LONGEST_VALUE = 1000

# What Comet calls "others": values by key, of which the last one counts.
OURS = "trackhub."
RUN_ID = "trackhub.run_id"
PROJECT = "trackhub.project"
WHOLE_NAME = "trackhub.name"
GROUP = "trackhub.group"
PARENT = "trackhub.parent"
STATUS = "trackhub.status"
ENDED = "trackhub.ended"
REASON = "trackhub.end_reason"
TAIL = "trackhub.delivered"
ENVIRONMENT = "trackhub.environment"
LONG_NAME = "trackhub.name."
NAME = "Name"  # Comet shows it as the experiment's

LABELS = ("failed", "killed", "crashed")
"""Statuses that Comet does not tell apart; a tag of Comet's says which it was."""

_SDKS_OWN = (NAME, "Created from", "hasNestedParams")
_SDKS_OWN_BEGIN = "sys."  # as of the modules that were imported before the SDK was

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


class Fitted(NamedTuple):
    """Hold a text as Comet shows it, and where the whole of it lies if it was too long."""

    shown: str
    place: str | None = None


def param_text(value: Value) -> str:
    """Return a param's value as text that tells its type: numbers, flags and None as Python writes them, else JSON.

    A string is quoted only where it would read as something else, or where a blank may be trimmed.

    >>> param_text("adam"), param_text(0.1), param_text("0.1"), param_text(None), param_text([1, None])
    ('adam', '0.1', '"0.1"', 'None', '[1, null]')
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


def text_of(value: str) -> str:
    """Return a text as Comet takes it: as it is, but for what may be lost on its way."""
    return value if _is_plain(value) and not value.startswith(_QUOTED) else _QUOTED + json.dumps(value)


def text_back(text: str) -> str:
    """Return the text that :func:`text_of` made."""
    return str(json.loads(text.removeprefix(_QUOTED))) if text.startswith(_QUOTED) else text


def readable(text: str) -> str:
    """Return a text of :func:`text_of`, or the beginning of one that was cut, as people may see it."""
    return text_back(text) if whole_place(text) is None else text.removeprefix(_QUOTED)


def fit(text: str) -> Fitted:
    """Return a text that is short enough; a longer one is cut and says where the whole lies."""
    if len(text) <= LONGEST_VALUE:
        return Fitted(text)
    place = f"trackhub/values/{hashlib.sha256(text.encode()).hexdigest()}.txt"
    mark = f"… [trackhub: {len(text)} characters, whole in {place}]"
    return Fitted(text[: LONGEST_VALUE - len(mark)] + mark, place)


def whole_place(text: str) -> str | None:
    """Return where the whole of a cut text lies, or None where it is whole."""
    match = _MARK.search(text)
    return match[1] if match else None


def metric_key(name: str) -> str:
    """Return a metric's name on Comet."""
    return escape(name, reserved=(OURS,))


def tag_key(name: str) -> str:
    """Return the key of the other that holds a tag; none is one that the SDK writes of itself, as to rename a run.

    >>> tag_key("owner"), tag_key("Name"), tag_key("trackhub.status")
    ('owner', '_x4E_ame', '_x74_rackhub.status')
    """
    return escape(name, reserved=(name,) if name in _SDKS_OWN else (OURS, _SDKS_OWN_BEGIN))


def user_tags(others: Mapping[str, str], long_names: Mapping[str, str]) -> dict[str, str]:
    """Return the user's tags among a run's others, under their names; the texts are as Comet holds them."""
    return {
        unescape(key, long_names): text
        for key, text in others.items()
        if key not in _SDKS_OWN and not key.startswith((OURS, _SDKS_OWN_BEGIN))
    }


def unsaved_names(names: Mapping[str, str], others: Mapping[str, str]) -> dict[str, str]:
    """Return the others that must be written to keep names whose keys were cut.

    :param names: names by key.
    """
    cut = {LONG_NAME + digest: name for key, name in names.items() if (digest := long_name(key)) and key != name}
    return {key: text_of(name) for key, name in cut.items() if key not in others}


def our_status(held: str | None, metadata: Mapping[str, Any]) -> Status:
    """Return how a run stands.

    :param held: the status that we wrote, which tells more than Comet's own.
    :param metadata: Comet's.

    >>> our_status("killed", {"running": False, "hasCrashed": True}), our_status(None, {"running": True})
    ('killed', 'running')
    """
    for status in ("running", "finished", "failed", "killed", "crashed"):
        if held == status:
            return status
    if metadata.get("running"):
        return "running"
    return "crashed" if metadata.get("hasCrashed") else "finished"


def system_details(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return what Comet's page of the machine shows of an environment."""
    python, host = _mapping(environment.get("python")), _mapping(environment.get("host"))
    argv = environment.get("argv")
    found = {
        "command": [str(word) for word in argv] if isinstance(argv, list) else None,
        "executable": python.get("executable"),
        "hostname": host.get("name") or host.get("hostname"),
        "os": host.get("os") or host.get("platform"),
        "pythonVersion": python.get("version"),
        "user": environment.get("user"),
    }
    return {key: value for key, value in found.items() if value}


def git_metadata(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return what Comet's page of the code shows of an environment."""
    git = _mapping(environment.get("git"))
    found = {
        "user": environment.get("user"),
        "root": git.get("root"),
        "branch": git.get("branch"),
        "parent": git.get("commit"),
        "origin": re.sub(r"(?<=//)[^/@]*@", "", str(git.get("remote") or "")),
    }
    return {key: str(value) for key, value in found.items() if value} if git else {}


def json_text(environment: Mapping[str, Any]) -> str:
    """Return an environment as a file that people can read; what JSON cannot say becomes its text."""
    return json.dumps(environment, indent=2, default=str) + "\n"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_plain(text: str) -> bool:
    return text.strip() == text != "" and "\0" not in text and _is_unicode(text) and whole_place(text) is None


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

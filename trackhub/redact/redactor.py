"""Redact params, tags, arguments, and texts before the journal takes them, and count what was taken."""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from trackhub.redact.assignments import redact_assignments, value_is_secret
from trackhub.redact.headers import redact_headers
from trackhub.redact.keys import Sensitivity, dotted_sensitivity, holds_connection
from trackhub.redact.shapes import REDACTED, redact_shapes

_SHORTEST = 8
_FLAG = re.compile(r"--?(?P<key>[A-Za-z][\w.-]*)")
_PAIR = re.compile(r"(?P<start>[-+~]*(?P<key>[A-Za-z_][\w.@/-]*)=)(?P<value>.*)", re.DOTALL)
_USER_PASSWORD = re.compile(r"[^\s:/]+:(?![0-9]+$)(?!\[redacted\]$)\S+")


class Redactor:
    """Take secrets out of values, by their key and by their look.

    :param redact: more key globs whose values are secret, such as ``*_pin``; case does not count.
    :param allow: key globs whose values are never secret; they win.
    :ivar hits: how often something was taken, by key or place.

    >>> redactor = Redactor()
    >>> redactor.params({"lr": 0.1, "max_tokens": 512, "db.password": "hunter2"})
    {'lr': 0.1, 'max_tokens': 512, 'db.password': '[redacted]'}
    >>> redactor.argv(["train.py", "--api-key=abc", "--to", "mlflow+http://me:hunter2@host"])
    ['train.py', '--api-key=[redacted]', '--to', 'mlflow+http://[redacted]@host']
    >>> dict(redactor.hits)
    {'db.password': 1, 'argv': 2}
    """

    def __init__(self, redact: Iterable[str] = (), allow: Iterable[str] = ()) -> None:
        self.hits: Counter[str] = Counter()
        self._redact = _globs(redact)
        self._allow = _globs(allow)
        self._judge = lru_cache(maxsize=4096)(self._judge_key)

    def params(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return params, flat or nested, without secrets."""
        return {key: self.value(key, value) for key, value in params.items()}

    def tags(self, tags: Mapping[str, str]) -> dict[str, str]:
        """Return tags without secrets."""
        return self.params(tags)

    def value(self, key: str, value: Any) -> Any:
        """Return the value of a dotted key without secrets: a plain value, a list, or a mapping."""
        kind = type(value)
        if kind is float or kind is bool or value is None:
            return value
        if isinstance(value, str):
            return self._text_value(key, value)
        if isinstance(value, Mapping):
            return {name: self.value(f"{key}.{name}", item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(key, item) for item in value]
        if kind is int and self._judge(key) == "strong":
            return self._take(key)
        return value

    def argv(self, argv: Sequence[str], where: str = "argv") -> list[str]:
        """Return a command line without the secrets after flags, in ``key=value`` pairs, and anywhere else."""
        redacted: list[str] = []
        flag: str | None = None
        for argument in argv:
            awaited, flag = flag, None
            pair = _PAIR.fullmatch(argument)
            if awaited and not argument.startswith("--") and self._follows(awaited, argument):
                redacted.append(self._take(where))
            elif pair and self._is_secret(pair["key"], pair["value"]):
                redacted.append(f"{pair['start']}{self._take(where)}")
            elif pair and self._judge(pair["key"]) is None:
                redacted.append(argument)
            else:
                match = _FLAG.fullmatch(argument)
                flag = match["key"] if match else None
                redacted.append(self.text(argument, where))
        return redacted

    def text(self, text: str, where: str = "text") -> str:
        """Return any text without secrets: a URL, a git remote, a diff, a traceback.

        >>> Redactor().text("+API_KEY=abc", "git.diff")
        '+API_KEY=[redacted]'
        """
        if len(text) < _SHORTEST:
            return text
        for redact in (redact_headers, redact_shapes, redact_assignments):
            text, found = redact(text)
            if found:
                self.hits[where] += found
        return text

    def _text_value(self, key: str, value: str) -> str:
        sensitive = self._judge(key)
        if sensitive is None:
            return value
        if sensitive != "none" and value_is_secret(sensitive, value):
            return self._take(key)
        redacted = self.text(value, key)
        if redacted is value and holds_connection(key) and ("@" in value or ";" in value) and "://" not in value:
            return self._take(key)
        return redacted

    def _judge_key(self, key: str) -> Sensitivity | None:
        """Return what a key promises; None is never secret, whatever the value looks like."""
        names = (key.lower(), key.rpartition(".")[2].lower())
        if self._allow and any(map(self._allow.fullmatch, names)):
            return None
        if self._redact and any(map(self._redact.fullmatch, names)):
            return "strong"
        return dotted_sensitivity(key)

    def _is_secret(self, key: str, value: str) -> bool:
        sensitive = self._judge(key)
        return sensitive not in (None, "none") and value_is_secret(sensitive, value)

    def _follows(self, flag: str, argument: str) -> bool:
        """Return whether an argument is the secret of the flag before it."""
        if flag in ("u", "user"):  # curl's user:password, but not docker's 1000:1000
            return _USER_PASSWORD.fullmatch(argument) is not None
        return self._is_secret(flag, argument)

    def _take(self, where: str) -> str:
        self.hits[where] += 1
        return REDACTED


def _globs(globs: Iterable[str]) -> re.Pattern[str] | None:
    patterns = [fnmatch.translate(glob.lower()) for glob in globs]
    return re.compile("|".join(patterns)) if patterns else None

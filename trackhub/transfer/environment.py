"""Take the secrets out of what a source says a run ran on; the names of packages are no keys of secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trackhub.redact import Redactor

_PACKAGES = "packages"


def redacted_environment(environment: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """Return an environment without secrets.

    >>> redacted_environment(
    ...     {"python": {"packages": {"google-auth": "2.29.0"}}, "variables": {"API_KEY": "hunter22"}}, Redactor()
    ... )
    {'python': {'packages': {'google-auth': '2.29.0'}}, 'variables': {'API_KEY': '[redacted]'}}
    """
    return {name: _redacted(f"environment.{name}", name, value, redactor) for name, value in environment.items()}


def _redacted(key: str, name: str, value: Any, redactor: Redactor) -> Any:
    if not isinstance(value, Mapping):
        return redactor.value(key, value)
    if name == _PACKAGES:
        # A version may be a URL to install from, which can hold a token: only its look tells.
        return {
            package: redactor.text(version, key) if isinstance(version, str) else redactor.value(key, version)
            for package, version in value.items()
        }
    return {inner: _redacted(f"{key}.{inner}", inner, item, redactor) for inner, item in value.items()}

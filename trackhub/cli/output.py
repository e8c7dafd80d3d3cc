"""Print tables and JSON: drawn on a terminal, tab-separated in a pipe, with nothing cut off.

JSON has no NaN and no infinity: they are the strings ``"NaN"``, ``"Infinity"``, ``"-Infinity"``.
Ints keep every digit, however many.
"""

# ruff: noqa: PLC0415 - rich is imported where a table is drawn, so that a pipe and --help do without

from __future__ import annotations

import datetime
import json
import math
import re
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, TypeAlias

import typer

StoreOption: TypeAlias = Annotated[
    str | None, typer.Option("--store", help="Folder of the journals; else as in the settings, else .trackhub.")
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ToOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--to", help="Destination: a URL, or a name in the settings; several times, or with commas."),
]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def on_terminal() -> bool:
    """Return whether a person looks at stdout."""
    return sys.stdout.isatty()


def complain(text: str) -> None:
    """Say on stderr what went wrong."""
    typer.echo(f"trackhub: {text}", err=True)


def remark(text: str) -> None:
    """Say on stderr what is not the answer itself."""
    typer.echo(text, err=True)


def print_json(value: Any) -> None:
    """Print a value as one JSON document."""
    typer.echo(to_json(value, indent=2))


def to_json(value: Any, *, indent: int | None = None) -> str:
    """Return a value as JSON.

    >>> to_json({"loss": float("nan"), "seed": 2**80})
    '{"loss": "NaN", "seed": 1208925819614629174706176}'
    """
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False, indent=indent)
    except ValueError:
        return json.dumps(_without_nan(value), allow_nan=False, ensure_ascii=False, indent=indent)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value


def print_table(titles: Sequence[str], rows: Iterable[Sequence[Any]], *, spare: Sequence[str] = ()) -> None:
    """Print rows below their titles.

    :param spare: the columns that a terminal can do without where not all have room, least wanted first.
    """
    lines = [tuple(titles), *(tuple(cell(item) for item in row) for row in rows)]
    if on_terminal():
        _draw(lines, spare)
    else:
        typer.echo("\n".join("\t".join(line) for line in lines))


def _draw(lines: list[tuple[str, ...]], spare: Sequence[str]) -> None:
    """Draw a table, without the columns that nothing stands in; where it has no room, rows become paragraphs.

    The last column may take several lines: errors and other long texts stand there.
    """
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    columns = {column[0]: column for column in zip(*lines, strict=True) if any(column[1:]) or len(lines) == 1}
    widths = {title: max(map(cell_len, column)) + _GAP for title, column in columns.items()}
    last = next(reversed(columns))
    widths[last] = min(widths[last], _LAST_COLUMN)
    for title in spare:
        if sum(widths.values()) - _GAP > console.width:
            columns.pop(title, None)
            widths.pop(title, None)
    rows = zip(*(column[1:] for column in columns.values()), strict=True)
    if sum(widths.values()) - _GAP <= console.width:
        table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
        for title in columns:
            table.add_column(title, overflow="fold", no_wrap=title != last)
        for row in rows:
            table.add_row(*(Text(text, style=_STYLES.get(text, "")) for text in row))
        console.print(table)
        return
    longest = max(map(len, columns))
    for row in rows:
        for title, text in zip(columns, row, strict=True):
            if text:
                line = Text.assemble((f"{title:{longest}}  ", "bold"), (text, _STYLES.get(text, "")))
                console.print(line, overflow="fold")
        console.print()


_GAP = 2
_LAST_COLUMN = 40
"""How much of a terminal is enough for the last column."""

_STYLES = {
    "finished": "green",
    "delivered": "green",
    "ok": "green",
    "running": "cyan",
    "delivering": "cyan",
    "failed": "red",
    "crashed": "red",
    "killed": "yellow",
    "retrying": "yellow",
    "unauthorized": "red",
    "stopped": "red",
    "warning": "yellow",
    "DIFFERENT": "red",
}


def cell(value: Any) -> str:
    r"""Return a value as a table shows it: on one line, without what a terminal would obey.

    >>> cell(0.123456789), cell(None), cell("two\nlines"), cell([1, 2])
    ('0.123457', '', 'two\\nlines', '[1, 2]')
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return (
            value
            if value.isprintable()
            else _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), value)
        )
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict | list | tuple):
        return cell(to_json(value))
    return str(value)


def clock(nanoseconds: int | None) -> str:
    """Return a time as people read it, in their own zone."""
    if not nanoseconds:
        return ""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(nanoseconds // 1_000_000_000))


def iso(nanoseconds: int | None) -> str | None:
    """Return a time as machines read it: ISO 8601 in UTC with every nanosecond.

    >>> iso(1_000_000_001)
    '1970-01-01T00:00:01.000000001Z'
    """
    if nanoseconds is None:
        return None
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


def lasting(seconds: float | None) -> str:
    """Return a length of time in words.

    >>> lasting(3.25), lasting(75), lasting(7265)
    ('3.2s', '1m15s', '2h01m')
    """
    if seconds is None:
        return ""
    whole = int(seconds)
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds:.1f}s"
    if whole < 3600:  # noqa: PLR2004
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole // 60 % 60:02}m"


def size(count: float) -> str:
    """Return a number of bytes in words.

    >>> size(512), size(1_500_000)
    ('512 B', '1.5 MB')
    """
    if count < 1000:  # noqa: PLR2004
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 1000:  # noqa: PLR2004
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} TB"

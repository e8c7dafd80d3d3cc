"""Tell from a file's first bytes and its name how TensorBoard can show it."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

LARGEST_IMAGE = 8 << 20
LARGEST_TEXT = 64 << 10
LARGEST_SHOW = 32 << 20
"""How many bytes of one artifact are shown: an artifact may be a folder of ten thousand images."""
_FENCED = {
    ".txt": "", ".log": "", ".json": "json", ".html": "html", ".htm": "html", ".csv": "", ".tsv": "", ".yaml": "yaml",
    ".yml": "yaml", ".toml": "toml", ".ini": "", ".xml": "xml", ".py": "python", ".sh": "sh", ".sql": "sql",
}  # fmt: skip
_BEGINNINGS = (b"\x89PNG", b"\xff\xd8", b"GIF8", b"BM")
_FORMATS = ("PNG", "JPEG", "GIF", "BMP")


def picture(path: Path) -> tuple[bytes, tuple[int, int]] | None:
    """Return an image's bytes and its size, if it is one that browsers show and not too large."""
    with path.open("rb") as file:
        if not file.read(4).startswith(_BEGINNINGS) or path.stat().st_size > LARGEST_IMAGE:
            return None
    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            return content, image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None  # its beginning is no image's


def markdown(path: Path, name: str) -> str | None:
    """Return a text as Markdown, if a file of this name is one and not too large."""
    suffix = Path(name).suffix.lower()
    if (suffix != ".md" and suffix not in _FENCED) or not 0 < path.stat().st_size <= LARGEST_TEXT:
        return None
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        return None
    return text if suffix == ".md" else fenced(text, _FENCED[suffix])


def fenced(text: str, language: str = "") -> str:
    """Return a text that is shown as it is, with any backticks in it.

    >>> print(fenced("a"))
    ```
    a
    ```
    """
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"


def cell(text: str) -> str:
    """Return a text for a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")

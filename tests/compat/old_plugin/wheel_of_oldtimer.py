"""Build this plugin's wheel with nothing but the standard library, so that no index is asked."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

_NAME = "trackhub_oldtimer-1.0.0"
_INFO = {
    "METADATA": "Metadata-Version: 2.1\nName: trackhub-oldtimer\nVersion: 1.0.0\nRequires-Dist: trackhub-core\n",
    "WHEEL": "Wheel-Version: 1.0\nGenerator: wheel_of_oldtimer\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "entry_points.txt": "[trackhub]\noldtimer = trackhub_oldtimer\n",
}


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """Write the wheel and return its name."""
    package = Path(__file__).with_name("trackhub_oldtimer")
    files = {f"trackhub_oldtimer/{path.name}": path.read_bytes() for path in sorted(package.glob("*.py"))}
    files |= {f"{_NAME}.dist-info/{name}": text.encode() for name, text in _INFO.items()}
    record = f"{_NAME}.dist-info/RECORD"
    lines = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in files.items()]
    files[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    wheel = f"{_NAME}-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory, wheel), "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return wheel


def _digest(data):
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()

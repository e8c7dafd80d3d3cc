"""Run training scripts against the ``filesink`` plugin and read what its folder holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SITE = Path(__file__).parent / "site"


class SinkWorld:
    """Hold a folder in which scripts train and a sink receives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sink = folder / "sink"
        self.sink.mkdir()
        self.url = f"filesink:{self.sink}"

    def environment(self, **more: str) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("TRACKHUB_")}
        path = os.pathsep.join([str(SITE), plain.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        return {**plain, "PYTHONPATH": path, "TRACKHUB_TO": self.url, "TRACKHUB_CAPTURE": "false", **more}

    def start(self, code: str, **more: Any) -> subprocess.Popen[str]:
        """Start a training script."""
        environment = self.environment(**more.pop("env", {}))
        more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        script = self.folder / "train.py"
        script.write_text(code)
        return subprocess.Popen([sys.executable, str(script)], cwd=self.folder, env=environment, text=True, **more)

    def train(self, code: str, **more: Any) -> tuple[int, str, str]:
        """Run a training script to its end."""
        with self.start(code, **more) as process:
            out, err = process.communicate(timeout=50)
            return process.returncode, out, err

    def runs(self) -> list[Path]:
        return sorted(path for path in self.sink.iterdir() if path.is_dir())

    def held(self, kind: str, run: Path | None = None) -> list[Any]:
        """Return what the sink has of a kind, of one run or of the only one."""
        path = (run or self.only()) / f"{kind}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def only(self) -> Path:
        (run,) = self.runs()
        return run

    def status(self) -> list[str]:
        return [end["status"] for end in self.held("ends")]


def eventually(condition: Callable[[], object], timeout_s: float = 20.0) -> Any:
    """Return a condition's result once it is true."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            result = condition()
        except (OSError, ValueError):
            result = None
        if result:
            return result
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)

"""Give a benchmark its folder, its Python processes and its peers; everything it leaves behind lies there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).absolute().parents[1]
PEERS = Path(__file__).absolute().parent / ".venv-peers"
_DIST = "trackhub_bench-1.0.dist-info"


class Failed(Exception):  # noqa: N818 - the process did
    """Say why a measuring process gave no figures."""


@dataclass(frozen=True, slots=True)
class Place:
    """Hold where a benchmark works.

    :ivar quick: fewer rounds and smaller amounts, for a look.
    """

    folder: Path
    quick: bool

    def module(self, name: str, *arguments: object, timeout_s: float = 1800.0) -> Any:
        """Run a module of ours in a process of its own, and return what it prints as JSON."""
        return self.run([sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)], timeout_s=timeout_s)

    def peer(self, name: str, *arguments: object, timeout_s: float = 600.0) -> Any:
        """Run one peer's script in the peers' environment, and return what it prints as JSON.

        :raises Failed: the peer is absent, or did not work.
        """
        if not peers_python().exists():
            raise Failed("absent: python -m benchmarks --peers installs the peers")
        script = ROOT / "benchmarks" / "peer.py"
        command = [str(peers_python()), str(script), name, *map(str, arguments)]
        return self.run(command, timeout_s=timeout_s, path="")

    def run(self, command: list[str], *, timeout_s: float, path: str | None = None) -> Any:
        """Run a command and return the JSON of its last line."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environ(path),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if done.returncode:
            raise Failed((done.stderr.strip() or "no word").splitlines()[-1][:300])
        return json.loads(done.stdout.splitlines()[-1])

    def environ(self, path: str | None = None) -> dict[str, str]:
        """Return an environment in which only the benchmark's own plugin is added."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TRACKHUB_")}
        path = os.pathsep.join([str(self.plugin()), str(ROOT)]) if path is None else path
        return kept | {"PYTHONPATH": path, "TRACKHUB_CACHE": str(self.folder / "cache"), "OMP_NUM_THREADS": "1"}

    def plugin(self) -> Path:
        """Return a folder that offers :mod:`benchmarks.backend` by an entry point, as an installed plugin would."""
        dist = self.folder / "plugin" / _DIST
        if not dist.exists():
            dist.mkdir(parents=True)
            (dist / "METADATA").write_text("Metadata-Version: 2.1\nName: trackhub-bench\nVersion: 1.0\n")
            (dist / "entry_points.txt").write_text("[trackhub]\nbench = benchmarks.backend\n")
        return dist.parent


def peers_python() -> Path:
    """Return the peers' interpreter, there or not."""
    return PEERS / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install_peers() -> None:
    """Make the peers' environment, and install into it what can be, each on its own."""
    if not peers_python().exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
    for line in (ROOT / "benchmarks" / "peers.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            done = subprocess.run([str(peers_python()), "-m", "pip", "install", "-q", line], check=False)
            print(f"{line}: {'installed' if done.returncode == 0 else 'absent'}")

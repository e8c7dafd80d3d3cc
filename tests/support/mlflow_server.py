"""Run a real MLflow server on the loopback for a test session: its own process, folder and port."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

START_S = 120.0
STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class MlflowServer:
    """Hold where a server listens and keeps its files."""

    url: str
    folder: Path
    pid: int


@contextlib.contextmanager
def mlflow_server(folder: Path) -> Iterator[MlflowServer]:
    """Start a server, wait until it answers, and stop it, and what it started, afterwards.

    :raises RuntimeError: it ended, or did not answer in two minutes; its log is in the message.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    # Without jobs it is two processes instead of ten, and ready in half the time.
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=inherited | quiet, stdout=output, stderr=output, cwd=folder, start_new_session=True
        )
    try:
        _wait_until_ready(process, url, log)
        yield MlflowServer(url=url, folder=folder, pid=process.pid)
    finally:
        _stop(process)


def free_port() -> int:
    """Return a port on the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            if answer.read().strip() == b"OK":
                return
        time.sleep(0.1)
    raise RuntimeError(f"the MLflow server did not come up:\n{log.read_text(errors='replace')[-4000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and its worker: it leads a process group of its own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)

from __future__ import annotations

import pytest
from support.sink import SinkWorld, eventually

jupyter = pytest.importorskip("jupyter_client")

CELL = """
import trackhub
run = trackhub.start_run(project="p", name="notebook")
for step in range(20):
    run.log({"loss": step / 2}, step=step)
"""

LAST_CELL = """
run.log({"loss": 9.0}, step=20)
report = run.finish()
assert report.complete, report
"""


def run_cell(client, code):
    """Run a cell and return its error, if any."""
    reply = client.execute_interactive(code, timeout=40, output_hook=lambda message: None, allow_stdin=False)
    return reply["content"].get("evalue")


def test_a_notebook_logs_and_delivers(tmp_path, monkeypatch):
    """A run that is spread over a kernel's cells is delivered, and a failing cell does not end it."""
    world = SinkWorld(tmp_path)
    environment = world.environment(IPYTHONDIR=str(tmp_path / "ipython"), JUPYTER_PLATFORM_DIRS="1")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    manager = jupyter.KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(tmp_path), env=environment)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=40)
        assert run_cell(client, CELL) is None
        assert run_cell(client, "1 / 0") == "division by zero"
        assert run_cell(client, LAST_CELL) is None
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
    eventually(world.status)
    assert [point[2] for point in world.held("points")] == list(range(21))
    assert world.status() == ["finished"]

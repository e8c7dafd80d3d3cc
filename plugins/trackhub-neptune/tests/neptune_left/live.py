"""Leave the folder of a run that speaks to a server, and is killed: ``python live.py FOLDER async|sync``."""

from __future__ import annotations

import os
import signal
import sys

import neptune


def main(folder: str, mode: str) -> None:
    os.chdir(folder)
    quiet = {"capture_stdout": False, "capture_stderr": False, "capture_hardware_metrics": False}
    run = neptune.init_run(project="team/digits", mode=mode, name="live", source_files=[], git_ref=False, **quiet)
    for step in range(50):
        run["loss"].append(step / 2, step=step)
    run.sync()
    for step in range(50, 400 if mode == "async" else 60):
        run["loss"].append(step / 2, step=step)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

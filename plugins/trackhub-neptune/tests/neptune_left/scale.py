"""Leave the databases of offline runs, by the unmodified neptune-scale: ``python scale.py FOLDER [killed]``."""

from __future__ import annotations

import datetime
import os
import signal
import sys
from pathlib import Path

from neptune_scale import Run
from neptune_scale.types import Histogram

CREATED = datetime.datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=datetime.UTC)
QUIET = {"enable_console_log_capture": False, "source_tracking_config": None}


def after(seconds: float) -> datetime.datetime:
    return CREATED + datetime.timedelta(seconds=seconds)


def main(folder: Path, *, killed: bool) -> None:
    run = Run(
        project="team/digits",
        run_id="run-1",
        mode="offline",
        log_directory=folder,
        creation_time=CREATED,
        experiment_name="first",
        **QUIET,
    )
    run.log_configs({"lr": 0.1, "n": 2**40, "below": -5, "ok": True, "text": "ä", "when": CREATED, "words": ["b", "a"]})
    run.log_configs({"lr": 0.2})
    for step in range(5):
        run.log_metrics({"loss": step / 2, "acc": step / 10}, step=step, timestamp=after(step))
    run.log_metrics({"loss": 0.123}, step=4.000001, timestamp=after(9))
    run.log_metrics({"loss": float("nan")}, step=6, timestamp=after(10))
    if killed:
        os.kill(os.getpid(), signal.SIGKILL)
    run.log_metrics({"loss": 9.0}, step=7, timestamp=after(11), preview=True, preview_completion=0.5)
    run.add_tags(["x", "y"])
    run.remove_tags(["y"])
    run.add_tags(["g"], group_tags=True)
    run.log_string_series({"log": "hello"}, step=1, timestamp=after(1))
    run.log_histograms({"weights": Histogram(bin_edges=[0, 1, 2], counts=[3, 4])}, step=1, timestamp=after(1))
    run.log_histograms({"weights": Histogram(bin_edges=[0, 1, 2], densities=[0.25, 0.75])}, step=2, timestamp=after(2))
    kept, gone = folder / "kept.txt", folder / "gone.txt"
    kept.write_text("kept")
    gone.write_text("gone")
    run.assign_files({"files/kept": kept, "files/gone": gone, "files/bytes": b"bytes"})
    run.log_files({"pictures": b"png"}, step=1)
    run.close(timeout=20)
    gone.unlink()
    fork = Run(
        project="team/digits",
        run_id="run-2",
        mode="offline",
        log_directory=folder,
        fork_run_id="run-1",
        fork_step=3,
        **QUIET,
    )
    fork.log_metrics({"loss": 1.0}, step=4, timestamp=after(20))
    fork.close(timeout=20)


if __name__ == "__main__":
    main(Path(sys.argv[1]), killed=sys.argv[2:] == ["killed"])

"""Leave the folder of an offline run, by the unmodified 1.x client: ``python v1.py FOLDER [killed]``."""

from __future__ import annotations

import datetime
import os
import signal
import sys
import time
from pathlib import Path

import neptune
import numpy as np
from neptune.types import File

WHEN = datetime.datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.UTC)


def main(folder: Path, *, killed: bool) -> None:
    os.chdir(folder)
    run = neptune.init_run(
        mode="offline",
        name="first",
        description="of two",
        tags=["a", "b"],
        capture_stdout=False,
        capture_stderr=False,
        capture_hardware_metrics=False,
        source_files=[],
        git_ref=False,
    )
    run["params/lr"] = 0.1
    run["params/lr"] = 0.2
    run["params"] = {"n": 3, "ok": True, "text": "x", "when": WHEN}
    for step in range(5):
        run["m/loss"].append(step / 10, step=step, timestamp=1_700_000_000.123 + step)
    run["m/loss"].append(0.45, step=4.5, timestamp=1_700_000_005.0)
    run["m/loss"].append(0.3, step=3, timestamp=1_700_000_006.0)
    run["m/without"].append(1.5)
    run["m/gone"].append(1.0)
    del run["m/gone"]
    run["m/again"].append(1.0, step=0)
    del run["m/again"]
    run["m/again"].append(2.0, step=0)
    run["log"].append("hello", step=1, timestamp=1_700_000_000.5)
    run["log"].append("wörld", timestamp=1_700_000_001.5)
    if killed:
        for step in range(300):
            run["m/many"].append(step, step=step)
        os.kill(os.getpid(), signal.SIGKILL)
    run["data/table"].upload(File.from_content("abc", extension="csv"))
    Path("kept.bin").write_bytes(b"1234")
    Path("gone.bin").write_bytes(b"5678")
    run["model/kept"].upload("kept.bin")
    run["model/gone"].upload("gone.bin")
    Path("src/deep").mkdir(parents=True)
    Path("src/one.py").write_text("1")
    Path("src/deep/two.py").write_text("2")
    run["code"].upload_files("src/**/*.py")
    run["tracked"].track_files("kept.bin")
    run["images"].append(File.as_image(np.zeros((2, 2))), step=3, name="black", description="all of it")
    run["words"].add(["q", "r"])
    run["words"].remove("q")
    time.sleep(0.01)
    run.stop()
    Path("gone.bin").unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]), killed=sys.argv[2:] == ["killed"])

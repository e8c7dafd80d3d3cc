"""Run benchmarks and print a table of each: ``python -m benchmarks [--quick] [--only NAME] [--json FILE]``."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import facts
from benchmarks.place import Failed, Place, install_peers
from benchmarks.rows import Row, table

NAMES = (
    "log_cost",
    "loop_1khz",
    "import_cost",
    "start_cost",
    "memory",
    "bytes_per_point",
    "decode",
    "ls",
    "sync_throughput",
    "comet_delivery",
    "wandb_delivery",
    "neptune_import",
)


def main(arguments: list[str] | None = None) -> int:
    """Run what is asked for; 0 if every figure is within its budget."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=NAMES, help="this benchmark; may be repeated")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller amounts, for a look")
    parser.add_argument("--json", type=Path, help="write the rows and the machine's facts to this file")
    parser.add_argument("--peers", action="store_true", help="first install the peers, into benchmarks/.venv-peers")
    chosen = parser.parse_args(arguments)
    if chosen.peers:
        install_peers()
    machine = facts()
    print("\n".join(f"{name + ':':<11}{value}" for name, value in machine.items()))
    results: list[dict[str, Any]] = []
    for name in chosen.only or NAMES:
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"\n{name}: {module.__doc__.splitlines()[0]}", flush=True)
        began = time.monotonic()
        rows: list[Row] = []
        with tempfile.TemporaryDirectory(prefix=f"trackhub-{name}-", ignore_cleanup_errors=True) as folder:
            try:
                rows.extend(module.run(Place(Path(folder), quick=chosen.quick)))
            except Failed as error:
                rows.append(Row("did not run", None, "", 0.0, note=str(error)))
        print(table(rows))
        print(f"  ({time.monotonic() - began:.0f} s)", flush=True)
        results += [row.as_json(name) for row in rows]
    if chosen.json:
        chosen.json.write_text(json.dumps({"machine": machine, "quick": chosen.quick, "rows": results}, indent=1))
    return int(any(result["met"] is False for result in results))


if __name__ == "__main__":
    sys.exit(main())

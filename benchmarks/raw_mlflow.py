"""Log points to MLflow by the bare ``MlflowClient.log_batch``, a thousand a call; what a sync is held against."""

from __future__ import annotations

import json
import sys
import time

CHUNK = 1000


def main(uri: str, points: str) -> dict[str, float]:
    """Log so many points of 5 series and return the seconds, imports apart."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    began = time.perf_counter()
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    names, now = [f"metric_{at}" for at in range(5)], time.time_ns() // 1_000_000
    run = client.create_run(client.get_experiment_by_name("Default").experiment_id)
    for first in range(0, int(points), CHUNK):
        places = range(first, min(first + CHUNK, int(points)))
        metrics = [Metric(names[at % 5], (at % 1009) / 1009, now + at // 5, at // 5) for at in places]
        client.log_batch(run.info.run_id, metrics=metrics)
    client.set_terminated(run.info.run_id)
    return {"seconds": time.perf_counter() - began}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))

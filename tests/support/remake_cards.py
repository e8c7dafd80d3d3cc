"""Run the suite against each plugin's vendor, or the server that stands in for it, and write the cards anew.

``python tests/support/remake_cards.py [comet local mlflow neptune tensorboard wandb]``, then review the diff and run
``pytest tests/test_cards.py --update`` for the pages. Takes a few minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), *(str(path) for path in ROOT.glob("plugins/*/tests"))]

from support.cards import kept  # noqa: E402 - the path comes first
from support.mlflow_server import free_port  # noqa: E402


def check(name: str, url: str, *, unreachable: str = "", refused: str = "", **environment: str) -> None:
    """Write a plugin's card, from a run of the suite at a URL."""
    command = [sys.executable, "-m", "trackhub.cli", "plugins", "check", url, "--json"]
    for option, given in (("--unreachable", unreachable), ("--refused", refused)):
        command += [option, given] if given else []
    env = {**os.environ, "TRACKHUB_DELIVERY": "off", **environment}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, env=env, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise SystemExit(f"{name}: the suite failed; its card stays: {done.stdout.decode()[-2000:]}")
    (ROOT / "plugins" / f"trackhub-{name}" / "card.json").write_text(kept(done.stdout))
    sys.stderr.write(f"{name}: written\n")


def comet() -> None:
    """Ask two servers of Comet's protocol, one of which knows no key."""
    from comet_server import API_KEY, comet_server

    with comet_server() as server, comet_server() as locked:
        locked.keys.clear()
        options = "/team?values_per_minute=0&settle_s=1&timeout_s=5"
        check(
            "comet",
            server.destination + options,
            unreachable=f"comet+http://127.0.0.1:{free_port()}{options}",
            refused=locked.destination + options,
            COMET_API_KEY=API_KEY,
        )


def local() -> None:
    """Ask a folder."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "file").touch()
        check("local", f"local:{folder}/runs", unreachable=f"local:{folder}/file/runs")


def mlflow() -> None:
    """Ask a server of MLflow's own, and one that takes nobody."""
    from support.faultproxy import answer, fault_proxy
    from support.mlflow_server import mlflow_server

    with (
        tempfile.TemporaryDirectory() as folder,
        mlflow_server(Path(folder)) as server,
        fault_proxy(server.url) as proxy,
    ):
        proxy.rates({answer(401): 1.0}, seed=1)
        check("mlflow", f"mlflow+{server.url}", refused=f"mlflow+{proxy.url}")


def neptune() -> None:
    """Ask a server of the 2.x protocol, and tokens that lead nowhere or that it does not know."""
    from neptune_server import Rules, neptune_server
    from neptune_server.serving import api_token

    with neptune_server("v1", Rules()) as server:
        url = "neptune://team/digits?api=v1"
        check(
            "neptune",
            url,
            unreachable=f"{url}&token_env=NEPTUNE_DEAD_TOKEN",
            refused=f"{url}&token_env=NEPTUNE_WRONG_TOKEN",
            NEPTUNE_API_TOKEN=server.token(),
            NEPTUNE_DEAD_TOKEN=api_token(f"http://127.0.0.1:{free_port()}"),
            NEPTUNE_WRONG_TOKEN=api_token(server.url, "another key"),
        )


def tensorboard() -> None:
    """Ask a folder."""
    with tempfile.TemporaryDirectory() as folder:
        check("tensorboard", f"tensorboard:{folder}/logs")


def wandb() -> None:
    """Ask two servers of W&B's protocol, one of which knows no key."""
    from wandb_server import API_KEY, wandb_server

    with wandb_server() as server, wandb_server() as locked:
        locked.keys.clear()
        options = "/team?timeout_s=10&settle_s=2&live=false"
        check(
            "wandb",
            server.destination + options,
            unreachable=f"wandb+http://127.0.0.1:{free_port()}{options}",
            refused=locked.destination + options,
            WANDB_API_KEY=API_KEY,
        )


MAKERS: dict[str, Callable[[], None]] = {
    maker.__name__: maker for maker in (comet, local, mlflow, neptune, tensorboard, wandb)
}


if __name__ == "__main__":
    for wanted in sys.argv[1:] or MAKERS:
        MAKERS[wanted]()

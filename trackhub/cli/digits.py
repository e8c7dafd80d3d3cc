"""Train a classifier on scikit-learn's digits and log it: what a training with trackhub looks like."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import joblib  # type: ignore[import-untyped]
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits  # type: ignore[import-untyped]
from sklearn.metrics import ConfusionMatrixDisplay, log_loss  # type: ignore[import-untyped]
from sklearn.model_selection import train_test_split  # type: ignore[import-untyped]
from sklearn.neural_network import MLPClassifier  # type: ignore[import-untyped]

import trackhub


def train(*, to: Sequence[str], store: Path, epochs: int) -> trackhub.Run:
    """Train for some epochs, and return the run that tells of it."""
    model_params = {"hidden_layer_sizes": [64], "alpha": 1e-4, "learning_rate_init": 2e-3, "random_state": 7}
    params = {"model": model_params, "data": {"name": "digits", "test_size": 0.25}, "epochs": epochs, "batch_size": 32}

    images, labels = load_digits(return_X_y=True)
    images, test_images, labels, test_labels = train_test_split(images / 16, labels, test_size=0.25, random_state=7)
    model = MLPClassifier(**model_params)
    shuffle = np.random.default_rng(7)

    with trackhub.start_run(project="digits", to=to, store=store, params=params, tags={"phase": "demo"}) as run:
        step = 0
        for epoch in range(1, epochs + 1):
            order = shuffle.permutation(len(images))
            for batch in np.array_split(order, len(images) // 32):
                model.partial_fit(images[batch], labels[batch], classes=np.arange(10))
                step += 1
                run.log({"train/loss": model.loss_}, step=step)
            test_loss = log_loss(test_labels, model.predict_proba(test_images))
            run.log({"test/loss": test_loss, "test/accuracy": model.score(test_images, test_labels)}, step=epoch)

        with tempfile.TemporaryDirectory() as folder:
            plot = Path(folder, "confusion.png")
            _draw_confusion(model, test_images, test_labels, plot)
            run.log_artifact(plot, name="confusion", type="plot")

            weights = Path(folder, "model.joblib")
            joblib.dump(model, weights)
            run.log_artifact(weights, name="model", type="model")
        run.set_tags({"best": f"{model.score(test_images, test_labels):.1%}"})
    return run


def _draw_confusion(model: object, images: object, labels: object, path: Path) -> None:
    mpl.use("Agg")  # draws into files, where no screen is needed
    figure = Figure(figsize=(5, 5), layout="tight")
    ConfusionMatrixDisplay.from_estimator(model, images, labels, ax=figure.subplots(), colorbar=False)
    figure.savefig(path)

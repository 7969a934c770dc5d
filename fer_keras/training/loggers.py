"""What a run tells TensorBoard or MLflow: curves as it goes, then recipe, confusion matrix and files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import keras

from ..datasets.faces import FaceDataset
from ..errors import FerKerasError, InputError
from ..evaluation.evaluate import evaluate_run
from ..recipe.recipe import Recipe, dump_recipe
from ..runs.run_folder import RunFolder

SPLIT = "validation"


class Logger(Protocol):
    """Told of one run.

    Attributes:
        callbacks: for ``fit``.
    """

    callbacks: list[keras.callbacks.Callback]

    def finish(self, run: RunFolder, recipe: Recipe, scores: dict) -> None:
        """Take what is known when the run is finished and scored on validation."""
        ...


class TensorBoardLogger:
    """Writes into a folder of TensorBoard's, one below it for the run.

    Args:
        folder: that TensorBoard is started with.
        name: of the run.

    Raises:
        InputError: the package tensorboard is not installed.
    """

    def __init__(self, folder: Path | str, name: str):
        _require("tensorboard", "tensorboard")
        self.folder = Path(folder) / name
        self.callbacks: list[keras.callbacks.Callback] = [keras.callbacks.TensorBoard(self.folder, write_graph=False)]

    def finish(self, run: RunFolder, recipe: Recipe, scores: dict) -> None:
        """Write the recipe as text, the scores as scalars and the confusion matrix as a picture."""
        import numpy as np
        import tensorflow as tf
        from PIL import Image

        with Image.open(run.evaluation(SPLIT) / "confusion_matrix.png") as picture:
            pixels = np.asarray(picture.convert("RGB"))[None]  # (1, H, W, 3)
        writer = tf.summary.create_file_writer(str(self.folder / SPLIT))
        with writer.as_default(step=0):
            tf.summary.text("recipe", f"```\n{dump_recipe(recipe)}\n```")
            tf.summary.image("confusion matrix, validation", pixels)
            for name, value in _numbers(scores).items():
                tf.summary.scalar(f"best/{name}", value)
        writer.close()


class MlflowLogger:
    """Logs to the tracking server or folder that MLflow is set to (``MLFLOW_TRACKING_URI``).

    Args:
        experiment: name of it.
        name: of the run.

    Raises:
        InputError: no MLflow package is installed.
    """

    def __init__(self, experiment: str, name: str):
        self._mlflow = _require("mlflow", "mlflow")
        self._mlflow.set_experiment(experiment)
        self._run = self._mlflow.start_run(run_name=name)
        self.callbacks: list[keras.callbacks.Callback] = [self._mlflow.keras.MlflowCallback(log_every_epoch=True)]

    def finish(self, run: RunFolder, recipe: Recipe, scores: dict) -> None:
        """Log the recipe's keys, the scores and the files of the run, the confusion matrix among them."""
        sections = recipe.model_dump(mode="json")
        keys = {f"{name}.{key}": value for name, section in sections.items() for key, value in section.items()}
        self._mlflow.log_params({key: str(value)[:500] for key, value in keys.items()})
        self._mlflow.log_metrics({f"best_{name}": value for name, value in _numbers(scores).items()})
        for path in run.files():
            folder = path.relative_to(run.path).parent.as_posix()
            self._mlflow.log_artifact(str(path), None if folder == "." else folder)

    def close(self, *, failed: bool) -> None:
        """End the run of MLflow."""
        self._mlflow.end_run("FAILED" if failed else "FINISHED")


@contextlib.contextmanager
def open_loggers(name: str, tensorboard: Path | None = None, mlflow: str | None = None) -> Iterator[list[Any]]:
    """Yield the loggers that are asked for.

    Args:
        name: of the run.
        tensorboard: folder of TensorBoard's.
        mlflow: experiment of MLflow's.

    Raises:
        InputError: a package is not installed.
    """
    loggers: list[Any] = [] if tensorboard is None else [TensorBoardLogger(tensorboard, name)]
    loggers += [] if mlflow is None else [MlflowLogger(mlflow, name)]
    failed = True
    try:
        yield loggers
        failed = False
    finally:
        for logger in loggers:
            if isinstance(logger, MlflowLogger):
                logger.close(failed=failed)


def finish_loggers(loggers: Sequence[Logger], run: RunFolder, recipe: Recipe, dataset: FaceDataset) -> None:
    """Score the finished run on validation, for the confusion matrix, and hand it to the loggers."""
    if not loggers:
        return
    scores = evaluate_run(run, dataset, SPLIT)
    for logger in loggers:
        logger.finish(run, recipe, scores)


def _numbers(scores: dict) -> dict[str, float]:
    names = ("accuracy", "macro_f1", "balanced_accuracy", "nll", "ece")
    return {name: float(scores[name]) for name in names}


def _require(module: str, extra: str) -> Any:
    import importlib

    try:
        found = importlib.import_module(module)
        return importlib.import_module("mlflow.keras") and found if module == "mlflow" else found
    except ImportError as error:
        raise InputError(f"{module} is not installed", hint=f'Install it: pip install "fer_keras[{extra}]"') from error
    except Exception as error:  # MLflow looks at versions of other packages when it is imported
        raise FerKerasError(f"{module} cannot be imported: {error}") from error

"""Curves, recipe, confusion matrix and files of a run: in a folder of TensorBoard's, in a store of MLflow's."""

import sys

import pytest

from fer_keras.errors import InputError
from fer_keras.recipe.recipe import make_recipe
from fer_keras.runs.run_folder import RunFolder
from fer_keras.training.loggers import finish_loggers, open_loggers
from fer_keras.training.train import train

RECIPE = make_recipe({"model": {"name": "simple_cnn", "head_units": 0}, "train": {"epochs": 2, "batch_size": 16}})


def train_logged(dataset, run, **options):
    with open_loggers("mine", **options) as loggers:
        train(RECIPE, dataset, run, callbacks=[c for logger in loggers for c in logger.callbacks])
        finish_loggers(loggers, run, RECIPE, dataset)


def test_tensorboard(tiny_dataset, tmp_path):
    pytest.importorskip("tensorboard", reason="needs the extra tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train_logged(tiny_dataset, RunFolder(tmp_path / "run"), tensorboard=tmp_path / "logs")
    found = EventAccumulator(str(tmp_path / "logs" / "mine" / "train")).Reload()
    assert {"epoch_loss", "epoch_accuracy"} <= set(found.Tags()["tensors"])
    last = EventAccumulator(str(tmp_path / "logs" / "mine" / "validation")).Reload()
    assert {"epoch_accuracy", "recipe", "best/accuracy", "confusion matrix, validation"} <= set(last.Tags()["tensors"])
    assert b"simple_cnn" in last.Tensors("recipe")[0].tensor_proto.string_val[0]


def test_mlflow(tiny_dataset, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="needs the extra mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "store").as_uri())
    run = RunFolder(tmp_path / "run")
    train_logged(tiny_dataset, run, mlflow="faces")
    (found,) = mlflow.search_runs(experiment_names=["faces"], output_format="list")
    assert found.info.status == "FINISHED"
    assert (found.data.params["train.epochs"], found.data.params["model.name"]) == ("2", "simple_cnn")
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "best_accuracy"} <= set(found.data.metrics)
    folder = tmp_path / "store" / found.info.experiment_id / found.info.run_id / "artifacts"
    assert (folder / "evaluation" / "validation" / "confusion_matrix.png").is_file()
    assert {"recipe.yaml", "model.keras", "history.csv"} <= {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(("option", "module"), [("tensorboard", "tensorboard"), ("mlflow", "mlflow")])
def test_a_missing_package_is_named(option, module, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, module, None)
    missing = pytest.raises(InputError, match=rf"{module} is not installed.*fer_keras\[{module}\]")
    with missing, open_loggers("mine", **{option: str(tmp_path)}):
        pass

import json
from dataclasses import replace

import keras
import numpy as np
import pytest
from interrupted_runs import StopAt, weights

from fer_keras.datasets.faces import FaceDataset, Split, fingerprint
from fer_keras.errors import ModelFileError, RunFolderError, TrainingError
from fer_keras.evaluation.seen_faces import find_seen_faces
from fer_keras.models import build_model
from fer_keras.recipe.recipe import make_recipe
from fer_keras.runs.manifest import file_sha256
from fer_keras.runs.run_folder import RunFolder
from fer_keras.training.phases import find_base
from fer_keras.training.starting import take_over
from fer_keras.training.train import prepare_model, train

NETWORK = {"name": "cnn", "width": 8}


def recipe(source=None, *, epochs=1, network=None, **sections):
    start = {} if source is None else {"start": {"source": str(source)}}
    section = {"epochs": epochs, "batch_size": 16, "learning_rate": 1e-6}
    return make_recipe({"model": network or NETWORK, "train": section, **start, **sections})


def of_classes(dataset, *names, known=None):
    """The faces of some classes, under these names."""
    splits = {}
    for name, split in dataset.splits.items():
        rows = np.flatnonzero(split.labels < len(names))
        splits[name] = Split(split.images[rows], split.labels[rows], split.ids[rows])
    return FaceDataset("own", names, splits, "made for the test", fingerprint(splits, names))


@pytest.fixture(scope="module")
def parent(tiny_dataset, tmp_path_factory):
    run = RunFolder(tmp_path_factory.mktemp("parent") / "parent")
    train(recipe(epochs=2), tiny_dataset, run)
    return run


def body_and_head(run):
    values = weights(run)
    return values[:-2], values[-2:]


def logits(run, images):
    return keras.models.load_model(run.model, compile=False).predict(images, verbose=0)


def test_the_body_is_taken_over_and_other_classes_get_a_new_last_layer(parent, tiny_dataset, tmp_path):
    dataset, run = of_classes(tiny_dataset, "smile", "frown", "wink"), RunFolder(tmp_path / "own")
    train(recipe(parent.path), dataset, run)
    (ours, head), (theirs, _) = body_and_head(run), body_and_head(parent)
    assert [values.shape for values in head] == [(32, 3), (3,)]
    kernels = [(one, other) for one, other in zip(ours, theirs, strict=True) if one.ndim == 4]
    assert len(kernels) == 7
    for one, other in kernels:  # one epoch at a rate of 1e-6
        np.testing.assert_allclose(one, other, atol=1e-4)
    record = json.loads(run.run_json.read_text())
    assert record["started_from"]["run"] == "parent"
    assert record["started_from"]["head"] == "new"
    assert record["started_from"]["classes"] == list(tiny_dataset.classes)
    assert record["started_from"]["model_sha256"] == file_sha256(parent.model)


@pytest.mark.parametrize(
    ("classes", "kind"), [(None, "kept"), (("fear", "angry", "happy"), "rows of the same classes")]
)
def test_known_classes_keep_their_part_of_the_last_layer(parent, tiny_dataset, classes, kind):
    classes = classes or tiny_dataset.classes
    source = keras.models.load_model(parent.model, compile=False)
    model = build_model(recipe().model, len(classes))
    assert take_over(model, source, tiny_dataset.classes, classes) == kind
    images = tiny_dataset.splits["test"].images.astype("float32")
    rows = [tiny_dataset.classes.index(name) for name in classes]
    np.testing.assert_allclose(
        model.predict(images, verbose=0), source.predict(images, verbose=0)[:, rows], rtol=1e-5, atol=1e-5
    )


def test_a_frozen_body_stays_as_it_came_until_the_second_phase(parent, tiny_dataset, tmp_path):
    dataset = of_classes(tiny_dataset, "smile", "frown", "wink")
    frozen, run = {"start": {"source": str(parent.path), "freeze": True}}, RunFolder(tmp_path / "own")
    one_phase = make_recipe(
        {"model": NETWORK, "train": {"epochs": 1, "batch_size": 16, "learning_rate": 0.1}, **frozen}
    )
    train(one_phase, dataset, run)
    for one, other in zip(body_and_head(run)[0], body_and_head(parent)[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert json.loads(run.run_json.read_text())["trainable_parameters"] == 32 * 3 + 3
    two_phases = make_recipe(one_phase.model_dump(mode="json") | {"fine_tune": {"epochs": 1, "learning_rate": 0.1}})
    train(two_phases, dataset, second := RunFolder(tmp_path / "second"))
    record = json.loads(second.run_json.read_text())
    assert record["fine_tune"]["began_after_epoch"] == 1
    assert record["fine_tune"]["trainable_parameters"] > 10_000


def test_fine_tuning_can_open_a_part_and_keeps_or_trains_batch_normalisation(parent, tiny_dataset):
    from fer_keras.training.checkpoints import Progress
    from fer_keras.training.phases import open_base

    for option, expected in (("frozen", False), ("train", True)):
        section = {"epochs": 1, "from_layer": "stage3_1_conv", "batch_norm": option}
        wanted = recipe(parent.path, start={"source": str(parent.path), "freeze": True}, fine_tune=section)
        model = prepare_model(wanted, tiny_dataset)
        open_base(wanted, model, Progress(fine_tuning=True), 2)
        open_layers = {layer.name for layer in find_base(wanted, model).layers if layer.trainable and layer.weights}
        assert ("stage3_1_conv" in open_layers, "stage2_2_conv" in open_layers) == (True, False)
        assert ("stage3_1_bn" in open_layers) is expected


@pytest.mark.parametrize(
    "network", ["cnn_small", "cnn_tiny", "scratch_cnn", "simple_cnn", "mini_xception", "se_resnet14"]
)
def test_every_network_of_the_project_can_be_gone_on_with(network):
    section = recipe(network={"name": network}).model
    source, model = build_model(section, 7), build_model(section, 3)
    before = [np.array(values) for values in model.get_weights()]
    assert take_over(model, source, (), ("a", "b", "c")) == "new"
    for old, new, theirs in zip(before, model.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(new, theirs if theirs.shape == new.shape else old)


def test_a_keras_file_alone(parent, tiny_dataset, tmp_path):
    file = tmp_path / "mine.keras"
    file.write_bytes(parent.model.read_bytes())
    run = RunFolder(tmp_path / "own")
    train(recipe(file), tiny_dataset, run)
    record = json.loads(run.run_json.read_text())
    assert record["started_from"]["run"] == "mine.keras"
    assert record["started_from"]["head"] == "new"  # nobody knows its classes
    assert any("nobody knows which faces mine.keras" in notice for notice in record["notices"])


def test_another_network_is_refused(parent, tiny_dataset, tmp_path):
    with pytest.raises(ModelFileError, match="do not fit the recipe's network"):
        train(recipe(parent.path, network={"name": "cnn", "width": 16}), tiny_dataset, RunFolder(tmp_path / "a"))
    with pytest.raises(ModelFileError, match="do not fit the recipe's network"):
        train(recipe(parent.path, network={"name": "simple_cnn"}), tiny_dataset, RunFolder(tmp_path / "a"))
    assert not (tmp_path / "a").exists()
    with pytest.raises(RunFolderError, match=r"there is no run nothing.*cnn_small-fer2013"):
        train(recipe("nothing"), tiny_dataset, RunFolder(tmp_path / "a"))


def test_an_interrupted_run_needs_its_source_only_until_the_first_checkpoint(parent, tiny_dataset, tmp_path):
    import shutil

    shutil.copytree(parent.path, tmp_path / "source")
    options = {"train": {"epochs": 2, "batch_size": 16, "deterministic": True}}
    wanted = make_recipe({"model": NETWORK, "start": {"source": str(tmp_path / "source")}, **options})
    whole, run = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "run")
    train(wanted, tiny_dataset, whole)
    train(wanted, tiny_dataset, run, observer=StopAt(1, 1))
    shutil.rmtree(tmp_path / "source")
    assert train(wanted, tiny_dataset, run).finished
    for one, other in zip(weights(run), weights(whole), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_run_goes_on_with_the_weights_that_it_was_begun_with(parent, tiny_dataset, tmp_path):
    run = RunFolder(tmp_path / "run")
    train(recipe(parent.path, epochs=2), tiny_dataset, run, observer=StopAt(1, 1))
    for checkpoint in run.scratch.iterdir():
        checkpoint.unlink()
    record = json.loads(run.run_json.read_text())
    record["started_from"]["model_sha256"] = 64 * "0"
    run.run_json.write_text(json.dumps(record))
    with pytest.raises(TrainingError, match="is not the network that this run began with"):
        train(recipe(parent.path, epochs=2), tiny_dataset, run)


def test_faces_that_the_source_has_learned_are_said_and_left_out(parent, tiny_dataset, tmp_path):
    """The new test split holds four faces that the parent was trained on."""
    learned, fresh = tiny_dataset.splits["train"].take(np.arange(4)), tiny_dataset.splits["test"]
    joined = (np.concatenate([getattr(learned, key), getattr(fresh, key)]) for key in ("images", "labels", "ids"))
    splits = tiny_dataset.splits | {"train": tiny_dataset.splits["validation"], "test": Split(*joined)}
    dataset = replace(tiny_dataset, splits=splits, sha256=fingerprint(splits, tiny_dataset.classes))
    run = RunFolder(tmp_path / "run")
    train(recipe(parent.path), dataset, run)
    record = json.loads(run.run_json.read_text())
    assert any("was trained on 4 test faces" in notice for notice in record["notices"])
    seen = find_seen_faces(run, record, dataset, "test")
    assert list(np.flatnonzero(seen.exact)) == [0, 1, 2, 3]

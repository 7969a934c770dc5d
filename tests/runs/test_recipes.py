import pytest

from fer_keras.errors import ConfigError, InputError, ModelFileError, RunFolderError
from fer_keras.models import build_model
from fer_keras.recipe.named_recipes import resolve_recipe
from fer_keras.recipe.recipe import make_recipe
from fer_keras.runs.named_runs import packaged_run
from fer_keras.runs.recipes import load_recipe, read_recipe


def test_it_is_what_the_command_line_trains():
    assert load_recipe("cnn", epochs=5) == resolve_recipe("cnn", None, ("train.epochs=5",))
    assert load_recipe("cnn", "train.seed=3", lr=1e-4, batch_size=64, data="faces") == resolve_recipe(
        "cnn", None, ("train.seed=3", "train.learning_rate=1e-4", "train.batch_size=64", "data.source=faces")
    )
    assert load_recipe("cnn_small", train={"epochs": 3, "seed": 1}).train.epochs == 3


def test_wrong_names_are_named():
    with pytest.raises(ConfigError, match=r"no key 'epoch'.*Did you mean"):
        load_recipe("cnn", epoch=5)
    with pytest.raises(ConfigError, match="no recipe 'cnn_smal'"):
        load_recipe("cnn_smal")
    with pytest.raises(ConfigError, match="no model given"):
        load_recipe()


def test_own_faces_begins_with_the_network_of_the_package():
    recipe = load_recipe("own_faces")
    assert (recipe.model.name, recipe.start.source, recipe.start.freeze) == ("cnn_small", "cnn_small-fer2013", True)
    assert load_recipe(start="cnn_small-fer2013") == recipe


def test_the_network_is_that_of_the_run(tmp_path):
    recipe = load_recipe(start="scratch_cnn-fer2013", epochs=2)
    assert recipe.model == read_recipe(__import__("fer_keras").RunFolder(packaged_run("scratch_cnn-fer2013"))).model
    assert (recipe.start.source, recipe.train.epochs) == ("scratch_cnn-fer2013", 2)
    with pytest.raises(ConfigError, match="the recipe trains cnn, and cnn_small-fer2013 is of the network cnn_small"):
        load_recipe("cnn", start="cnn_small-fer2013")
    assert load_recipe("cnn_small", start="cnn_small-fer2013").train.learning_rate == 3e-3


def test_a_transfer_network_opens_its_base_as_it_says(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.yaml").write_text("model: {name: mobilenetv2, weights: none, fine_tune_from: all}\n")
    recipe = load_recipe(start=run)
    assert (recipe.start.freeze, recipe.model.fine_tune_from, recipe.fine_tune.from_layer) == (False, None, "all")
    assert not recipe.has_random_base


def test_a_file_alone_tells_its_network(tmp_path):
    file = tmp_path / "mine.keras"
    build_model(make_recipe({"model": {"name": "cnn_tiny"}}).model, 4, 64).save(file)
    recipe = load_recipe(start=file)
    assert (recipe.model.name, recipe.data.image_size, recipe.start.source) == ("cnn_tiny", 64, str(file))


def test_what_cannot_be_gone_on_with_is_refused(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.yaml").write_text("model: {name: ensemble}\n")
    with pytest.raises(InputError, match="was not built by a recipe"):
        load_recipe(start=run)
    with pytest.raises(RunFolderError, match="there is no run nowhere"):
        load_recipe(start="nowhere")
    (tmp_path / "broken.keras").write_bytes(b"PK")
    with pytest.raises(ModelFileError, match="no .keras file"):
        load_recipe(start=tmp_path / "broken.keras")

"""Recipes, networks and the command line name the same things."""

import re
from importlib import resources

import pytest
from fer_keras_cli.main import run

from fer_keras.errors import ConfigError
from fer_keras.recipe.augmentation import AugmentationSection
from fer_keras.recipe.model import SECTIONS
from fer_keras.recipe.named_recipes import recipe_data, recipe_names, resolve_recipe
from fer_keras.recipe.recipe import make_recipe


@pytest.mark.parametrize("name", SECTIONS)
def test_every_network_trains_with_the_recipe_of_its_name(name):
    assert resolve_recipe(name, None, ()).model.name == name


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_valid_and_says_how_to_train_it(name):
    assert make_recipe(recipe_data(name), where=name)
    option = "--model" if name in SECTIONS else "--recipe"
    with resources.as_file(resources.files("fer_keras_configs") / f"{name}.yaml") as path:
        header = path.read_text(encoding="utf-8")
    assert header.startswith(f"# {name}: ")
    assert re.search(rf"fer-keras train {option} {re.escape(name)} (--set \S+ )?--data ", header)


def test_recipes_of_the_seeds_have_a_folder_of_their_own(capsys):
    assert run(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if line.startswith("seeds/scratch_cnn ")]
    assert "ScratchCNN 65.38 %" in line
    assert all(len(line.split(maxsplit=1)) == 2 for line in lines)  # a name and what it is
    with pytest.raises(ConfigError, match="Did you mean 'seeds/resnet50'"):
        resolve_recipe(None, "seeds/resnet", ())


def test_cnn_noaug_is_cnn_without_augmentation_and_otherwise_equal():
    cnn, plain = (make_recipe(recipe_data(name)) for name in ("cnn", "cnn_noaug"))
    assert cnn.augmentation.is_active
    assert plain == cnn.model_copy(update={"augmentation": AugmentationSection()})


@pytest.mark.parametrize("name", [name for name in recipe_names() if name.endswith("_finetune")])
def test_two_phase_recipes_open_the_base_at_a_lower_rate(name):
    recipe = make_recipe(recipe_data(name))
    assert recipe.fine_tune.epochs > 0
    assert recipe.fine_tune.learning_rate < recipe.train.learning_rate


def test_help_and_errors_list_every_network(capsys):
    assert run(["train", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert ", ".join(SECTIONS) in text
    with pytest.raises(ConfigError, match=f"{', '.join(SECTIONS)}.*Did you mean 'vgg16'"):
        resolve_recipe("vgg", None, ())
    with pytest.raises(ConfigError, match=f"{', '.join(SECTIONS)}.*Did you mean 'vgg16'"):
        make_recipe({"model": {"name": "vgg"}})
    with pytest.raises(ConfigError, match="Use --recipe cnn_noaug"):
        resolve_recipe("cnn_noaug", None, ())

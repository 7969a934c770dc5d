import pytest

from fer_keras.errors import ConfigError
from fer_keras.recipe.recipe import Recipe, apply_overrides, dump_recipe, load_yaml_file, make_recipe, recipe_key
from fer_keras.recipe.strict_yaml import parse_yaml


def test_defaults_are_valid():
    assert make_recipe(None) == Recipe()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"train": {"epoch": 3}}, ("train.epoch", "Did you mean 'epochs'?")),
        ({"trian": {}}, ("trian", "Did you mean 'train'?")),
        ({"model": {"name": "cnn", "drpout": 0.1}}, ("model.drpout", "Did you mean 'dropout'?")),
        ({"model": {"name": "mobilenetv2", "input_sze": 96}}, ("model.input_sze", "Did you mean 'input_size'?")),
        ({"train": {"epochs": "3"}}, ("train.epochs", "'3'")),
        ({"train": {"epochs": 0}}, ("train.epochs", "greater than or equal to 1")),
        ({"train": {"epochs": 2.5}}, ("train.epochs", "2.5")),
        ({"train": {"learning_rate": float("nan")}}, ("train.learning_rate", "finite")),
        ({"train": {"optimizer": "adam"}}, ("train.optimizer", "adamw")),
        ({"model": {"name": "cn"}}, ("cnn", "mobilenetv2")),
        ({"augmentation": {"zoom_range": (2.0, 1.0)}}, ("augmentation.zoom_range", "lower")),
        ([1], ("must be a mapping",)),
    ],
)
def test_wrong_recipes_are_refused_with_what_would_be_right(data, words):
    with pytest.raises(ConfigError) as caught:
        make_recipe(data)
    for word in words:
        assert word in str(caught.value)


def test_yaml_reads_numbers_and_words_as_people_mean_them():
    text = "a: 1e-3\nb: on\nc: '012'\nd: 1:30\ne: [0.8, 1]\nf: 5\ng: null\nh: true\ni: -2\nj: 2026-11-21"
    assert parse_yaml(text, "x") == {
        "a": 0.001, "b": "on", "c": "012", "d": "1:30", "e": [0.8, 1],
        "f": 5, "g": None, "h": True, "i": -2, "j": "2026-11-21",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["a: 1\na: 2", "train:\n  epochs: 1\n  epochs: 2", "a: [1", "a: !!python/object:os.system x"]
)
def test_yaml_refuses_repeated_keys_and_what_is_no_plain_yaml(text):
    with pytest.raises(ConfigError):
        parse_yaml(text, "x")


def test_dump_and_read_back_is_the_same_recipe():
    recipe = make_recipe(
        {"model": {"name": "mobilenetv2", "weights": "none"}, "augmentation": {"zoom_range": [0.8, 1.2]}}
    )
    assert make_recipe(parse_yaml(dump_recipe(recipe), "x")) == recipe


def test_overrides_win_and_leave_the_original_alone():
    data = {"train": {"epochs": 1}}
    merged = make_recipe(apply_overrides(data, ("train.epochs=5", "train.learning_rate=1e-2", "model.width=32")))
    assert (merged.train.epochs, merged.train.learning_rate, merged.model.width) == (5, 0.01, 32)
    assert data == {"train": {"epochs": 1}}


@pytest.mark.parametrize("text", ["train.epochs", "epochs=3", "=3", "train.=3", "a.b.c=1"])
def test_unreadable_overrides_are_refused(text):
    with pytest.raises(ConfigError, match=r"section\.key=value"):
        apply_overrides({}, (text,))


def test_missing_recipe_file(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load_yaml_file(tmp_path / "none.yaml")


def test_runs_of_one_recipe_have_one_key():
    def key(crop, seed, source, epochs=3):
        sections = {
            "augmentation": {"crop": crop},
            "train": {"seed": seed, "epochs": epochs},
            "data": {"source": source},
        }
        return recipe_key(make_recipe(sections))

    assert key(40, 0, "a.csv") == key(0.83, 1, "b.csv")
    assert key(40, 0, "a.csv") != key(44, 0, "a.csv")
    assert key(40, 0, "a.csv") != key(40, 0, "a.csv", epochs=4)

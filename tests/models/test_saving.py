"""Equal networks are equal files."""

import keras
import numpy as np

from fer_keras.models import build_model
from fer_keras.models.saving import save_network
from fer_keras.recipe.recipe import make_recipe


def test_the_file_holds_nothing_of_the_moment(tmp_path):
    recipe = make_recipe({"model": {"name": "cnn", "width": 8}})
    kept = []  # keeps addresses from being taken again
    for name in ("one.keras", "other.keras"):
        kept.append(build_model(recipe.model, 7, 48))
        kept[-1].set_weights(kept[0].get_weights())
        save_network(kept[-1], tmp_path / name)
    assert (tmp_path / "one.keras").read_bytes() == (tmp_path / "other.keras").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.keras", "other.keras"]
    found = keras.models.load_model(tmp_path / "one.keras")
    assert [layer.name for layer in found.layers] == [layer.name for layer in kept[0].layers]
    for ours, theirs in zip(kept[0].get_weights(), found.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_shared_layers_stay_shared(tmp_path):
    faces = keras.Input((8,))
    shared = keras.layers.Dense(3, kernel_initializer=keras.initializers.HeNormal(seed=1))
    model = keras.Model(
        faces, shared(faces) + keras.layers.Dense(3, kernel_initializer=shared.kernel_initializer)(faces)
    )
    save_network(model, tmp_path / "model.keras")
    found = keras.models.load_model(tmp_path / "model.keras")
    pixels = np.ones((2, 8), np.float32)
    np.testing.assert_allclose(found.predict(pixels, verbose=0), model.predict(pixels, verbose=0))

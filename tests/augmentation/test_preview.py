import numpy as np

from fer_keras.augmentation.preview import preview_grid
from fer_keras.recipe.recipe import make_recipe


def test_each_row_is_an_original_and_its_copies(tiny_dataset):
    recipe = make_recipe({"augmentation": {"rotation_range": 20.0}})
    images, titles = preview_grid(tiny_dataset, recipe, faces=3, copies=4)
    assert images.shape == (15, 48, 48, 1)
    assert images.dtype == np.uint8
    originals = tiny_dataset.splits["train"].images
    for row in range(3):
        np.testing.assert_array_equal(images[5 * row], originals[row])
        assert len({image.tobytes() for image in images[5 * row : 5 * row + 5]}) == 5
        assert titles[5 * row] == tiny_dataset.classes[row]


def test_no_more_rows_than_faces(tiny_dataset):
    images, _ = preview_grid(tiny_dataset, make_recipe(None), faces=1000, copies=1)
    assert len(images) == 2 * len(tiny_dataset.splits["train"])


def test_crops_stand_in_a_frame_at_the_scale_of_the_originals(tiny_dataset):
    recipe = make_recipe({"augmentation": {"crop": 41}})
    images, _ = preview_grid(tiny_dataset, recipe, faces=1, copies=1)
    original, copy = images
    np.testing.assert_array_equal(copy[3:44, 3:44], original[3:44, 3:44])
    copy[3:44, 3:44] = 255
    assert (copy == 255).all()

"""Every option out of its range is refused, and the message names the range."""

from __future__ import annotations

import pytest

from fer_keras.errors import ConfigError
from fer_keras.recipe.augmentation import AugmentationSection
from fer_keras.recipe.recipe import make_recipe

SHIFT = "0 to 48"
PAIR = "[lower, upper] with 0 < lower <= upper <= 10"
REFUSED = [
    ("rotation_range", (-1, 180.5, "10", True, None, [1, 2]), "0 to 180 (degrees)"),
    ("width_shift_range", (-0.1, 49, "a", None), SHIFT),
    ("height_shift_range", (-0.1, 49, "a", None), SHIFT),
    ("shear_range", (-1, 90, None), "0 to below 90 (degrees)"),
    ("zoom_range", (-0.1, 1, [1.2, 0.8], [0, 1], [0.5], [0.5, 11], [0.5, 1, 2], "a", None), f"0 to below 1, or {PAIR}"),
    ("horizontal_flip", (1, "yes", None), "true or false"),
    ("vertical_flip", (0, "no", None), "true or false"),
    ("crop", (-1, 1, 15, 49, 0.3, 40.0, 40.5), "0, a part of the side below 1, or a whole number to 48 (pixels)"),
    ("brightness_range", (0.2, [1.2, 0.8], [-1, 1], [0.5, 11], [1], "a"), f"{PAIR}, or null"),
    ("contrast_range", (0.2, [1.2, 0.8], [0, 1], [0.5, 11], [1], "a"), f"{PAIR}, or null"),
    ("channel_shift_range", (-1, 256, None), "0 to 255 (grey levels)"),
    ("blur", (-0.1, 8.5, None, "a"), "0 to 8 (largest sigma, in pixels of a face of 48 pixels)"),
    ("low_resolution", (-0.1, 1, 24, None), "0, or the smallest part of the side, below 1"),
    ("noise", (-1, 129, None), "0 to 128 (largest sigma, in grey levels)"),
    ("fill_mode", ("mirror", 1, None), "constant, nearest, reflect or wrap"),
    ("cval", (-1, 256, None), "0 to 255 (grey level)"),
    ("random_erasing", (-0.1, 1.1, None), "0 to 1 (probability)"),
    ("cutout", (-1, 49, 4.5, None), "a whole number from 0 to 48 (side in pixels)"),
    ("mixup", (-0.1, 10.1, None), "0 to 10 (alpha of the Beta distribution)"),
]
ACCEPTED = [
    *[("rotation_range", value) for value in (0, 180)],
    *[("width_shift_range", value) for value in (0, 0.5, 48)],
    *[("height_shift_range", value) for value in (0, 0.5, 48)],
    *[("shear_range", value) for value in (0, 89.9)],
    *[("zoom_range", value) for value in (0, 0.99, [0.5, 10], [1, 1])],
    *[("brightness_range", value) for value in (None, [0.01, 10])],
    *[("contrast_range", value) for value in (None, [0.01, 10])],
    *[("channel_shift_range", value) for value in (0, 255)],
    *[("blur", value) for value in (0, 8)],
    *[("low_resolution", value) for value in (0, 0.1, 0.99)],
    *[("noise", value) for value in (0, 128)],
    *[("fill_mode", value) for value in ("constant", "nearest", "reflect", "wrap")],
    *[("cval", value) for value in (0, 255)],
    *[("random_erasing", value) for value in (0, 1)],
    *[("crop", value) for value in (0, 0.34, 0.83, 16, 48)],
    *[("cutout", value) for value in (0, 48)],
    *[("mixup", value) for value in (0, 10)],
]


@pytest.mark.parametrize(("key", "values", "allowed"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_refusal_names_the_allowed_range(key, values, allowed):
    for value in (*values, float("nan"), float("inf")):
        with pytest.raises(ConfigError) as caught:
            make_recipe({"augmentation": {key: value}})
        message = str(caught.value)
        assert message.startswith(f"recipe: 'augmentation.{key}': allowed: {allowed}")
        assert "Received: " in message


def test_every_option_has_a_row_above():
    assert [row[0] for row in REFUSED] == list(AugmentationSection.model_fields)


@pytest.mark.parametrize(("key", "value"), ACCEPTED, ids=str)
def test_the_ends_of_a_range_are_accepted(key, value):
    received = getattr(make_recipe({"augmentation": {key: value}}).augmentation, key)
    assert received == (tuple(value) if isinstance(value, list) else value)


def test_the_defaults_switch_everything_off():
    off = {key: value for key, value in AugmentationSection().model_dump().items() if key != "fill_mode"}
    assert not any(off.values())


@pytest.mark.parametrize(("crop", "side", "expected"), [(0, 48, 0), (0.83, 48, 40), (0.83, 224, 186), (40, 224, 40)])
def test_a_part_of_the_side_follows_the_faces(crop, side, expected):
    recipe = make_recipe({"data": {"image_size": side}, "augmentation": {"crop": crop}})
    assert recipe.augmentation.crop_side(side) == expected

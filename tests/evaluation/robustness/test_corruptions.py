"""Each kind of damage: what it does, that it is the same every time, and that more of it damages more."""

import numpy as np
import pytest

from fer_keras.datasets.synthetic.drawing import draw_faces
from fer_keras.errors import DataError, InputError
from fer_keras.evaluation.robustness.corruptions import CORRUPTIONS, EYES, GRAY, MOUTH

BY_NAME = {corruption.name: corruption for corruption in CORRUPTIONS}
EACH = pytest.mark.parametrize("corruption", CORRUPTIONS, ids=BY_NAME.keys())


@pytest.fixture(scope="module")
def faces():
    return draw_faces(np.arange(28) % 7, 4)  # (28, 48, 48, 1)


def damage(damaged, faces):
    """Mean absolute difference in grey levels."""
    return float(np.abs(damaged.astype(float) - faces).mean())


def test_names_are_unique_and_the_passes_bounded():
    assert len(BY_NAME) == len(CORRUPTIONS)
    assert sum(len(corruption.severities) for corruption in CORRUPTIONS) == 29


@EACH
def test_shape_type_and_originals(corruption, faces):
    before = faces.copy()
    for value in corruption.severities:
        damaged = corruption(faces, value)
        assert (damaged.shape, damaged.dtype) == (faces.shape, np.uint8)
        assert not np.shares_memory(damaged, faces)
    assert (faces == before).all()


@EACH
def test_a_face_is_damaged_alike_in_any_batch(corruption, faces):
    value = corruption.severities[-1]
    whole = corruption(faces, value, np.arange(100, 128))
    parts = [corruption(faces[rows], value, 100 + rows) for rows in (np.arange(9), np.arange(9, 28))]
    assert (np.concatenate(parts) == whole).all()
    assert (corruption(faces, value, np.arange(100, 128)) == whole).all()


@EACH
def test_more_severe_is_more_damage(corruption, faces):
    found = [damage(corruption(faces, value), faces) for value in corruption.severities]
    if corruption.name == "gamma":
        assert found[0] > found[1] > 2
        found = found[2:]
    assert found[0] > 0.2
    assert (np.diff(found) > 0).all()


@EACH
def test_identity(corruption, faces):
    if corruption.identity is None:
        assert corruption.name in ("low_resolution", "jpeg")
        return
    assert (corruption(faces, corruption.identity) == faces).all()


@pytest.mark.parametrize("name", ["shift", "square", "noise", "rotation"])
def test_random_damage_differs_between_faces_and_follows_the_index(name):
    same = np.repeat(draw_faces(np.array([3]), 4), 16, axis=0)
    damaged = BY_NAME[name](same, BY_NAME[name].severities[-1])
    assert 2 <= len(np.unique(damaged.reshape(16, -1), axis=0)) <= 16
    moved = BY_NAME[name](same[:3], BY_NAME[name].severities[-1], np.array([5, 0, 5]))
    assert (moved == damaged[[5, 0, 5]]).all()


@EACH
def test_one_value_of_a_small_and_a_large_face(corruption):
    for side in (20, 96):
        images = np.full((2, side, side, 1), 90, np.uint8)
        for value in corruption.severities:
            assert corruption(images, value).shape == images.shape


@EACH
@pytest.mark.parametrize("images", [np.zeros((2, 48, 48), np.uint8), np.zeros((2, 48, 40, 1), np.uint8)])
def test_other_images_are_refused(corruption, images):
    with pytest.raises(DataError, match=r"uint8 \(n, S, S, 1\)"):
        corruption(images, corruption.severities[0])


@EACH
def test_other_types_and_values_are_refused(corruption):
    with pytest.raises(DataError, match="float64"):
        corruption(np.zeros((2, 48, 48, 1)), corruption.severities[0])
    for value in (-1.0, float("nan")):
        with pytest.raises(InputError, match="0 or more"):
            corruption(np.zeros((2, 48, 48, 1), np.uint8), value)


def test_blur_spreads_a_point_as_a_gaussian():
    image = np.zeros((1, 48, 48, 1), np.uint8)
    image[0, 24, 24] = 255
    blurred = BY_NAME["blur"](image, 1.0)[0, ..., 0]
    assert blurred[24, 24] == round(255 / (2 * np.pi))  # peak of a Gaussian with sigma 1
    assert blurred[24, 25] == pytest.approx(255 / (2 * np.pi) * np.exp(-0.5), abs=1)
    assert (BY_NAME["blur"](np.full((1, 48, 48, 1), 77, np.uint8), 2.0) == 77).all()  # the border stays


def test_gamma_below_one_is_brighter():
    image = np.full((1, 48, 48, 1), 64, np.uint8)
    assert BY_NAME["gamma"](image, 0.5)[0, 0, 0, 0] == round(255 * (64 / 255) ** 0.5)
    assert BY_NAME["gamma"](image, 2.0)[0, 0, 0, 0] == round(255 * (64 / 255) ** 2)


def test_shift_moves_towards_all_four_corners_and_repeats_the_border(faces):
    shifted = BY_NAME["shift"](faces, 4)[..., 0].astype(int)
    padded = np.pad(faces[..., 0], ((0, 0), (4, 4), (4, 4)), mode="edge").astype(int)
    seen = set()
    for row in range(len(faces)):
        places = [(y, x) for y in (0, 8) for x in (0, 8) if (shifted[row] == padded[row, y : y + 48, x : x + 48]).all()]
        assert len(places) == 1
        seen.update(places)
    assert len(seen) == 4


def test_lengths_grow_with_the_side():
    large = np.repeat(np.repeat(draw_faces(np.arange(4), 4), 2, axis=1), 2, axis=2)  # (4, 96, 96, 1)
    small = large[:, ::2, ::2]
    for name in ("shift", "eyes_band", "mouth_band"):
        assert (BY_NAME[name](large, 8)[:, ::2, ::2] == BY_NAME[name](small, 8)).all()
    hidden = (BY_NAME["square"](np.zeros_like(large), 12) == GRAY).sum(axis=(1, 2, 3))
    assert hidden.tolist() == [24 * 24] * 4


def test_low_resolution_keeps_means_and_loses_fine_stripes():
    stripes = np.tile(np.array([0, 200], np.uint8), (1, 48, 24))[..., None]  # (1, 48, 48, 1)
    assert (BY_NAME["low_resolution"](stripes, 24) == 100).all()
    assert (BY_NAME["low_resolution"](stripes, 48) == stripes).all()
    with pytest.raises(InputError, match="1 or more"):
        BY_NAME["low_resolution"](stripes, 0)


@pytest.mark.parametrize("quality", [0, 96])
def test_jpeg_quality_out_of_range(faces, quality):
    with pytest.raises(InputError, match="1 to 95"):
        BY_NAME["jpeg"](faces, quality)


def test_larger_squares_cover_the_smaller():
    black = np.zeros((30, 48, 48, 1), np.uint8)
    small, large = (BY_NAME["square"](black, value) == GRAY for value in (12, 24))
    assert (small.sum(axis=(1, 2, 3)) == 144).all()
    assert (large | ~small).all()


@pytest.mark.parametrize(("name", "centre"), [("eyes_band", EYES), ("mouth_band", MOUTH)])
def test_bands_lie_over_eyes_and_mouth(name, centre):
    hidden = (BY_NAME[name](np.zeros((1, 48, 48, 1), np.uint8), 8) == GRAY)[0, ..., 0]
    rows = np.flatnonzero(hidden.all(axis=1))
    assert len(rows) == 8
    assert not hidden[np.setdiff1d(np.arange(48), rows)].any()
    assert rows.mean() + 0.5 == pytest.approx(48 * centre, abs=0.5)
    assert (rows.max() < 24) == (name == "eyes_band")


def test_noise_has_its_standard_deviation():
    gray = np.full((20, 48, 48, 1), 128, np.uint8)
    difference = BY_NAME["noise"](gray, 16).astype(float) - 128
    assert difference.std() == pytest.approx(16, rel=0.02)
    assert abs(difference.mean()) < 0.3


def test_rotation_turns_about_the_middle_by_its_angle():
    image = np.zeros((8, 49, 49, 1), np.uint8)
    image[:, 24, 24:44] = 255  # a line from the middle to the right
    turned = BY_NAME["rotation"](image, 30)[..., 0] > 100
    angles = []
    for picture in turned:
        y, x = np.argwhere(picture).mean(axis=0) - 24
        angles.append(round(np.degrees(np.arctan2(-y, x))))
    assert {abs(angle) for angle in angles} == {30}
    assert {-30, 30} == set(angles)

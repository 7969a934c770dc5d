"""``augment_batch`` as a whole: stateless, the same eagerly and inside ``map``, within 0..255."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from keras.src.legacy.preprocessing.image import ImageDataGenerator

from fer_keras.augmentation.batch import DRAWS, augment_batch, draw_geometry
from fer_keras.augmentation.stateless_random import random_words, uniform
from fer_keras.errors import InputError
from fer_keras.recipe.augmentation import AugmentationSection

pytestmark = pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")

COUNT = 37
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, 48, 48, 1), dtype=np.uint8)
LABELS = np.eye(7, dtype=np.float32)[np.arange(COUNT) % 7]
EVERYTHING = {
    "rotation_range": 20.0,
    "width_shift_range": 0.1,
    "height_shift_range": 3.0,
    "shear_range": 10.0,
    "zoom_range": (0.8, 1.2),
    "horizontal_flip": True,
    "vertical_flip": True,
    "brightness_range": (0.5, 1.9),
    "contrast_range": (0.5, 1.9),
    "channel_shift_range": 40.0,
    "random_erasing": 0.5,
    "cutout": 9,
    "blur": 2.0,
    "low_resolution": 0.3,
    "noise": 20.0,
}
EACH = [{name: value} for name, value in {**EVERYTHING, "mixup": 0.4}.items()]


def make_keys(count: int = COUNT, seed: int = 1, epoch: int = 2) -> np.ndarray:
    return np.stack([np.full(count, seed), np.full(count, epoch), np.arange(count)], axis=1)


def augment(images=IMAGES, labels=LABELS, keys=None, **options) -> np.ndarray:
    keys = make_keys(len(images)) if keys is None else keys
    return augment_batch(images, labels, keys, AugmentationSection(**options))[0].numpy()


def test_defaults_only_cast():
    images, labels = augment_batch(IMAGES, LABELS, make_keys(), AugmentationSection(fill_mode="wrap", cval=3.0))
    assert images.dtype == tf.float32
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)
    options = AugmentationSection()
    graph = tf.function(lambda *batch: augment_batch(*batch, options)).get_concrete_function(
        IMAGES, LABELS, make_keys()
    )
    kinds = {operation.type for operation in graph.graph.get_operations()}
    assert kinds <= {"Placeholder", "Cast", "Identity", "NoOp"}


def test_a_crop_is_the_centre_of_what_the_warp_gives():
    warp = {"rotation_range": 20.0, "width_shift_range": 0.1}
    np.testing.assert_array_equal(augment(crop=40), IMAGES[:, 4:44, 4:44])
    np.testing.assert_array_equal(augment(crop=40, **warp), augment(**warp)[:, 4:44, 4:44])
    np.testing.assert_array_equal(augment(crop=33), IMAGES[:, 7:40, 7:40])
    np.testing.assert_array_equal(augment(crop=0.83), IMAGES[:, 4:44, 4:44])
    assert augment(crop=40, random_erasing=1.0, mixup=0.4).shape == (COUNT, 40, 40, 1)


def test_geometry_is_one_warp():
    options = AugmentationSection(**EVERYTHING)
    graph = tf.function(lambda *batch: augment_batch(*batch, options)).get_concrete_function(
        IMAGES, LABELS, make_keys()
    )
    calls = [o.get_attr("f").name for o in graph.graph.get_operations() if o.type.endswith("PartitionedCall")]
    assert sum("resample" in name for name in calls) == 1


@pytest.mark.parametrize("options", [EVERYTHING, *EACH], ids=lambda options: "+".join(options)[:25])
def test_each_option_changes_images_within_the_range(options):
    result = augment(**options)
    assert result.dtype == np.float32
    assert result.shape == IMAGES.shape
    assert not np.array_equal(result, IMAGES)
    assert result.min() >= 0
    assert result.max() <= 255


@pytest.mark.parametrize("other", [{"seed": 5}, {"epoch": 3}], ids=str)
def test_another_seed_or_epoch_gives_other_images(other):
    first, second = augment(**EVERYTHING), augment(keys=make_keys(**other), **EVERYTHING)
    assert all(not np.array_equal(*pair) for pair in zip(first, second, strict=True))


def test_the_index_alone_changes_the_image():
    same = np.repeat(IMAGES[:1], COUNT, axis=0)
    assert len({image.tobytes() for image in augment(same, **EVERYTHING)}) == COUNT


@pytest.mark.parametrize("batch_size", [1, 2, 3, 8, 16])
def test_an_image_comes_out_the_same_in_any_batch(batch_size):
    whole, order = augment(**EVERYTHING), np.random.default_rng(batch_size).permutation(COUNT)
    for start in range(0, COUNT, batch_size):
        part = order[start : start + batch_size]
        result = augment(IMAGES[part], LABELS[part], make_keys()[part], **EVERYTHING)
        np.testing.assert_array_equal(result, whole[part])


@pytest.mark.parametrize("options", [{**EVERYTHING, "mixup": 0.4}, *EACH], ids=lambda options: "+".join(options)[:25])
def test_map_gives_the_eager_result(options):
    section = AugmentationSection(**options)
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS, make_keys())).batch(16)
    mapped = dataset.map(lambda *batch: augment_batch(*batch, section), num_parallel_calls=2)
    for batch, (images, labels) in zip(dataset, mapped, strict=True):
        expected_images, expected_labels = augment_batch(*batch, section)
        np.testing.assert_array_equal(images, expected_images)
        np.testing.assert_array_equal(labels, expected_labels)
    assert mapped.element_spec[0].shape.as_list() == [None, 48, 48, 1]


def test_uint8_and_float32_images_give_the_same():
    np.testing.assert_array_equal(augment(**EVERYTHING), augment(IMAGES.astype(np.float32), **EVERYTHING))


@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 30, 3), (33, 20, 4)])
def test_any_size_and_number_of_channels_works(shape):
    images = np.random.default_rng(1).integers(0, 256, (5, *shape), dtype=np.uint8)
    for known in (shape, (None, None, None)):
        signature = (tf.TensorSpec((None, *known), tf.uint8), tf.TensorSpec(None), tf.TensorSpec((None, 3), tf.int64))
        function = tf.function(
            lambda *batch: augment_batch(*batch, AugmentationSection(**EVERYTHING)), input_signature=signature
        )
        result = function(images, LABELS[:5], make_keys(5))[0]
        np.testing.assert_array_equal(result, augment(images, LABELS[:5], **EVERYTHING))


def test_images_are_those_of_the_legacy_class_with_the_drawn_parameters():
    """The path from draws to pixels as a whole, brightness and channel shift included."""
    options = AugmentationSection(**{name: EVERYTHING[name] for name in list(EVERYTHING)[:7]})
    draws = dict(zip(DRAWS, tf.unstack(uniform(random_words(make_keys(), len(DRAWS))), axis=1), strict=True))
    parameters = {name: values.numpy() for name, values in draw_geometry(draws, options, 48, 48).items()}
    result = augment_batch(IMAGES, LABELS, make_keys(), options)[0]
    for index in range(COUNT):
        values = {name: column[index] for name, column in parameters.items()}
        expected = ImageDataGenerator().apply_transform(IMAGES[index].astype(np.float32), values)
        np.testing.assert_allclose(result[index], expected, atol=0.02)


def test_drawn_parameters_fill_their_ranges():
    keys = make_keys(4000)
    draws = dict(zip(DRAWS, tf.unstack(uniform(random_words(keys, len(DRAWS))), axis=1), strict=True))
    options = AugmentationSection(**{**EVERYTHING, "zoom_range": 0.3})
    drawn = {name: values.numpy() for name, values in draw_geometry(draws, options, 40, 60).items()}
    ends = {"theta": (-20, 20), "tx": (-6, 6), "ty": (-3, 3), "shear": (-10, 10), "zx": (0.7, 1.3), "zy": (0.7, 1.3)}
    for name, (low, high) in ends.items():
        assert low <= drawn[name].min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < drawn[name].max() <= high
    assert abs(np.corrcoef(drawn["zx"], drawn["zy"])[0, 1]) < 0.08


def test_flips_happen_half_of_the_time():
    images = np.tile(np.arange(4, dtype=np.uint8).reshape(1, 2, 2, 1), (2000, 1, 1, 1))
    corners = augment(images, LABELS, make_keys(2000), horizontal_flip=True, vertical_flip=True)[:, 0, 0, 0]
    shares = np.bincount(corners.astype(int), minlength=4) / 2000
    np.testing.assert_allclose(shares, 0.25, atol=0.04)  # four standard deviations


@pytest.mark.parametrize("probability", [0.25, 1.0])
def test_erasing_happens_with_its_probability(probability):
    images = np.zeros((2000, 12, 12, 1), np.uint8)
    erased = augment(images, LABELS, make_keys(2000), random_erasing=probability).any((1, 2, 3))
    assert erased.mean() == pytest.approx(probability, abs=0.04)


def test_erasing_fills_with_noise_and_cutout_with_the_mean():
    images = np.full((COUNT, 48, 48, 1), 100, np.uint8)
    noise = augment(images, random_erasing=1.0)
    assert len(np.unique(noise)) > 200
    half = np.concatenate(
        [np.full((COUNT, 48, 24, 1), 0, np.uint8), np.full((COUNT, 48, 24, 1), 200, np.uint8)], axis=2
    )
    assert set(np.unique(augment(half, cutout=8))) == {0, 100, 200}


def test_mixup_labels_sum_to_one_and_mix_like_the_images():
    images, labels = augment_batch(IMAGES, LABELS, make_keys(), AugmentationSection(mixup=1.0))
    np.testing.assert_allclose(tf.reduce_sum(labels, axis=1), 1, atol=1e-6)
    weights = labels.numpy()[np.arange(COUNT), LABELS.argmax(1)][:, None, None, None]
    circle = np.argsort(random_words(make_keys(), len(DRAWS))[:, DRAWS.index("mixup_place")])
    before = np.empty(COUNT, int)
    before[circle] = np.roll(circle, 1)
    assert len(np.unique(weights)) == COUNT
    different = LABELS.argmax(1) != LABELS[before].argmax(1)  # else the weight cannot be read from the label
    expected = weights * IMAGES + (1 - weights) * IMAGES[before].astype(np.float32)
    np.testing.assert_allclose(images.numpy()[different], expected[different], atol=0.01)


def test_other_options_leave_labels_alone():
    labels = augment_batch(IMAGES, LABELS, make_keys(), AugmentationSection(**EVERYTHING))[1]
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({"images": IMAGES[0]}, "shape (B, H, W, C), uint8 or float32"),
        ({"images": IMAGES.astype(np.int32)}, "shape (B, H, W, C), uint8 or float32"),
        ({"keys": make_keys()[:, :2]}, "shape (B, 3), int32 or int64"),
        ({"keys": make_keys().astype(np.float32)}, "shape (B, 3), int32 or int64"),
        ({"labels": np.arange(COUNT), "mixup": 0.2}, "shape (B, classes), float32"),
    ],
)
def test_wrong_inputs_are_refused(change, allowed):
    with pytest.raises(InputError) as caught:
        augment(**change)
    assert f"Allowed: {allowed}" in str(caught.value)

"""Augmentation in tf.data: the options of Keras' ``ImageDataGenerator`` and newer ones, one batch at a time.

The order is: one composed warp (rotation, shift, shear, zoom, flips), crop, channel shift, brightness, contrast, blur,
low resolution, noise, random erasing, cutout, mixup. Every random number is a pure function of (seed, epoch, index), so
an image comes out the same bit for bit in any batch, eagerly or inside ``map``. Mixup is the exception: the weight
follows from the key, the partner is the image before it in the batch.
"""

from __future__ import annotations

import tensorflow as tf

from ..emotions import FACE_SIZE
from ..errors import InputError
from ..recipe.augmentation import AugmentationSection
from .capture import add_noise, blur_matrices, low_resolution_matrices, mix_pixels
from .erasing import cutout_squares, paint, random_rectangles
from .geometry import affine_matrices
from .mixing import mixup, symmetric_beta
from .photometric import adjust_brightness, adjust_contrast, image_means, shift_channels
from .stateless_random import between, pixel_noise, random_words, uniform
from .warping import warp

GEOMETRY = (
    "rotation_range",
    "width_shift_range",
    "height_shift_range",
    "shear_range",
    "zoom_range",
    "horizontal_flip",
    "vertical_flip",
)

# One column of random words per purpose. Append only: a moved name changes every augmented image of a seed.
DRAWS = (
    *("theta", "shift_x", "shift_y", "shear", "zoom_x", "zoom_y", "flip_x", "flip_y"),
    *("channel_shift", "brightness", "contrast"),
    *("erase", "erase_area", "erase_aspect", "erase_top", "erase_left", "erase_noise"),
    *("cutout_row", "cutout_column", "mixup_radius", "mixup_angle", "mixup_sign"),
    *("blur", "low_resolution", "noise", "noise_pixels"),
    "mixup_place",
)
# Columns that are used as words, not as uniform numbers.
NOISE_DRAWS = ("erase_noise", "noise_pixels")

Draws = dict[str, tf.Tensor]


def augment_batch(images, labels, keys, options: AugmentationSection) -> tuple[tf.Tensor, tf.Tensor]:
    """Augment one batch; for use in ``ds.map`` after batching.

    Args:
        images: (B, H, W, C) uint8 or float32, grey levels 0..255.
        labels: (B, classes) float32 one-hot or soft; changed only by mixup.
        keys: (B, 3) int32 or int64, (seed, epoch, index) of each image.
        options: validated options; at their defaults nothing but the cast to float32 happens. A shift below 1 is a
            part of the side, from 1 on it is pixels; ``width_shift_range`` moves along the width (the legacy class
            moves along the height, keras issue 17398).

    Returns:
        images (B, H, W, C) float32 in 0..255, or (B, crop, crop, C), and labels.

    Raises:
        InputError: wrong rank or dtype of images, labels or keys.
    """
    images, keys = _check_images(images), _check_keys(keys)
    labels = _check_labels(labels, options)
    images = tf.cast(images, tf.float32)
    if not _is_active(options, set(AugmentationSection.model_fields) - {"fill_mode", "cval"}):
        return images, labels
    words = random_words(keys, len(DRAWS))  # (B, draws)
    draws = dict(zip(DRAWS, tf.unstack(uniform(words), axis=1), strict=True))
    draws |= {name: words[:, DRAWS.index(name)] for name in NOISE_DRAWS}
    side = tf.shape(images)[1]
    if _is_active(options, GEOMETRY):
        images = tf.minimum(_warp_randomly(images, draws, options), 255.0)  # weights may sum to 1 + 1e-7
    if options.crop:
        images = crop_centre(images, options.crop_side(images.shape[1]))
    images = _change_light(images, draws, options)
    images = _capture_badly(images, draws, options, side)
    images = _cover(images, draws, options)
    if options.mixup:
        weights = symmetric_beta((draws["mixup_radius"], draws["mixup_angle"], draws["mixup_sign"]), options.mixup)
        images, labels = mixup(images, labels, weights, draws["mixup_place"])
    return images, labels


def is_mirrored(keys) -> tf.Tensor:
    """Which images ``horizontal_flip`` mirrors: keys (B, 3) to (B,) bool."""
    words = random_words(_check_keys(keys), len(DRAWS))
    return _half_of(uniform(words[:, DRAWS.index("flip_x")]))


def _is_active(options: AugmentationSection, names) -> bool:
    return any(getattr(options, name) != AugmentationSection.model_fields[name].default for name in names)


def _check_images(images) -> tf.Tensor:
    images = tf.convert_to_tensor(images)
    if images.shape.rank != 4 or images.dtype not in (tf.uint8, tf.float32):
        raise InputError(
            "augmentation cannot use these images",
            allowed="shape (B, H, W, C), uint8 or float32",
            received=f"shape {images.shape}, {images.dtype.name}",
        )
    return images


def _check_keys(keys) -> tf.Tensor:
    keys = tf.convert_to_tensor(keys)
    if keys.shape.rank != 2 or keys.shape[1] not in (3, None) or keys.dtype not in (tf.int32, tf.int64):
        raise InputError(
            "augmentation cannot use these keys",
            allowed="shape (B, 3), int32 or int64: seed, epoch and index of each image",
            received=f"shape {keys.shape}, {keys.dtype.name}",
        )
    return keys


def _check_labels(labels, options: AugmentationSection) -> tf.Tensor:
    labels = tf.convert_to_tensor(labels)
    if options.mixup and (labels.shape.rank != 2 or labels.dtype != tf.float32):
        raise InputError(
            "mixup cannot mix these labels",
            allowed="shape (B, classes), float32",
            received=f"shape {labels.shape}, {labels.dtype.name}",
            hint="Turn class indices into one-hot rows, or set augmentation.mixup to 0",
        )
    return labels


def _symmetric(uniforms: tf.Tensor, limit) -> tf.Tensor:
    return (2 * uniforms - 1) * limit


def _half_of(uniforms: tf.Tensor) -> tf.Tensor:
    return uniforms < 0.5


def _shift(uniforms: tf.Tensor, limit: float, size: tf.Tensor) -> tf.Tensor:
    """Pixels to shift by: a limit below 1 is a part of the side, from 1 on it is pixels."""
    return _symmetric(uniforms, limit * tf.cast(size, tf.float64) if limit < 1 else limit)


def draw_geometry(draws: Draws, options: AugmentationSection, height: tf.Tensor, width: tf.Tensor) -> Draws:
    """Turn uniform numbers into the parameters of :func:`.affine_matrices`, each (B,)."""
    zoom = options.zoom_range
    zoom = zoom if isinstance(zoom, tuple) else (1 - zoom, 1 + zoom)
    return {
        "theta": _symmetric(draws["theta"], options.rotation_range),
        "tx": _shift(draws["shift_x"], options.width_shift_range, width),
        "ty": _shift(draws["shift_y"], options.height_shift_range, height),
        "shear": _symmetric(draws["shear"], options.shear_range),
        "zx": between(draws["zoom_x"], zoom),
        "zy": between(draws["zoom_y"], zoom),
        "flip_horizontal": _half_of(draws["flip_x"]) & options.horizontal_flip,
        "flip_vertical": _half_of(draws["flip_y"]) & options.vertical_flip,
    }


def _warp_randomly(images: tf.Tensor, draws: Draws, options: AugmentationSection) -> tf.Tensor:
    height, width = tf.shape(images)[1], tf.shape(images)[2]
    matrices = affine_matrices(**draw_geometry(draws, options, height, width), height=height, width=width)
    return warp(images, matrices, options.fill_mode, options.cval)


def crop_centre(images: tf.Tensor, side: int) -> tf.Tensor:
    """Keep the central window: with random shifts before it this is a random crop, and borders hardly show.

    Args:
        images: (B, H, W, C).
        side: of the window in pixels, at most H and W.

    Returns:
        (B, side, side, C).
    """
    height, width = tf.shape(images)[1], tf.shape(images)[2]
    top, left = (height - side) // 2, (width - side) // 2
    cropped = images[:, top : top + side, left : left + side]
    return tf.ensure_shape(cropped, (images.shape[0], side, side, images.shape[3]))


def _change_light(images: tf.Tensor, draws: Draws, options: AugmentationSection) -> tf.Tensor:
    if options.channel_shift_range:
        images = shift_channels(images, _symmetric(draws["channel_shift"], options.channel_shift_range))
    if options.brightness_range:
        images = adjust_brightness(images, between(draws["brightness"], options.brightness_range))
    if options.contrast_range:
        images = adjust_contrast(images, between(draws["contrast"], options.contrast_range))
    return images


def _for_half(uniforms: tf.Tensor, limit: float) -> tf.Tensor:
    """Amounts that are 0 for half of the images and uniform up to ``limit`` for the others."""
    return tf.maximum(_symmetric(uniforms, limit), 0)


def _capture_badly(images: tf.Tensor, draws: Draws, options: AugmentationSection, side: tf.Tensor) -> tf.Tensor:
    """Blur, low resolution and noise; ``side`` is that of the face before it was cropped."""
    if options.blur:
        sigmas = _for_half(draws["blur"], options.blur) * tf.cast(side, tf.float64) / FACE_SIZE
        images = _along_both(images, lambda size: blur_matrices(sigmas, size))
    if options.low_resolution:
        parts = 1 - _for_half(draws["low_resolution"], 1 - options.low_resolution)
        images = _along_both(images, lambda size: low_resolution_matrices(_sides(parts, size), size))
    if options.noise:
        images = add_noise(images, _for_half(draws["noise"], options.noise), draws["noise_pixels"])
    return images


def _sides(parts: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    return tf.maximum(tf.round(parts * tf.cast(size, tf.float64)), 1)


def _along_both(images: tf.Tensor, make_matrices) -> tf.Tensor:
    """Mix pixels by the matrices that ``make_matrices`` gives for the height and the width."""
    height, width = tf.shape(images)[1], tf.shape(images)[2]
    mixed = mix_pixels(images, make_matrices(height), make_matrices(width))
    return tf.minimum(mixed, 255.0)  # weights may sum to 1 + 1e-7


def _cover(images: tf.Tensor, draws: Draws, options: AugmentationSection) -> tf.Tensor:
    height, width, channels = tf.unstack(tf.shape(images)[1:])
    if options.random_erasing:
        names = ("erase_area", "erase_aspect", "erase_top", "erase_left")
        rectangles = random_rectangles(tuple(draws[name] for name in names), height, width)
        chosen = tf.where(draws["erase"] < options.random_erasing, rectangles.height, 0)  # (B,)
        # The paper fills with random grey levels, its best variant.
        noise = pixel_noise(draws["erase_noise"], height, width, channels)
        images = paint(images, rectangles._replace(height=chosen), noise)
    if options.cutout:
        squares = cutout_squares((draws["cutout_row"], draws["cutout_column"]), options.cutout, height, width)
        # The paper fills with 0 after the mean was subtracted, which is the mean in grey levels.
        images = paint(images, squares, image_means(images))
    return images

"""Encoded images to faces in TensorFlow operations, for the ``serve_bytes`` signature of a SavedModel.

It does in the graph what :mod:`fer_keras.imaging` does with Pillow and OpenCV: limits checked on the header, ITU-R 601
luma in Pillow's integers, transparent pixels over mid-gray, 16-bit gray scaled by 1/257, EXIF orientation of JPEG
applied, the mean over areas along a side that shrinks. The same pixels come out.
"""

from __future__ import annotations

import tensorflow as tf

from ...imaging import MAX_BYTES, MAX_PIXELS, MAX_SIDE
from .image_header import JPEG, PNG, ImageHeader, read_header

_MID_GRAY = 128
_GOOD, _EMPTY, _LARGE, _UNKNOWN, _BAD_HEADER, _PIXELS, _DAMAGED = range(7)
_REASONS = (
    "a whole image",
    "0 bytes",
    f"more than {MAX_BYTES} bytes",
    "neither JPEG nor PNG",
    "no readable image header",
    f"more than {MAX_PIXELS} pixels, or {MAX_SIDE} on a side",
    "a damaged or truncated image",
)


def decode_faces(image_bytes: tf.Tensor, size: int) -> tf.Tensor:
    """Decode a batch of whole files; each image is taken as one face and stretched to a square.

    Args:
        image_bytes: (B,) string, JPEG or PNG files; B may be 0.
        size: side of the faces in pixels.

    Returns:
        (B, size, size, 1) float32, 0..255, whole numbers.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs: position and fault of the first unusable image.
    """
    count = tf.shape(image_bytes, out_type=tf.int64)[0]
    rows = tf.data.Dataset.from_tensor_slices((tf.range(count), image_bytes))
    rows = rows.map(lambda place, data: (place, *_decode(data, size)), num_parallel_calls=tf.data.AUTOTUNE)
    # TensorFlow's decoders do not say which image of a batch they gave up on: the one that does not come back.
    rows = rows.ignore_errors().concatenate(_end(count, size))
    places, faults, faces = rows.batch(count + 1).get_single_element()
    found = tf.tensor_scatter_nd_update(tf.fill([count], _DAMAGED), places[:-1, None], faults[:-1])  # (B,)
    with tf.control_dependencies([_refuse_faults(found)]):
        return tf.identity(faces[:-1])  # (B, size, size, 1)


def _end(count: tf.Tensor, size: int) -> tf.data.Dataset:
    """One row after the last, so that there is always a batch to take."""
    return tf.data.Dataset.from_tensors((count, tf.constant(_GOOD), tf.zeros((size, size, 1))))


def _refuse_faults(faults: tf.Tensor) -> tf.Operation:
    bad = tf.cast(tf.where(faults > _GOOD)[:, 0], tf.int32)
    first = tf.concat([bad, [0]], axis=0)[0]
    fault = tf.concat([tf.gather(faults, bad), [_GOOD]], axis=0)[0]
    place = tf.strings.join(["image_bytes[", tf.strings.as_string(first), "] is "])
    allowed = f". Allowed: whole JPEG or PNG files of at most {MAX_BYTES} bytes and {MAX_PIXELS} pixels. Unusable: "
    counts = tf.strings.join([tf.strings.as_string(tf.size(bad)), " of ", tf.strings.as_string(tf.size(faults))])
    text = tf.strings.join([place, tf.gather(tf.constant(_REASONS), fault), allowed, counts])
    return tf.debugging.Assert(tf.equal(tf.size(bad), 0), [text])


def _decode(data: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """One file to (fault, face); the face is black where the fault is found before decoding."""
    length = tf.strings.length(data)
    black = tf.zeros((size, size, 1))
    fault = tf.where(length == 0, _EMPTY, tf.where(length > MAX_BYTES, _LARGE, _GOOD))
    return tf.cond(fault == _GOOD, lambda: _decode_checked(data, size, black), lambda: (fault, black))


def _decode_checked(data: tf.Tensor, size: int, black: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    header = read_header(data)
    too_many = (header.height * header.width > MAX_PIXELS) | (tf.maximum(header.height, header.width) > MAX_SIDE)
    known = (header.kind == JPEG) | (header.kind == PNG)
    fault = tf.where(too_many, _PIXELS, _GOOD)
    fault = tf.where((header.height < 1) | (header.width < 1), _BAD_HEADER, fault)
    fault = tf.where(known, fault, _UNKNOWN)

    def face():
        gray = tf.cond(header.kind == JPEG, lambda: _jpeg(data), lambda: _png(data, header))  # (h, w)
        return fault, _turn(_resize(gray, size), header.orientation)[..., None]  # (size, size, 1)

    return tf.cond(fault == _GOOD, face, lambda: (fault, black))


def _jpeg(data: tf.Tensor) -> tf.Tensor:
    # Pillow's settings; TensorFlow's default is the faster, less exact transform. Gray files come as equal channels.
    return _luma(tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE"))  # (h, w)


def _png(data: tf.Tensor, header: ImageHeader) -> tf.Tensor:
    gray_bits, transparent = header.gray_bits, header.transparent

    def plain_gray():
        gray = tf.cast(tf.io.decode_png(data, channels=1)[..., 0], tf.int32)  # (h, w)
        white = tf.bitwise.left_shift(1, gray_bits) - 1
        return tf.where((transparent >= 0) & (gray == transparent * 255 // white), _MID_GRAY, gray)

    def gray_16():
        raw = tf.cast(tf.io.decode_png(data, channels=1, dtype=tf.uint16)[..., 0], tf.int32)  # (h, w)
        return tf.where(raw == transparent, _MID_GRAY, raw // 257)

    def any_colours():
        return _over_mid_gray(tf.io.decode_png(data, channels=4))  # (h, w)

    # Gray of 1, 2 or 4 bits must not go through four channels: TensorFlow 2.21 makes it nearly transparent.
    is_narrow = (gray_bits > 0) & (gray_bits < 8)
    return tf.cond(is_narrow, plain_gray, lambda: tf.cond(gray_bits == 16, gray_16, any_colours))


def _over_mid_gray(pixels: tf.Tensor) -> tf.Tensor:
    colour, alpha = tf.cast(pixels[..., :3], tf.int32), tf.cast(pixels[..., 3:], tf.int32)  # (h, w, 3), (h, w, 1)
    return _luma((colour * alpha + _MID_GRAY * (255 - alpha) + 127) // 255)


def _luma(pixels: tf.Tensor) -> tf.Tensor:
    """(h, w, 3) to (h, w) int32: ITU-R 601 in 16-bit fixed point, as Pillow's convert("L")."""
    pixels = tf.cast(pixels, tf.int32)
    return (19595 * pixels[..., 0] + 38470 * pixels[..., 1] + 7471 * pixels[..., 2] + 32768) // 65536


def _resize(gray: tf.Tensor, size: int) -> tf.Tensor:
    """(h, w) int32 to (size, size) float32: the whole numbers of :func:`fer_keras.imaging.resize_gray`.

    ``tf.image.resize`` has no such method: its ``area`` repeats pixels where a side grows, and rounds nowhere.
    """
    shape = tf.shape(gray)
    rows, columns = _weights(shape[0], size), _weights(shape[1], size)
    # The first product holds whole numbers below 2**24 and the second below 2**53: both types hold them exactly.
    sums = tf.linalg.matmul(tf.cast(rows, tf.float32), tf.cast(gray, tf.float32))  # (size, w)
    sums = tf.linalg.matmul(tf.cast(sums, tf.float64), tf.cast(columns, tf.float64), transpose_b=True)
    total = tf.cast(tf.reduce_sum(rows[0]) * tf.reduce_sum(columns[0]), tf.float64)
    return tf.cast(tf.floor((sums + total / 2) / total), tf.float32)


def _weights(old: tf.Tensor, new: int) -> tf.Tensor:
    """(new, old) int64: what each old pixel of a line gives to each new one; all rows have one sum."""
    old = tf.cast(old, tf.int64)
    news, olds = tf.range(new, dtype=tf.int64)[:, None], tf.range(old)

    def area():
        return tf.minimum((news + 1) * old, (olds + 1) * new) - tf.maximum(news * old, olds * new)

    def bilinear():
        centres = tf.clip_by_value((2 * news + 1) * old - new, 0, 2 * new * (old - 1))
        return 2 * new - tf.abs(centres - 2 * new * olds)

    return tf.maximum(tf.cond(new < old, area, bilinear), 0)


def _turn(face: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turn a square upright, see the table of ``fer_keras.imaging``: transpose first, then mirror."""
    face = tf.cond(orientation >= 5, lambda: tf.transpose(face), lambda: face)
    face = tf.cond(_is_one_of(orientation, 2, 3, 6, 7), lambda: face[:, ::-1], lambda: face)
    return tf.cond(_is_one_of(orientation, 3, 4, 7, 8), lambda: face[::-1], lambda: face)


def _is_one_of(value: tf.Tensor, *choices: int) -> tf.Tensor:
    return tf.reduce_any(value == tf.constant(choices))

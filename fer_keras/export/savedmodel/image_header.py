"""Headers of JPEG and PNG files in TensorFlow operations: what must be known before any pixel is decoded."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

UNKNOWN, JPEG, PNG = range(3)
_START_OF_SCAN, _APP1 = 0xDA, 0xE1
_ORIENTATION_TAG = 0x0112
_MIN_LENGTH = 33  # of a PNG up to the end of its header; no JPEG is shorter


class ImageHeader(NamedTuple):
    """What a file says of itself, as scalar tensors; height and width are 0 where the header cannot be read."""

    kind: tf.Tensor  # int32
    height: tf.Tensor  # int64
    width: tf.Tensor  # int64
    gray_bits: tf.Tensor  # int32, bits per pixel of a PNG in plain gray, otherwise 0
    transparent: tf.Tensor  # int32, sample of plain gray that stands for transparent pixels (tRNS), -1 for none
    orientation: tf.Tensor  # int32, EXIF 1..8


def read_header(data: tf.Tensor) -> ImageHeader:
    """Read the header of one file, a scalar string of any bytes; never raises."""
    is_long = tf.strings.length(data) >= _MIN_LENGTH
    padded = tf.cond(is_long, lambda: data, lambda: tf.strings.join([data, tf.constant(b"\0" * _MIN_LENGTH)]))
    values = tf.cast(tf.io.decode_raw(padded, tf.uint8), tf.int32)  # (n,)
    is_jpeg = tf.reduce_all(values[:3] == [0xFF, 0xD8, 0xFF])
    is_png = tf.reduce_all(values[:16] == list(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"))
    return tf.cond(
        is_jpeg, lambda: _read_jpeg(values), lambda: tf.cond(is_png, lambda: _read_png(values), _nothing_known)
    )


def _nothing_known() -> ImageHeader:
    zero = tf.constant(0, tf.int64)
    return ImageHeader(tf.constant(UNKNOWN), zero, zero, tf.constant(0), tf.constant(-1), tf.constant(1))


def _read_png(values: tf.Tensor) -> ImageHeader:
    """https://www.w3.org/TR/png-3/#11IHDR"""
    height, width = _big_endian(values[20:24], 4), _big_endian(values[16:20], 4)
    gray_bits = tf.where(values[25] == 0, values[24], 0)
    transparent = tf.cond(gray_bits > 0, lambda: _read_transparent(values), lambda: tf.constant(-1))
    return ImageHeader(tf.constant(PNG), height, width, gray_bits, transparent, tf.constant(1))


def _read_transparent(values: tf.Tensor) -> tf.Tensor:
    """Walk the chunks before the pixels to tRNS; of gray images it holds one sample of two bytes."""
    length = tf.size(values)

    def is_unfinished(at, found):
        return (at + 12 <= length) & (found < 0)

    def step(at, found):
        size = tf.cast(tf.minimum(_big_endian(_slice(values, at, 4), 4), 2**30), tf.int32)
        kind = values[at + 4 : at + 8]
        sample = tf.reduce_sum(_slice(values, at + 8, 2) * [256, 1])
        found = tf.where(tf.reduce_all(kind == list(b"tRNS")) & (size == 2), sample, found)
        is_over = tf.reduce_all(kind == list(b"IDAT"))
        return tf.where(is_over, length, at + 12 + size), found

    return tf.while_loop(is_unfinished, step, (tf.constant(8), tf.constant(-1)))[1]


def _big_endian(values: tf.Tensor, count: int) -> tf.Tensor:
    """(count,) bytes to one int64."""
    places = tf.constant([256**place for place in reversed(range(count))], tf.int64)
    return tf.reduce_sum(tf.cast(values, tf.int64) * places)


def _read_jpeg(values: tf.Tensor) -> ImageHeader:
    """Walk the segments up to the frame header, ITU-T T.81 annex B; on the way lies EXIF, in APP1."""
    length = tf.size(values)
    zero = tf.constant(0)

    def is_unfinished(at, height, width, exif, exif_end):
        return (at + 9 < length) & (width == 0)

    def step(at, height, width, exif, exif_end):
        marker, size = values[at + 1], values[at + 2] * 256 + values[at + 3]
        is_frame = (marker >= 0xC0) & (marker <= 0xCF) & (marker != 0xC4) & (marker != 0xC8) & (marker != 0xCC)
        height = tf.where(is_frame, values[at + 5] * 256 + values[at + 6], height)
        width = tf.where(is_frame, values[at + 7] * 256 + values[at + 8], width)
        has_exif = (marker == _APP1) & tf.reduce_all(_slice(values, at + 4, 6) == list(b"Exif\0\0"))
        exif, exif_end = tf.where(has_exif, at + 10, exif), tf.where(has_exif, at + 2 + size, exif_end)
        follows = tf.where(marker == 0xFF, at + 1, at + 2 + size)  # any number of 0xFF may stand before a marker
        is_over = (values[at] != 0xFF) | (marker == _START_OF_SCAN) | ((size < 2) & (marker != 0xFF))
        return tf.where(is_over, length, follows), height, width, exif, exif_end

    _, height, width, exif, end = tf.while_loop(is_unfinished, step, (tf.constant(2), zero, zero, zero, zero))
    orientation = tf.cond(exif > 0, lambda: _read_orientation(values[exif:end]), lambda: tf.constant(1))
    return ImageHeader(
        kind=tf.constant(JPEG),
        height=tf.cast(height, tf.int64),
        width=tf.cast(width, tf.int64),
        gray_bits=tf.constant(0),
        transparent=tf.constant(-1),
        orientation=orientation,
    )


def _slice(values: tf.Tensor, begin: tf.Tensor, count: int) -> tf.Tensor:
    """``count`` values, zeros beyond the end."""
    found = values[begin : begin + count]
    return tf.ensure_shape(tf.pad(found, [[0, count - tf.size(found)]]), (count,))


def _read_orientation(tiff: tf.Tensor) -> tf.Tensor:
    """EXIF 2.32, table 3: orientation from the first directory; 1 where it is not there or not readable."""
    is_little = tiff[:1] == [0x49]
    order = tf.where(is_little, [3, 2, 1, 0], [0, 1, 2, 3])  # to big-endian
    begin = tf.cast(tf.minimum(_big_endian(tf.gather(_slice(tiff, 4, 4), order), 4), 2**16), tf.int32)
    pair = tf.where(is_little, [1, 0], [0, 1])
    count = tf.cast(_big_endian(tf.gather(_slice(tiff, begin, 2), pair), 2), tf.int32)
    whole = tf.clip_by_value((tf.size(tiff) - begin - 2) // 12, 0, count)
    entries = tf.reshape(tiff[begin + 2 : begin + 2 + 12 * whole], (whole, 12))
    tags = tf.gather(entries[:, :2], pair, axis=1) @ [[256], [1]]  # (entries, 1)
    values = tf.gather(entries[:, 8:10], pair, axis=1) @ [[256], [1]]
    found = tf.concat([tf.boolean_mask(values, tags == _ORIENTATION_TAG), [1]], axis=0)[0]
    return tf.where((found >= 1) & (found <= 8), found, 1)

"""Images decoded in the graph against the project's decoder, and what is refused."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from fer_keras.export.savedmodel.image_graph import decode_faces
from fer_keras.imaging import MAX_BYTES, decode_gray, resize_gray

SIDE = 48


@pytest.fixture(scope="module")
def decode():
    return tf.function(lambda files: decode_faces(files, SIDE), input_signature=[tf.TensorSpec((None,), tf.string)])


def photo(channels=3):
    rng = np.random.default_rng(0)
    coarse = np.kron(rng.integers(0, 256, (12, 10, channels)), np.ones((13, 17, 1)))
    return Image.fromarray(np.clip(coarse + rng.normal(0, 8, coarse.shape), 0, 255).astype(np.uint8))


def encode(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def raw_png(width, height, depth, rows, *, colour=0, transparent=None):
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    extra = b"" if transparent is None else chunk(b"pHYs", b"\0" * 9) + chunk(b"tRNS", transparent)
    parts = (chunk(b"IHDR", header), extra, chunk(b"IDAT", zlib.compress(rows, 9)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def big_endian_exif(orientation):
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01\x00" + bytes([orientation]) + b"\x00\x00\x00\x00\x00\x00"
    return b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01" + entry


def little_endian_exif(orientation):
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", orientation
    return exif


def wide_rows(channels):
    """Twenty rows of thirty 16-bit pixels that take a few values only, the first of them 1,000 often."""
    values = np.random.default_rng(2).choice([1000, 1001, 30_000, 65_535], (20, 30 * channels)).astype(">u2")
    return b"".join(b"\0" + row.tobytes() for row in values)


def files():
    colour, gray, alpha = photo(), photo().convert("L"), photo(4)
    wide = np.random.default_rng(1).integers(0, 65536, (90, 70)).astype(np.uint16)
    return {
        "colour jpeg": encode(colour, "JPEG", quality=75),
        "full colour jpeg": encode(colour, "JPEG", quality=95, subsampling=0),
        "progressive jpeg": encode(colour, "JPEG", progressive=True),
        "gray jpeg": encode(gray, "JPEG"),
        "cmyk jpeg": encode(colour.convert("CMYK"), "JPEG"),
        **{f"turned {n}": encode(colour, "JPEG", exif=little_endian_exif(n)) for n in range(1, 9)},
        **{f"turned {n}, big endian": encode(colour, "JPEG", exif=big_endian_exif(n)) for n in (1, 6, 9)},
        "colour png": encode(colour, "PNG"),
        "gray png": encode(gray, "PNG"),
        "png with alpha": encode(alpha, "PNG"),
        "gray png with alpha": encode(alpha.convert("LA"), "PNG"),
        "palette": encode(colour.quantize(32), "PNG"),
        "palette with alpha": encode(colour.quantize(32), "PNG", transparency=bytes(range(0, 256, 8))),
        "16 bits": encode(Image.fromarray(wide), "PNG"),
        "1 bit": encode(gray.convert("1"), "PNG"),
        "2 bits": raw_png(8, 1, 2, b"\0\x1b\xe4"),
        "4 bits": raw_png(4, 1, 4, b"\0\x01\xf8"),
        "1 bit, one transparent": raw_png(8, 1, 1, b"\0\xa5", transparent=b"\0\x01"),
        "2 bits, one transparent": raw_png(8, 1, 2, b"\0\x1b\xe4", transparent=b"\0\x02"),
        "4 bits, one transparent": raw_png(4, 1, 4, b"\0\x01\xf8", transparent=b"\0\x0f"),
        "8 bits, one transparent": raw_png(4, 1, 8, b"\0\x01\xf8\x63\xf8", transparent=b"\0\xf8"),
        "16 bits, one transparent": raw_png(30, 20, 16, wide_rows(1), transparent=struct.pack(">H", 1000)),
        "16 bits, black transparent": raw_png(30, 20, 16, wide_rows(1), transparent=b"\0\0"),
        "16 bits in colour": raw_png(30, 20, 16, wide_rows(3), colour=2),
        "smaller than a face": encode(gray.resize((20, 13)), "PNG"),
        "a face": encode(gray.resize((SIDE, SIDE)), "PNG"),
        "one pixel": encode(gray.resize((1, 1)), "PNG"),
        "a narrow strip": encode(gray.resize((700, 9)), "PNG"),
    }


FILES = files()


@pytest.mark.parametrize("name", FILES)
def test_pixels_are_those_of_the_projects_decoder(decode, name):
    found = decode(tf.constant([FILES[name]])).numpy()
    expected = resize_gray(decode_gray(FILES[name]), SIDE)
    assert found.shape == (1, SIDE, SIDE, 1)
    np.testing.assert_array_equal(found[0, ..., 0], expected)


@pytest.mark.parametrize("side", [96, 144, 160, 192, 300])
def test_halves_are_rounded_as_there(decode, side):
    gray = np.random.default_rng(side).integers(0, 256, (side, side), dtype=np.uint8)
    found = decode(tf.constant([encode(Image.fromarray(gray), "PNG")])).numpy()
    np.testing.assert_array_equal(found[0, ..., 0], resize_gray(gray, SIDE))


def test_a_batch_keeps_its_order(decode):
    names = ["colour png", "one pixel", "turned 6", "a face"]
    together = decode(tf.constant([FILES[name] for name in names])).numpy()
    alone = [decode(tf.constant([FILES[name]])).numpy()[0] for name in names]
    np.testing.assert_array_equal(together, np.stack(alone))


BAD = {
    "empty": (b"", "0 bytes"),
    "text": (b"hello", "neither JPEG nor PNG"),
    "gif": (encode(photo(), "GIF"), "neither JPEG nor PNG"),
    "bmp": (encode(photo(), "BMP"), "neither JPEG nor PNG"),
    "half a jpeg": (FILES["colour jpeg"][: len(FILES["colour jpeg"]) // 2], "damaged or truncated"),
    "jpeg without its end": (FILES["colour jpeg"][:-2], "damaged or truncated"),
    "start of a jpeg": (FILES["colour jpeg"][:40], "no readable image header"),
    "half a png": (FILES["colour png"][: len(FILES["colour png"]) // 2], "damaged or truncated"),
    "png with a wrong checksum": (FILES["gray png"][:300] + b"\xff\xff" + FILES["gray png"][302:], "damaged"),
    "no pixels": (raw_png(0, 5, 8, b""), "no readable image header"),
    "too many bytes": (FILES["a face"] + b"\0" * MAX_BYTES, f"more than {MAX_BYTES} bytes"),
    "100 megapixels": (raw_png(10_000, 10_000, 8, b"\0" * 10_001 * 10_000), "more than 40000000 pixels"),
    "too long a side": (raw_png(12_001, 1, 8, b"\0" * 12_002), "12000 on a side"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_by_its_place(decode, name):
    content, reason = BAD[name]
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        decode(tf.constant([FILES["a face"], content, FILES["colour jpeg"], b""]))
    assert "image_bytes[1] is " in caught.value.message
    assert reason in caught.value.message
    assert "Allowed: whole JPEG or PNG files" in caught.value.message
    assert "Unusable: 2 of 4" in caught.value.message


def test_random_damage_gives_a_face_or_that_error(decode):
    rng = np.random.default_rng(3)
    whole = [
        FILES[name] for name in ("colour jpeg", "turned 6", "turned 6, big endian", "palette with alpha", "16 bits")
    ]
    refused = 0
    for number in range(200):
        content = bytearray(whole[number % len(whole)])
        if number % 3 == 0:
            content = content[: rng.integers(0, len(content))]
        for _ in range(number % 3 * 2):
            content[rng.integers(0, len(content) if number % 2 else 160)] ^= 1 << rng.integers(0, 8)
        try:
            face = decode(tf.constant([bytes(content)])).numpy()
        except tf.errors.InvalidArgumentError as error:
            assert "image_bytes[0] is " in error.message  # noqa: PT017  either outcome is right
            refused += 1
        else:
            assert np.isfinite(face).all()
            assert 0 <= face.min() <= face.max() <= 255
    assert 100 < refused < 200

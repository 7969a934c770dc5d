"""Uploads that are wrong in one way each, and unusual ones that are right, made on the spot."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from fer_keras.webapp.sample import sample_picture


def encode(pixels, kind="PNG", mode=None, **options) -> bytes:
    """A file of that kind from (H, W) or (H, W, C) uint8."""
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(stream, kind, **options)
    return stream.getvalue()


def one_face(number=0, size=(320, 320)) -> np.ndarray:
    """(H, W) uint8 with one drawn face, which Haar finds; another noise and size for each number."""
    sample = np.asarray(Image.open(io.BytesIO(sample_picture())))
    canvas = np.full((size[1], size[0] + number), 168, np.uint8)
    canvas[: sample[20:340].shape[0], :320] = sample[20:340, 10:330]
    noise = np.random.default_rng(number).integers(-6, 7, canvas.shape)
    return np.clip(canvas + noise, 0, 255).astype(np.uint8)


def bomb() -> bytes:
    """A sound PNG of 50 kB that unfolds to 400 million pixels."""
    side = 20_000
    rows = zlib.compress(bytes(side * (side // 8 + 1)), 9)
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def broken_files() -> dict[str, tuple[bytes, str]]:
    """File name to its content and to a piece of what the visitor is told."""
    jpeg = encode(one_face(), "JPEG")
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    return {
        "half.jpg": (jpeg[: len(jpeg) // 2], "damaged or truncated JPEG"),
        "text.png": (b"This is no picture.\n" * 9, "not an image of a known format"),
        "bomb.png": (bomb(), "too many pixels"),
        "empty.jpg": (b"", "empty"),
        "drawing.png": (svg, "not an image of a known format"),
        "<b onclick=alert(1)>.png": (b"GIF89a", "damaged or truncated GIF"),
    }


def unusual_files() -> dict[str, tuple[bytes, tuple[int, int], bool]]:
    """File name to its content, to the size that the upright picture has, and to whether a face is in it."""
    face = one_face()
    turned = np.rot90(face)  # EXIF 6 turns it back, clockwise
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = io.BytesIO()
    Image.fromarray(face.astype(np.uint16) * 257).save(deep, "PNG")
    alpha = np.dstack([face, face, face, np.full_like(face, 255)])
    return {
        "turned.jpg": (encode(turned, "JPEG", exif=exif), (320, 320), True),
        "deep.png": (deep.getvalue(), (320, 320), True),
        "alpha.png": (encode(alpha), (320, 320), True),
        "print.jpg": (encode(face, "JPEG", mode="CMYK"), (320, 320), True),
        "dot.png": (encode(np.full((1, 1), 7, np.uint8)), (1, 1), False),
        "wide.png": (encode(np.full((4, 9000), 90, np.uint8)), (9000, 4), False),
    }


def wall() -> bytes:
    """A PNG file without a face."""
    return encode(np.full((200, 260, 3), 90, np.uint8))

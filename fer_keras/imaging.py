"""THE image decoder: bytes of one file -> upright pixels, gray or RGB. Every path that reads an image uses it.

Pillow does the parsing, one plugin per accepted format and no other. A plugin is opened by itself rather than
through ``PIL.Image.open``: that function only warns above its pixel limit, and a warning cannot be made an error
for one call without changing the filters of the whole process.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from .errors import DataError, ImageDecodeError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "HEIC")
MAX_BYTES = 10 * 2**20
MAX_PIXELS = 40_000_000
MAX_SIDE = 12_000

# Transparent pixels show this gray: neither black nor white edges appear around a cut-out face.
_MID_GRAY = 128
_ORIENTATION_TAG = 0x0112


def _open_heic(stream: io.BytesIO) -> Image.Image:
    """HEIC is no format of Pillow's own: its decoder is under patents and comes as an extra."""
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise ImageDecodeError(
            "HEIC pictures need pillow-heif, which is not installed", hint='pip install "fer_keras[heif]"'
        ) from error
    return HeifImageFile(stream)


_OPENERS: dict[str, Callable[[io.BytesIO], Image.Image]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "HEIC": _open_heic,
}

_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"BM", "BMP"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)

# Brands of the first box (ISO/IEC 23008-12, AV1 Image File Format); ``mif1`` says nothing of the codec.
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

# EXIF 2.32, table 4.6.4: how the stored rows and columns lie in the upright picture.
_UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: np.swapaxes(pixels, 0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.swapaxes(np.rot90(pixels, 2), 0, 1),
    8: np.rot90,
}


def read_image_file(path: Path, max_bytes: int = MAX_BYTES, *, problem: str = "cannot be read") -> bytes:
    """Read a file for the decoder, at most one byte more than it accepts: a huge file is refused and not read whole.

    Args:
        path: of the file.
        max_bytes: what the decoder will be told.
        problem: beginning of the message where the file system refuses.

    Raises:
        DataError: ``problem`` and the reason.
    """
    try:
        with open(path, "rb") as handle:
            return handle.read(max_bytes + 1)
    except OSError as error:
        raise DataError(f"{problem}: {error.strerror or error}") from error


def decode_gray(data: bytes, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decode one image file to upright gray pixels.

    The first frame counts; EXIF orientation is applied; transparent pixels are laid over mid-gray; 16-bit gray is
    scaled by 1/257; CMYK goes through RGB; luma is ITU-R 601, as in Pillow. Metadata are dropped.

    Args:
        data: content of a JPEG, PNG, WebP, BMP, GIF, TIFF or AVIF file, or of a HEIC one with the extra ``heif``.
        max_bytes: longest accepted ``data``.
        max_pixels: largest accepted width * height, checked before any pixel is decoded.

    Returns:
        (h, w) uint8, 0..255, C-contiguous.

    Raises:
        ImageDecodeError: and nothing else, whatever the bytes are. Its text holds neither bytes nor paths.
    """
    return _decode(data, _to_gray, max_bytes, max_pixels)


def decode_rgb(data: bytes, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decode one image file to upright pixels in colour, for showing and for colour detectors.

    As :func:`decode_gray`, which is what the luma of the result is; a gray picture stays gray.

    Args:
        data: content of a JPEG, PNG, WebP, BMP, GIF, TIFF or AVIF file, or of a HEIC one with the extra ``heif``.
        max_bytes: longest accepted ``data``.
        max_pixels: largest accepted width * height, checked before any pixel is decoded.

    Returns:
        (h, w, 3) uint8 RGB, or (h, w) uint8 where the file holds gray or 16-bit gray; C-contiguous.

    Raises:
        ImageDecodeError: and nothing else, whatever the bytes are.
    """
    return _decode(data, _to_rgb, max_bytes, max_pixels)


def has_more_frames(data: bytes) -> bool:
    """Whether a file that was decoded holds more pictures than the first: an animation, or pages of a TIFF."""
    try:
        return bool(getattr(_OPENERS[_sniff(data, len(data))](io.BytesIO(data)), "is_animated", False))
    except Exception:  # parsers of hostile bytes fail with many types; the first picture was read all the same
        return False


def _decode(data: bytes, convert: Callable[[Image.Image], np.ndarray], max_bytes: int, max_pixels: int) -> np.ndarray:
    name = _sniff(data, max_bytes)
    try:
        image = _OPENERS[name](io.BytesIO(data))
        _check_size(image.size, max_pixels)
        image.load()
        if name == "PNG":
            _scale_transparent_gray(image, data)
        pixels = convert(image)  # (h, w) or (h, w, 3)
        return np.ascontiguousarray(_UPRIGHT.get(_orientation(image), lambda upright: upright)(pixels))
    except ImageDecodeError:
        raise
    except Exception as error:  # parsers of hostile bytes fail with many types, all of them mean the same here
        raise ImageDecodeError(f"damaged or truncated {name} image") from error


def _sniff(data: bytes, max_bytes: int) -> str:
    if not data:
        raise ImageDecodeError("the image is empty (0 bytes)")
    if len(data) > max_bytes:
        raise ImageDecodeError(
            "the image file is too large", allowed=f"at most {max_bytes} bytes", received=f"{len(data)} bytes"
        )
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and data[8:12] in (*_HEIC_BRANDS, b"avif", b"avis"):
        brands = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
        return "AVIF" if b"avif" in brands or b"avis" in brands else "HEIC"
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    raise ImageDecodeError("not an image of a known format", allowed=", ".join(FORMATS))


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels or max(width, height) > MAX_SIDE:
        raise ImageDecodeError(
            "the image has too many pixels",
            allowed=f"at most {max_pixels} pixels and {MAX_SIDE} on a side",
            received=f"{width}x{height}",
        )


def _to_gray(image: Image.Image) -> np.ndarray:
    pixels = _to_rgb(image)
    return pixels if pixels.ndim == 2 else np.asarray(Image.fromarray(pixels).convert("L"))


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode == "L" and "transparency" not in image.info:
        return np.asarray(image)
    if image.mode.startswith("I;16"):
        return _from_16_bit(image)
    if image.mode in ("I", "F"):
        raise ImageDecodeError("32-bit and float images have no defined white", allowed="8 or 16 bits per channel")
    if image.has_transparency_data:
        ground = Image.new("RGBA", image.size, (_MID_GRAY, _MID_GRAY, _MID_GRAY, 255))
        return np.asarray(Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB"))
    return np.asarray(image.convert("RGB"))


def _scale_transparent_gray(image: Image.Image, data: bytes) -> None:
    """Pillow scales gray of 2 and 4 bits to 0..255, but not the value that a tRNS chunk calls transparent."""
    depth, colour = data[24:26]
    if colour == 0 and depth in (2, 4) and "transparency" in image.info:
        image.info["transparency"] *= 255 // (2**depth - 1)


def _from_16_bit(image: Image.Image) -> np.ndarray:
    """Scale 0..65535 to 0..255: Pillow's own conversion saturates at 255 instead."""
    raw = np.asarray(image)
    gray = (raw // 257).astype(np.uint8)
    if "transparency" in image.info:  # PNG tRNS: one gray value stands for "transparent"
        gray[raw == image.info["transparency"]] = _MID_GRAY
    return gray


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1..8; unreadable EXIF counts as none, as a viewer would do."""
    if "exif" not in image.info:  # a TIFF turns itself while loading
        return 1
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # EXIF is a file format of its own; a broken one says nothing about the pixels
        return 1
    return value if isinstance(value, int) else 1

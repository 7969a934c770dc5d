"""THE image decoder, bytes of one file -> upright pixels, gray or RGB, and THE resize to a network's side.

Every path that reads an image uses them: training data, pictures, videos, the page, heat maps. Pillow does the
parsing, one plugin per accepted format and no other. A plugin is opened by itself rather than through
``PIL.Image.open``: that function only warns above its pixel limit, and a warning cannot be made an error for one call
without changing the filters of the whole process.
"""

from __future__ import annotations

import functools
import io
import os
import stat
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

# Cameras and optimizers write at most some 20; each costs a pass over all pixels, and a few bytes hold one.
MAX_SCANS = 64
# Sides of tiles that are memory of their own, whatever the picture's side is.
_MAX_TILE = 1024

# A table of sums takes 8 bytes a pixel; larger pictures are averaged in bands of rows of about this many.
_BAND_PIXELS = 2**22

# Of ITU-R 601, and one half to round by.
_LUMA = np.array([[19595, 38470, 7471, 32768]], np.float32) / 65536

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

# Side in pixels of a glance at colours, and the difference of channels that JPEG alone does not make.
_GLANCE, _COLOURED = 32, 12

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
        with open(path, "rb", opener=_without_waiting) as handle:
            if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
                raise DataError(f"{problem}: not a regular file")
            return handle.read(max_bytes + 1)
    except OSError as error:
        raise DataError(f"{problem}: {error.strerror or error}") from error


def _without_waiting(path: str, flags: int) -> int:
    """Open a pipe without waiting for somebody who writes into it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


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


def has_colour(data: bytes) -> bool:
    """Whether an image file that can be decoded shows colours; a gray one in three channels does not."""
    try:
        image = _OPENERS[_sniff(data, len(data))](io.BytesIO(data))
        if image.mode.startswith(("1", "L", "I", "F")):
            return False
        image.draft("RGB", (_GLANCE, _GLANCE))  # a JPEG is decoded in part only
        image.thumbnail((_GLANCE, _GLANCE))
        pixels = np.asarray(image.convert("RGB"), np.int16)  # (h, w, 3)
    except Exception:  # parsers of hostile bytes fail with many types; gray is what was made of it
        return False
    return bool(np.ptp(pixels, axis=2).max() > _COLOURED)


def has_more_frames(data: bytes) -> bool:
    """Whether a file that was decoded holds more pictures than the first: an animation, or pages of a TIFF."""
    try:
        return bool(getattr(_OPENERS[_sniff(data, len(data))](io.BytesIO(data)), "is_animated", False))
    except Exception:  # parsers of hostile bytes fail with many types; the first picture was read all the same
        return False


def to_gray(pixels: np.ndarray) -> np.ndarray:
    """Luma of ITU-R 601, ``(19595 R + 38470 G + 7471 B + 32768) // 65536``.

    Args:
        pixels: (H, W) uint8 gray, returned as it is, or (H, W, 3) uint8 RGB.

    Returns:
        (H, W) uint8.
    """
    if pixels.ndim == 2:
        return pixels
    import cv2

    # All products and sums are below 2**24 parts of 2**16, which 32-bit floats hold exactly.
    step = max(1, _BAND_PIXELS // (4 * pixels.shape[1]))
    if step >= len(pixels):
        return cv2.transform(pixels.astype(np.float32), _LUMA).astype(np.uint8)
    return np.concatenate([to_gray(pixels[top : top + step]) for top in range(0, len(pixels), step)])


def resize_gray(gray: np.ndarray, size: int) -> np.ndarray:
    """Resize to a square: the mean over areas along a side that shrinks, bilinear along one that grows.

    A new pixel is the mean of the old ones, each weighted by the area that the two share, also where the scale is no
    whole number. An image that is not square is stretched. All sums are whole numbers and halves are rounded up, so
    that the same pixels come out on every machine and in every language: ``docs/deploy.md`` has the same in C++,
    JavaScript, Kotlin and Swift, :mod:`fer_keras.export.savedmodel.image_graph` in TensorFlow. OpenCV's ``INTER_AREA``
    has them too where the mean is not half way between two values; there its 32-bit floats decide. It does not
    interpolate where a side grows.

    Args:
        gray: (h, w) uint8.
        size: new side in pixels.

    Returns:
        (size, size) uint8; ``gray`` itself when it has that size.
    """
    sums, total = gray, 1  # sums / total are the pixels
    for axis in (0, 1):
        if gray.shape[axis] < size:
            sums, total = _interpolate(sums, size, axis), total * 2 * size
    if sums.shape == (size, size) and total == 1:
        return gray
    if sums.shape != (size, size):
        total *= sums.shape[0] * sums.shape[1]
        sums = _sum_areas(sums, size)
    # Below 2**53 all of this is exact; a conversion cuts off what is behind the point.
    return ((sums + total / 2) / total).astype(np.uint8)


def _interpolate(pixels: np.ndarray, size: int, axis: int) -> np.ndarray:
    """Linear interpolation between the centres of old pixels, times ``2 * size``: (h, w) to float64 whole numbers."""
    before, after, left, right = (part if axis == 0 else part.T for part in _centres(pixels.shape[axis], size))
    if axis == 0:
        return left * pixels[before[:, 0]] + right * pixels[after[:, 0]]
    return left * pixels[:, before[0]] + right * pixels[:, after[0]]


@functools.lru_cache(maxsize=256)
def _centres(old: int, size: int) -> tuple[np.ndarray, ...]:
    """Of each new centre on a line of pixels: the old ones around it, and what each gives; (size, 1)."""
    centres = np.clip((2 * np.arange(size)[:, None] + 1) * old - size, 0, 2 * size * (old - 1))
    before, share = np.divmod(centres, 2 * size)
    return before, np.minimum(before + 1, old - 1), 2.0 * size - share, share.astype(np.float64)


def _sum_areas(pixels: np.ndarray, size: int) -> np.ndarray:
    """Sum over the area of each new pixel, an old one being ``size * size``: (h, w) to (size, size) whole numbers."""
    step = max(1, size * _BAND_PIXELS // pixels.size)
    if step >= size:
        return _sum_band(pixels, size, slice(None))
    return np.concatenate([_sum_band(pixels, size, slice(first, first + step + 1)) for first in range(0, size, step)])


def _sum_band(pixels: np.ndarray, size: int, edges: slice) -> np.ndarray:
    """The rows between some of the edges, by differences in a table of sums (Crow 1984)."""
    import cv2

    rows, next_row, above, below = (part[edges] for part in _edges(pixels.shape[0], size))
    columns, next_column, left, right = _edges(pixels.shape[1], size)
    top = rows[0]
    # Of bytes 32 bits hold what one new pixel can reach. What overflows on the way is right again in the differences.
    small = pixels.dtype == np.uint8 and pixels.size * 255 < 2**31
    table = cv2.integral(pixels[top : next_row[-1]], sdepth=cv2.CV_32S if small else cv2.CV_64F)  # (band + 1, w + 1)
    table = _between(table, 0, rows - top, next_row - top, above[:, None], below[:, None])
    table = table[1:] - table[:-1]
    table = _between(table, 1, columns, next_column, left, right)
    return table[:, 1:] - table[:, :-1]


def _between(table: np.ndarray, axis: int, first: np.ndarray, second: np.ndarray, *shares: np.ndarray) -> np.ndarray:
    """Lines between two neighbouring ones of a table, with what each of the two gives."""
    lines, others = table.take(first, axis), table.take(second, axis)
    lines *= shares[0]
    others *= shares[1]
    lines += others
    return lines


@functools.lru_cache(maxsize=256)
def _edges(old: int, size: int) -> tuple[np.ndarray, ...]:
    """Of each edge of new pixels on a line: the old ones' edges around it, and what each gives; (size + 1,)."""
    whole, part = np.divmod(np.arange(size + 1) * old, size)
    return whole, np.minimum(whole + 1, old), (size - part).astype(np.int32), part.astype(np.int32)


def _decode(data: bytes, convert: Callable[[Image.Image], np.ndarray], max_bytes: int, max_pixels: int) -> np.ndarray:
    name = _sniff(data, max_bytes)
    if name == "JPEG":
        _check_scans(data)
    try:
        image = _OPENERS[name](io.BytesIO(data))
        _check_size(image.size, max_pixels)
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            _check_tiles(image)
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


def _check_scans(data: bytes) -> None:
    scans = data.count(b"\xff\xda")  # start of scan; within coded pixels FF is never followed by DA
    if scans > MAX_SCANS:
        raise ImageDecodeError("the JPEG image has too many scans", allowed=f"at most {MAX_SCANS}", received=scans)


def _check_tiles(image: TiffImagePlugin.TiffImageFile) -> None:
    for side, tag in zip(image.size, (TiffImagePlugin.TILEWIDTH, TiffImagePlugin.TILELENGTH), strict=True):
        tile = image.tag_v2.get(tag, 0)
        if tile > max(_MAX_TILE, side + 15):  # multiples of 16
            raise ImageDecodeError(
                "the TIFF image has tiles beyond its sides", allowed=f"at most {side}", received=tile
            )


def _to_gray(image: Image.Image) -> np.ndarray:
    return to_gray(_to_rgb(image))


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

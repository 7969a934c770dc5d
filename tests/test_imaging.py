"""The decoder, exact pixels for every accepted kind of image and one error type for everything else; the resize."""

import contextlib
import io
import random
import struct
import zlib
from fractions import Fraction

import cv2
import numpy as np
import pytest
from PIL import Image

from fer_keras import imaging
from fer_keras.errors import ImageDecodeError
from fer_keras.imaging import decode_gray, decode_rgb, has_more_frames, resize_gray, to_gray

# Pillow warns about odd metadata and goes on.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

RAMP = (np.arange(48 * 64) * 7 % 256).astype(np.uint8).reshape(48, 64)


def encode(image, fmt="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, fmt, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("options", [{"fmt": "PNG"}, {"fmt": "BMP"}, {"fmt": "GIF"}, {"fmt": "TIFF"}])
def test_lossless_gray_comes_back_unchanged(options):
    gray = decode_gray(encode(Image.fromarray(RAMP), **options))
    np.testing.assert_array_equal(gray, RAMP)
    assert gray.dtype == np.uint8
    assert gray.flags.c_contiguous


def test_lossless_webp_of_gray_comes_back_unchanged():
    data = encode(Image.fromarray(RAMP).convert("RGB"), "WEBP", lossless=True)
    np.testing.assert_array_equal(decode_gray(data), RAMP)


def test_jpeg_is_what_pillow_decodes():
    data = encode(Image.fromarray(RAMP), "JPEG", quality=90)
    np.testing.assert_array_equal(decode_gray(data), np.asarray(Image.open(io.BytesIO(data))))


# Where the bright corner of the stored picture is once the picture stands upright: (row, column) of a 2x3 or 3x2 one.
@pytest.mark.parametrize(
    ("orientation", "shape", "corner"),
    [
        (1, (2, 3), (0, 0)),
        (2, (2, 3), (0, 2)),
        (3, (2, 3), (1, 2)),
        (4, (2, 3), (1, 0)),
        (5, (3, 2), (0, 0)),
        (6, (3, 2), (0, 1)),
        (7, (3, 2), (2, 1)),
        (8, (3, 2), (2, 0)),
        (0, (2, 3), (0, 0)),
        (99, (2, 3), (0, 0)),
    ],
)
@pytest.mark.parametrize("fmt", ["PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied(fmt, orientation, shape, corner):
    stored = np.zeros((2, 3), np.uint8)
    stored[0, 0] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if fmt == "WEBP" else {}
    gray = decode_gray(encode(Image.fromarray(stored).convert("RGB"), fmt, exif=exif, **options))
    assert gray.shape == shape
    assert np.unravel_index(gray.argmax(), gray.shape) == corner


def test_damaged_exif_does_not_refuse_the_pixels():
    data = encode(Image.fromarray(RAMP), "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    np.testing.assert_array_equal(decode_gray(data), RAMP)


def test_16_bit_gray_is_scaled_and_does_not_saturate():
    wide = np.array([[0, 257, 20_000, 65_535]], np.uint16)
    np.testing.assert_array_equal(decode_gray(encode(Image.fromarray(wide))), [[0, 1, 77, 255]])
    np.testing.assert_array_equal(decode_gray(encode(Image.fromarray(wide), "TIFF")), [[0, 1, 77, 255]])


def test_transparent_pixels_show_mid_gray():
    rgba = np.array([[[255, 255, 255, 0], [255, 255, 255, 255], [0, 0, 0, 255]]], np.uint8)
    np.testing.assert_array_equal(decode_gray(encode(Image.fromarray(rgba))), [[128, 255, 0]])
    la = Image.fromarray(np.array([[[9, 0], [9, 255]]], np.uint8), "LA")
    np.testing.assert_array_equal(decode_gray(encode(la)), [[128, 9]])


def test_one_transparent_value_shows_mid_gray():
    gray = np.array([[9, 10]], np.uint8)
    np.testing.assert_array_equal(decode_gray(encode(Image.fromarray(gray), transparency=9)), [[128, 10]])
    wide = np.array([[2570, 5140]], np.uint16)
    np.testing.assert_array_equal(decode_gray(encode(Image.fromarray(wide), transparency=2570)), [[128, 20]])


def test_palette_and_bilevel_images():
    red = Image.new("RGB", (2, 1), (255, 0, 0)).convert("P", palette=Image.Palette.ADAPTIVE)
    np.testing.assert_array_equal(decode_gray(encode(red)), [[76, 76]])  # 0.299 * 255
    bilevel = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    np.testing.assert_array_equal(decode_gray(encode(bilevel)), [[0, 255]])


def test_cmyk_jpeg_goes_through_rgb():
    white = decode_gray(encode(Image.new("CMYK", (16, 16), (0, 0, 0, 0)), "JPEG"))
    black = decode_gray(encode(Image.new("CMYK", (16, 16), (0, 0, 0, 255)), "JPEG"))
    assert white.min() >= 253
    assert black.max() <= 2


@pytest.mark.parametrize("fmt", ["GIF", "TIFF", "WEBP", "PNG"])
def test_the_first_frame_counts(fmt):
    frames = [Image.new("L", (8, 8), value) for value in (10, 200)]
    options = {"lossless": True} if fmt == "WEBP" else {}
    data = encode(frames[0], fmt, save_all=True, append_images=frames[1:], **options)
    assert np.unique(decode_gray(data)).tolist() == [10]


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_truncated_files_are_refused(fmt, kept):
    noise = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    data = encode(Image.fromarray(noise), fmt)
    with pytest.raises(ImageDecodeError):
        decode_gray(data[: int(len(data) * kept)])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 64,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b"8BPS\0\1",
        b"\xff\xd8\xff",
    ],
    ids=["empty", "zeros", "svg", "eps", "psd", "jpeg magic only"],
)
def test_other_things_are_refused(data):
    with pytest.raises(ImageDecodeError):
        decode_gray(data)


@pytest.mark.parametrize("values", [np.array([[1, 70_000]], np.int32), np.array([[0.5, 1.0]], np.float32)])
def test_images_without_a_defined_white_are_refused(values):
    with pytest.raises(ImageDecodeError, match="no defined white"):
        decode_gray(encode(Image.fromarray(values), "TIFF"))


def test_limits_hold_before_anything_is_decoded():
    data = encode(Image.fromarray(RAMP))
    with pytest.raises(ImageDecodeError, match="too large"):
        decode_gray(data, max_bytes=len(data) - 1)
    with pytest.raises(ImageDecodeError, match="64x48"):
        decode_gray(data, max_pixels=48 * 64 - 1)
    assert decode_gray(data, max_bytes=len(data), max_pixels=48 * 64).shape == (48, 64)


def test_a_small_file_that_unpacks_to_many_pixels_is_refused(recwarn):
    def chunk(kind, body):
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    for width, height in ((20_000, 20_000), (12_001, 1)):
        header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\0\0\0\0"
        bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
        with pytest.raises(ImageDecodeError, match=f"{width}x{height}"):
            decode_gray(bomb)
    assert not recwarn.list


def test_error_text_holds_no_bytes_and_no_paths():
    with pytest.raises(ImageDecodeError) as caught:
        decode_gray(b"\xff\xd8\xffSECRET/home/someone")
    assert "SECRET" not in str(caught.value)
    assert "BytesIO" not in str(caught.value)


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_mutated_files_raise_nothing_else(fmt):
    shuffle = random.Random(0)
    good = encode(Image.fromarray(RAMP), fmt)
    for _ in range(150):
        data = bytearray(good)
        for _ in range(shuffle.randint(1, 8)):
            data[shuffle.randrange(len(data))] = shuffle.randrange(256)
        try:
            gray = decode_gray(bytes(data), max_pixels=10**6)
        except ImageDecodeError:
            continue
        assert gray.dtype == np.uint8
        assert gray.ndim == 2


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "CMYK", "P", "I;16"])
def test_colour_has_the_gray_as_its_luma(mode):
    pixels = np.random.default_rng(4).integers(0, 256, (9, 14, 4), np.uint8)
    if mode == "I;16":
        image = Image.fromarray(pixels[..., 0].astype(np.uint16) * 200)
    else:
        image = Image.fromarray(pixels, "RGBA" if mode != "CMYK" else "CMYK").convert(mode)
    stream = io.BytesIO()
    image.save(stream, "TIFF" if mode == "CMYK" else "PNG")
    shown, gray = decode_rgb(stream.getvalue()), decode_gray(stream.getvalue())
    assert shown.shape in ((9, 14), (9, 14, 3))
    luma = shown if shown.ndim == 2 else np.asarray(Image.fromarray(shown).convert("L"))
    assert np.array_equal(luma, gray)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_colour_is_turned_upright_as_gray_is(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    Image.fromarray(np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3)).save(stream, "PNG", exif=exif)
    shown = decode_rgb(stream.getvalue())
    assert shown.shape == ((4, 6, 3) if orientation > 4 else (6, 4, 3))
    assert np.array_equal(np.asarray(Image.fromarray(shown).convert("L")), decode_gray(stream.getvalue()))


def smooth(kind, **options):
    """A smooth RGB picture with a bright corner, as a file of that kind."""
    picture = Image.fromarray(np.full((64, 96, 3), 40, np.uint8))
    picture.paste((255, 255, 255), (0, 0, 32, 32))
    if kind == "HEIC":
        stream = io.BytesIO()
        pytest.importorskip("pillow_heif").from_pillow(picture).save(stream, quality=95, **options)
        return stream.getvalue()
    return encode(picture, kind, **options)


@pytest.mark.parametrize("kind", ["AVIF", "HEIC"])
def test_pictures_of_phones(kind):
    gray = decode_gray(smooth(kind))
    assert gray.shape == (64, 96)
    assert abs(int(gray[8, 8]) - 255) < 6
    assert abs(int(gray[50, 80]) - 40) < 6
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = decode_gray(smooth(kind, exif=exif.tobytes()))
    assert turned.shape == (96, 64)
    assert turned[8, 56] > 200


@pytest.mark.parametrize("kind", ["AVIF", "HEIC"])
def test_damaged_pictures_of_phones(kind):
    data, dice = smooth(kind), random.Random(3)
    for _ in range(60):
        broken = bytearray(data[: dice.randrange(16, len(data) + 1)])
        broken[dice.randrange(12, len(broken))] = dice.randrange(256)
        with contextlib.suppress(ImageDecodeError):
            decode_rgb(bytes(broken))
    with pytest.raises(ImageDecodeError, match="too many pixels"):
        decode_rgb(data, max_pixels=1000)


def test_heic_without_its_decoder(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(ImageDecodeError, match=r"fer_keras\[heif\]"):
        decode_gray(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG"])
def test_further_frames_are_noticed(kind):
    frames = [Image.fromarray(np.full((20, 20), value, np.uint8)) for value in (0, 90, 200)]
    assert has_more_frames(encode(frames[0], kind, save_all=True, append_images=frames[1:]))
    assert not has_more_frames(encode(frames[0], kind))
    assert not has_more_frames(b"GIF89a")


def noise(*shape):
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)


def line_weights(old, new):
    """By fractions: the common areas, or the distances between centres, for one row of pixels."""
    if old > new:
        scale = Fraction(old, new)
        rows = [[min((i + 1) * scale, j + 1) - max(i * scale, j) for j in range(old)] for i in range(new)]
        return [[max(weight, 0) / scale for weight in row] for row in rows]
    centres = [(i + Fraction(1, 2)) * Fraction(old, new) - Fraction(1, 2) for i in range(new)]
    return [[max(1 - abs(min(max(at, 0), old - 1) - j), 0) for j in range(old)] for at in centres]


def by_fractions(gray, size):
    rows, columns = (np.array(line_weights(side, size), object) for side in gray.shape)
    exact = rows @ gray.astype(int).astype(object) @ columns.T
    return np.array([[int(value + Fraction(1, 2)) for value in row] for row in exact], np.uint8)


@pytest.mark.parametrize("shape", [(24, 24), (16, 16), (23, 31), (12, 12), (7, 5), (5, 29), (29, 5), (12, 40), (1, 1)])
def test_resizing_is_exact_and_rounds_halves_up(shape):
    gray = noise(*shape)
    np.testing.assert_array_equal(resize_gray(gray, 12), by_fractions(gray, 12))


def test_the_right_size_is_left_alone():
    gray = noise(48, 48)
    assert resize_gray(gray, 48) is gray


def test_shrinking_by_a_fraction_weights_by_area():
    gray = np.tile(np.array([0, 90, 240], np.uint8), (3, 1))
    assert resize_gray(gray, 2)[0].tolist() == [30, 190]  # (0 + 90 / 2) / 1.5 and (90 / 2 + 240) / 1.5


@pytest.mark.parametrize("side", [49, 96, 100, 120, 144, 240, 301])
def test_opencv_averages_to_the_same_pixels_where_no_mean_is_a_half(side):
    """96 is halved, where OpenCV rounds up too."""
    gray = noise(side, side)
    expected = cv2.resize(gray, (48, 48), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(resize_gray(gray, 48), expected)


def test_opencv_may_differ_by_one_at_a_half():
    gray = noise(192, 192)
    difference = resize_gray(gray, 48).astype(int) - cv2.resize(gray, (48, 48), interpolation=cv2.INTER_AREA)
    assert np.abs(difference).max() == 1
    halves = gray.reshape(48, 4, 48, 4).sum(axis=(1, 3)) % 16 == 8
    assert (difference[~halves] == 0).all()


def test_one_side_may_shrink_while_the_other_grows():
    column = np.linspace(0, 255, 24).astype(np.uint8)
    face = resize_gray(np.repeat(column[:, None], 96, axis=1), 48)  # (24, 96)
    assert (face == face[:, :1]).all()
    assert (np.diff(face[:, 0].astype(int)) >= 0).all()
    assert len(np.unique(face[:, 0])) > 24  # in between, not repeated


@pytest.mark.parametrize("turn", [np.fliplr, np.flipud, np.transpose, np.rot90])
@pytest.mark.parametrize("shape", [(100, 64), (20, 30), (30, 64)])
def test_turning_and_resizing_may_change_places(turn, shape):
    """A SavedModel turns the small face, the decoder the large picture."""
    gray = noise(*shape)
    np.testing.assert_array_equal(resize_gray(turn(gray), 48), turn(resize_gray(gray, 48)))


@pytest.mark.parametrize("pixels", [1, 3000, 20_000])
def test_bands_do_not_show(monkeypatch, pixels):
    gray = noise(211, 130)
    whole = resize_gray(gray, 48)
    monkeypatch.setattr(imaging, "_BAND_PIXELS", pixels)
    np.testing.assert_array_equal(resize_gray(gray, 48), whole)


def test_the_largest_picture_stays_white():
    assert (resize_gray(np.full((12_000, 5_000), 255, np.uint8), 48) == 255).all()


def tiled_tiff(side, tile):
    """A TIFF of one tile that holds nearly nothing."""
    data = zlib.compress(bytes(1000))
    fields = {256: side, 257: side, 258: 8, 259: 8, 262: 1, 277: 1, 322: tile, 323: tile, 324: 0, 325: len(data)}
    fields[324] = 8 + 2 + 12 * len(fields) + 4
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields.items())
    return b"II*\0" + struct.pack("<IH", 8, len(fields)) + entries + bytes(4) + data


@pytest.mark.parametrize("tile", [2048, 46_336, 2**31])
def test_tiles_beyond_the_picture_are_refused(tile):
    with pytest.raises(ImageDecodeError, match=rf"tiles beyond its sides.*at most 48.*{tile}"):
        decode_gray(tiled_tiff(48, tile))


def test_tiles_of_the_usual_size_are_read(tmp_path):
    gray = np.arange(48 * 48, dtype=np.uint8).reshape(48, 48)
    content = io.BytesIO()
    Image.fromarray(gray).save(content, "TIFF", tile=(256, 256))
    np.testing.assert_array_equal(decode_gray(content.getvalue()), gray)


def progressive(scans_more):
    content = io.BytesIO()
    Image.new("L", (64, 64), 100).save(content, "JPEG", progressive=True)
    data = content.getvalue()
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * scans_more + data[-2:]


def test_a_jpeg_of_many_scans_is_refused_and_a_progressive_one_is_read():
    assert decode_gray(progressive(0)).shape == (64, 64)
    with pytest.raises(ImageDecodeError, match="too many scans.*at most 64"):
        decode_gray(progressive(200))


def test_luma_is_that_of_the_standard_for_every_colour():
    levels = np.arange(256, dtype=np.int64)
    for red in range(256):
        luma = (19595 * red + 38470 * levels[:, None] + 7471 * levels + 32768) >> 16  # (green, blue)
        colours = np.empty((256, 256, 3), np.uint8)
        colours[..., 0], colours[..., 1], colours[..., 2] = red, levels[:, None], levels
        np.testing.assert_array_equal(to_gray(colours), luma)
        np.testing.assert_array_equal(to_gray(colours[::-1, ::-1]), luma[::-1, ::-1])


@pytest.mark.parametrize("shape", [(2890, 2890), (2910, 2890), (12_000, 2500)])
def test_white_stays_white_around_the_limit_of_32_bits(shape):
    assert (resize_gray(np.full(shape, 255, np.uint8), 48) == 255).all()

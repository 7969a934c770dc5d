"""Times and geometry of videos are the container's."""

import struct

import av
import cv2
import numpy as np
import pytest
from video_files import HEIGHT, WIDTH, BrightnessPredictor, PatchDetector, picture, write_timed, write_video

from fer_keras.errors import DataError, InputError
from fer_keras.inference.video.predict import predict_video
from fer_keras.inference.video.reader import is_video, open_video

SECOND = [at / 25 for at in range(25)]


def corners() -> np.ndarray:
    """(120, 160, 3): red above left, green above right, blue below left, white below right."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[: HEIGHT // 2, : WIDTH // 2, 0] = 255
    image[: HEIGHT // 2, WIDTH // 2 :, 1] = 255
    image[HEIGHT // 2 :, : WIDTH // 2, 2] = 255
    image[HEIGHT // 2 :, WIDTH // 2 :] = 255
    return image


def names(pixels) -> str:
    """Colours of the four corners, row by row."""
    height, width = pixels.shape[:2]
    places = [pixels[y * height // 4, x * width // 4] for y in (1, 3) for x in (1, 3)]
    colours = {"r": (255, 0, 0), "g": (0, 255, 0), "b": (0, 0, 255), "w": (255, 255, 255)}
    return "".join(min(colours, key=lambda name: np.abs(place - np.array(colours[name])).sum()) for place in places)


def read_all(path, **options):
    with open_video(path) as reader:
        frames = list(reader.read(**options))
        return frames, reader


@pytest.mark.parametrize("sound", [0.0, 3.0])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".m2ts"])
def test_pictures_that_begin_after_the_sound_stand_at_their_times(tmp_path, suffix, sound):
    if suffix == ".m2ts" and not sound:
        pytest.skip("a transport stream has no beginning of its own")
    codec = {".webm": "libvpx", ".m2ts": "libx264"}.get(suffix, "mpeg4")
    path = tmp_path / f"late{suffix}"
    write_timed(path, [corners()] * 25, [0.8 + time for time in SECOND], codec, sound, options=_m2ts(suffix))
    frames, reader = read_all(path)
    assert [frame.timestamp for frame in frames] == pytest.approx([0.8 + time for time in SECOND], abs=0.025)
    assert reader.first == frames[0].timestamp
    assert (reader.repaired, reader.undecodable, reader.ends_early) == (0, 0, False)


def _m2ts(suffix):
    return {"mpegts_m2ts_mode": "1"} if suffix == ".m2ts" else {}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_sound_that_goes_on_after_the_pictures_is_no_damage(tmp_path, suffix):
    path = write_timed(tmp_path / f"podcast{suffix}", [corners()] * 25, SECOND, sound=6.0)
    assert not read_all(path)[1].ends_early


@pytest.mark.parametrize("suffix", [".mkv", ".avi", ".mp4"])
def test_a_file_that_was_cut_ends_early(tmp_path, suffix):
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8) for _ in range(100)]
    times = [at / 25 for at in range(100)]
    options = {"movflags": "faststart"} if suffix == ".mp4" else {}
    path = write_timed(tmp_path / f"cut{suffix}", noise, times, sound=4.0, options=options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames, reader = read_all(path)
    assert 20 < len(frames) < 80
    assert reader.ends_early


def test_an_edit_list_that_begins_later_is_honoured(tmp_path):
    """The file holds two seconds and says: show from one second on (ISO 14496-12, 8.6.6)."""
    path = write_timed(tmp_path / "long.mp4", _numbered(50), [at / 25 for at in range(50)])
    content = bytearray(path.read_bytes())
    edit = content.index(b"elst") + 4 + 8  # after version, flags and count: length, where it begins, rate
    length, _, rate = struct.unpack(">IiI", content[edit : edit + 12])
    clock = struct.unpack(">I", content[(mdhd := content.index(b"mdhd") + 4 + 12) : mdhd + 4])[0]
    content[edit : edit + 12] = struct.pack(">IiI", length // 2, clock, rate)
    path.write_bytes(content)
    frames, reader = read_all(path)
    assert [frame.timestamp for frame in frames] == pytest.approx(SECOND, abs=0.001)
    assert frames[0].pixels.mean() == pytest.approx(40 + 4 * 25, abs=3)
    assert not reader.ends_early


def _numbered(count):
    return [np.full((HEIGHT, WIDTH, 3), 40 + 4 * at, np.uint8) for at in range(count)]


# Of ISO 14496-12, in 1/65536: the picture as it is, turned by 90, 180 and 270 degrees, mirrored, and both.
ONE = 65536
MATRICES = {
    "as it is": ((ONE, 0, 0, ONE), "rgbw"),
    "90": ((0, ONE, -ONE, 0), "brwg"),
    "180": ((-ONE, 0, 0, -ONE), "wbgr"),
    "270": ((0, -ONE, ONE, 0), "gwrb"),
    "mirrored": ((-ONE, 0, 0, ONE), "grwb"),
    "upside down": ((ONE, 0, 0, -ONE), "bwrg"),
    "transposed": ((0, ONE, ONE, 0), "rbgw"),
    "transposed the other way": ((0, -ONE, -ONE, 0), "wgbr"),
}


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("name", list(MATRICES))
def test_pictures_are_turned_and_mirrored_as_the_file_says(tmp_path, name, suffix):
    (a, b, c, d), expected = MATRICES[name]
    matrix = (a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path = write_timed(tmp_path / f"turned{suffix}", [corners()] * 3, SECOND[:3], matrix=matrix)
    frame = read_all(path)[0][0].pixels
    assert names(frame) == expected
    assert frame.shape == ((WIDTH, HEIGHT, 3) if b else (HEIGHT, WIDTH, 3))
    assert frame.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov", ".avi", ".m2ts"])
@pytest.mark.parametrize(("aspect", "size"), [("2/1", (120, 320)), ("1/2", (240, 160)), ("16/15", (120, 171))])
def test_pixels_that_are_no_squares_are_stretched(tmp_path, suffix, aspect, size):
    path = tmp_path / f"wide{suffix}"
    codec = "libx264" if suffix == ".m2ts" else "mpeg4"
    write_timed(path, [corners()] * 3, SECOND[:3], codec, aspect=aspect, options=_m2ts(suffix))
    frames, _ = read_all(path)
    assert {frame.pixels.shape[:2] for frame in frames} == {size}


def test_boxes_are_in_displayed_pixels(tmp_path):
    path = write_timed(tmp_path / "wide.mp4", [picture((60, 40, 200))] * 3, SECOND[:3], aspect="2/1")
    rows = []
    predict_video(path, BrightnessPredictor(PatchDetector()), sink=rows.extend, annotate=tmp_path / "copy.mp4")
    assert (rows[0].box.left, rows[0].box.width) == pytest.approx((120, 80), abs=4)
    assert read_all(tmp_path / "copy.mp4")[0][0].pixels.shape == (HEIGHT, 2 * WIDTH, 3)


def write_changing(path):
    """A transport stream that turns from landscape to portrait: two streams one after the other."""
    content = b""
    for number, shape in enumerate([(HEIGHT, WIDTH), (WIDTH, HEIGHT)]):
        image = cv2.resize(corners(), (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST)
        image[10:50, 10:50] = 255
        part = path.with_name(f"part{number}.ts")
        write_timed(part, [image] * 25, [number + time for time in SECOND], "libx264")
        content += part.read_bytes()
    path.write_bytes(content)
    return path


def test_a_stream_that_turns_is_not_squeezed(tmp_path):
    frames, _ = read_all(write_changing(tmp_path / "turning.ts"))
    shapes = [frame.pixels.shape[:2] for frame in frames]
    assert shapes[0] == (HEIGHT, WIDTH)
    assert shapes[-1] == (WIDTH, HEIGHT)
    assert set(shapes) == {(HEIGHT, WIDTH), (WIDTH, HEIGHT)}


def test_faces_of_another_geometry_are_new_ones(tmp_path):
    rows = []
    path = write_changing(tmp_path / "turning.ts")
    predict_video(path, BrightnessPredictor(PatchDetector()), sink=rows.extend, annotate=tmp_path / "copy.mp4")
    landscape = {row.face for row in rows if row.box.width > row.box.height}
    portrait = {row.face for row in rows if row.box.width < row.box.height}
    assert landscape
    assert portrait
    assert not landscape & portrait
    assert len(read_all(tmp_path / "copy.mp4")[0]) == len({row.frame for row in rows})


def test_a_stated_rate_of_1000_is_not_believed(tmp_path):
    """MediaRecorder's WebM has a clock of 1/1000 s and states its rate as that."""
    path = tmp_path / "recorded.webm"
    times = [at / 30 for at in range(112)]
    write_timed(path, [corners()] * 112, times, "libvpx")
    frames, _ = read_all(path, rate=10)
    assert len(frames) == 38, "3.7 s at 10 a second"
    assert np.diff([frame.timestamp for frame in frames]) == pytest.approx(0.1, abs=0.034)
    assert frames[-1].number == 111 // 3 * 3


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".mkv", ".ts"])
def test_pictures_that_are_stored_in_another_order_than_shown(tmp_path, suffix):
    """x264 stores some pictures after ones that are shown later; AVI has no place for when they are shown."""
    path = write_timed(tmp_path / f"swapped{suffix}", _numbered(50), [at / 25 for at in range(50)], "libx264")
    frames, reader = read_all(path)
    assert [frame.timestamp for frame in frames] == pytest.approx([at / 25 for at in range(50)], abs=0.001)
    assert [frame.pixels.mean() for frame in frames] == pytest.approx([40 + 4 * at for at in range(50)], abs=3)
    assert reader.repaired == 0


def test_recordings_that_were_joined_go_on_after_each_other(tmp_path):
    """As by ``cat a.mts b.mts``: the second one's clock begins anew."""
    parts = []
    for number, times in enumerate([[at / 25 for at in range(60)], [0, 0.04, 0.5, 1.2, 1.24]]):
        part = tmp_path / f"{number}.ts"
        parts.append(write_timed(part, [corners()] * len(times), times, "libx264").read_bytes())
    (tmp_path / "joined.ts").write_bytes(b"".join(parts))
    frames, reader = read_all(tmp_path / "joined.ts")
    times = [frame.timestamp for frame in frames]
    assert len(times) == 65
    assert np.diff(times[-5:]) == pytest.approx([0.04, 0.46, 0.7, 0.04], abs=0.002)
    assert times[-5] == pytest.approx(60 / 25, abs=0.1)
    assert reader.repaired <= 2


def test_thinning_goes_by_the_times_where_the_rate_varies(tmp_path):
    times = [*np.arange(0, 1, 0.01), *np.arange(1, 5, 0.5)]
    path = write_timed(tmp_path / "varying.mp4", [corners()] * len(times), times)
    shown = [frame.timestamp for frame in read_all(path, rate=10)[0]]
    assert shown == pytest.approx([*np.arange(0, 1, 0.1), *np.arange(1, 5, 0.5)], abs=0.011)


@pytest.mark.parametrize("suffix", [".mts", ".m2ts", ".MTS", ".ts", ".vob", ".mpg"])
def test_camcorders_and_discs(tmp_path, suffix):
    """AVCHD: packets of 192 bytes; the others have 188, or none."""
    path = tmp_path / f"made.{'mpg' if suffix in ('.vob', '.mpg') else 'm2ts' if suffix != '.ts' else 'ts'}"
    if path.suffix == ".mpg":
        write_video(path, [corners()] * 25, code="mpg2")
    else:
        write_timed(path, [corners()] * 25, SECOND, "libx264", options=_m2ts(path.suffix))
    file = path.rename(tmp_path / f"clip{suffix}")
    assert is_video(file)
    frames, _ = read_all(file)
    assert len(frames) == 25
    assert frames[0].timestamp == pytest.approx(0, abs=0.05)


def test_damage_in_the_middle_costs_a_few_pictures_and_is_counted(tmp_path):
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8) for _ in range(50)]
    path = write_timed(tmp_path / "hit.ts", noise, [at / 25 for at in range(50)], "libx264")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = random.integers(0, 256, 3000).astype(np.uint8).tobytes()
    path.write_bytes(content)
    frames, reader = read_all(path)
    assert len(frames) > 25
    assert not reader.ends_early


def test_sound_alone_and_a_cover_are_no_video(tmp_path):
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 48000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(DataError, match="no moving picture"), open_video(path):
        pass


def test_what_cannot_be_read_says_so(tmp_path):
    with pytest.raises(InputError, match="no file"), open_video(tmp_path):
        pass


def test_an_error_of_the_caller_is_left_as_it_is(tmp_path):
    path = write_timed(tmp_path / "a.mp4", [corners()], [0.0])
    with pytest.raises(OSError, match="mine"), open_video(path):
        raise OSError("mine")

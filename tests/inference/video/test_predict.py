"""Videos end to end with a stand-in for the model: numbers, times, damaged files."""

import csv
import struct
import subprocess
import sys

import numpy as np
import pytest
from video_files import HEIGHT, WIDTH, BrightnessPredictor, PatchDetector, picture, write_timed, write_video

from fer_keras.errors import DataError, InputError
from fer_keras.inference.video.predict import predict_camera, predict_video
from fer_keras.inference.video.reader import is_video, open_video
from fer_keras.inference.video.writer import VideoWriter, check_video_path


def analyse(path, predictor=None, **options):
    rows = []
    predictor = predictor or BrightnessPredictor(PatchDetector())
    summary = predict_video(path, predictor, sink=rows.extend, **options)
    return summary, rows


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    """Two seconds: one patch moves right, a second one comes at 1 s."""
    frames = [picture((10 + at, 20, 120), *([(100, 70, 200)] if at >= 25 else [])) for at in range(50)]
    return write_video(tmp_path_factory.mktemp("video") / "moving.mp4", frames)


def test_two_faces_keep_their_numbers_and_boxes_follow(moving):
    summary, rows = analyse(moving)
    assert (summary.frames_read, summary.frames_analysed, summary.faces, summary.stopped) == (50, 50, 2, "end")
    assert summary.detections == 7, "every 0.3 s of two seconds, at the next frame"
    assert not summary.cut_short
    first = [row for row in rows if row.face == 0]
    assert [row.frame for row in first] == list(range(50))
    assert [row.timestamp for row in first] == pytest.approx(np.arange(50) / 25, abs=1e-6)
    offsets = [abs(row.box.left - (10 + row.frame)) for row in first]
    assert max(offsets) < 3, "optical flow moves the box between detections"
    second = [row for row in rows if row.face == 1]
    assert 25 <= second[0].frame <= 33
    assert {row.expression for row in first} == {"middle"}
    assert {row.expression for row in second} == {"bright"}


def test_flow_holds_a_face_that_the_detector_misses_once(moving):
    _, rows = analyse(moving, BrightnessPredictor(PatchDetector(blind=(3,))))
    assert [row.frame for row in rows if row.face == 0] == list(range(50))


def test_a_cut_is_searched_at_once(tmp_path):
    """The next search would not be due before 1.28 s; flow notices the cut at 1.12 s."""
    cut = [picture((20, 20, 120) if at < 28 else (100, 70, 120)) for at in range(50)]
    _, rows = analyse(write_video(tmp_path / "cut.mp4", cut))
    assert [row.face for row in rows] == [0] * 28 + [1] * 22


def test_a_cheap_detector_looks_at_every_frame_on_all_cores_and_nothing_changes_its_place(moving):
    serial, expected = analyse(moving, detect_every=0)
    summary, rows = analyse(moving, BrightnessPredictor(PatchDetector(cheap=True)))
    assert (summary.detections, serial.detections) == (50, 50)
    assert [(row.frame, row.face, row.box) for row in rows] == [(row.frame, row.face, row.box) for row in expected]
    assert [row.confidence for row in rows] == pytest.approx([row.confidence for row in expected], abs=1e-6)
    assert [row.box.left for row in rows if row.face == 0][:25] == pytest.approx(10 + np.arange(25), abs=1)


def test_flow_holds_a_face_that_a_cheap_detector_misses_for_some_frames(moving):
    predictor = BrightnessPredictor(PatchDetector(blind=(12, 13, 14)))
    summary, rows = analyse(moving, predictor, detect_every=0)
    first = [row for row in rows if row.face == 0]
    assert [row.frame for row in first] == list(range(50))
    assert max(abs(row.box.left - (10 + row.frame)) for row in first) < 3
    assert summary.faces == 2


def test_frames_without_a_face_are_rows_too(tmp_path):
    path = write_video(tmp_path / "empty.mp4", [picture() for _ in range(5)])
    summary, rows = analyse(path)
    assert [(row.face_found, row.face, row.expression) for row in rows] == [(False, None, None)] * 5
    assert (summary.frames_with_face, summary.faces) == (0, 0)


def test_without_a_detector_each_frame_is_a_face(moving):
    summary, rows = analyse(moving, BrightnessPredictor(None))
    assert {(row.face, row.face_found, row.box) for row in rows} == {(0, False, None)}
    assert summary.detections == 0


def test_every_nth_frame_and_an_early_end(moving):
    summary, rows = analyse(moving, every=10, max_seconds=1.0)
    assert sorted({row.frame for row in rows}) == [0, 10, 20]
    assert (summary.stopped, summary.cut_short) == ("max_seconds", False)


def test_smoothing_delays_a_change_by_its_lag(tmp_path):
    path = write_video(tmp_path / "step.mp4", [picture((60, 40, 60 if at < 25 else 200)) for at in range(50)])
    changes = {}
    for smoothing in (0.0, 0.3):
        summary, rows = analyse(path, smoothing=smoothing, detect_every=0)
        changes[smoothing] = next(row.timestamp for row in rows if row.probabilities["bright"] >= 0.5)
        assert summary.lag == pytest.approx(smoothing * np.log(2))
    assert changes[0.0] == pytest.approx(1.0)
    assert changes[0.3] - changes[0.0] == pytest.approx(0.208, abs=0.05)


def test_csv_and_annotated_copy(moving, tmp_path):
    table, copy = tmp_path / "rows.csv", tmp_path / "copy.mp4"
    summary, rows = analyse(moving, csv=table, annotate=copy)
    with open(table, newline="") as file:
        written = list(csv.DictReader(file))
    assert len(written) == len(rows)
    assert written[30]["expression"] == rows[30].expression
    assert float(written[-1]["timestamp"]) == pytest.approx(1.96)
    assert summary.encoder
    with open_video(copy) as reader:
        frames = [(frame.timestamp, frame.pixels) for frame in reader.read()]
    assert [time for time, _ in frames] == pytest.approx([at / 25 for at in range(50)], abs=0.002)
    assert frames[0][1].shape == (HEIGHT, WIDTH, 3)
    assert frames[20][1][..., 0].astype(int).sum() != frames[20][1][..., 2].astype(int).sum(), "boxes have a colour"


def shades(count):
    """Pictures of which each tells its number by its brightness."""
    return [np.full((HEIGHT, WIDTH, 3), 40 + 4 * at, np.uint8) for at in range(count)]


VFR = [0, 20, 53, 100, 350, 370, 900, 920, 1500, 1533, 2600]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_times_are_right_where_the_frame_rate_varies(tmp_path, suffix):
    path = write_timed(tmp_path / f"vfr{suffix}", shades(len(VFR)), [time / 1000 for time in VFR])
    summary, rows = analyse(path, BrightnessPredictor(None))
    assert [1000 * row.timestamp for row in rows] == pytest.approx(VFR, abs=0.5)
    assert summary.repaired_timestamps == 0


def test_the_annotated_copy_keeps_varying_times(tmp_path):
    path = write_timed(tmp_path / "vfr.mp4", shades(len(VFR)), [time / 1000 for time in VFR])
    analyse(path, BrightnessPredictor(None), annotate=tmp_path / "copy.mp4")
    with open_video(tmp_path / "copy.mp4") as reader:
        assert [1000 * frame.timestamp for frame in reader.read()] == pytest.approx(VFR, abs=0.5)


def test_rotation_that_the_file_states_is_applied(moving, tmp_path):
    content = bytearray(moving.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40  # ISO 14496-12, version 0 of the track header
    content[matrix : matrix + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(content)
    with open_video(turned) as reader:
        assert next(reader.read()).pixels.shape == (WIDTH, HEIGHT, 3)


def test_what_can_be_read_of_a_truncated_video_is_kept(tmp_path):
    random = np.random.default_rng(0)
    frames = [random.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8) for _ in range(50)]
    whole = write_video(tmp_path / "whole.avi", frames, code="MJPG")
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    summary, rows = analyse(cut, BrightnessPredictor(None))
    assert 10 < summary.frames_read < 30
    assert len(rows) == summary.frames_read
    assert summary.cut_short
    assert summary.declared_seconds == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("zero.mp4", b"", "0 bytes"),
        ("text.mp4", b"this is no video at all", "not a video"),
        ("list.mp4", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/x.ts\n", "not a video"),
        ("list", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/x.ts\n", "not a video"),
        ("concat.mp4", b"ffconcat version 1.0\nfile /etc/hostname\n", "not a video"),
        ("header.mp4", b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2", "cannot open"),
        ("noise.mkv", b"\x1aE\xdf\xa3" + bytes(range(256)) * 8, "cannot open"),
    ],
)
def test_what_is_no_video_says_so(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        analyse(path, csv=tmp_path / "rows.csv", annotate=tmp_path / "copy.mp4")
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_cut_index_is_a_clear_error_and_leaves_nothing(moving, tmp_path):
    path = tmp_path / "cut.mp4"
    path.write_bytes(moving.read_bytes()[:2000])
    with pytest.raises(DataError, match="cut off before its index"):
        analyse(path, csv=tmp_path / "rows.csv")
    assert [file.name for file in tmp_path.iterdir()] == ["cut.mp4"]


def test_wrong_options_and_places(moving, tmp_path):
    for options in ({"every": 0}, {"smoothing": -1.0}, {"smoothing": float("nan")}, {"max_seconds": 0.0}):
        with pytest.raises(InputError, match="Received"):
            analyse(moving, **options)
    with pytest.raises(InputError, match="no file"):
        analyse(tmp_path / "nowhere.mp4")
    with pytest.raises(InputError, match=r"\.mp4"):
        analyse(moving, annotate=tmp_path / "copy.gif")
    with pytest.raises(InputError, match="replace the video"):
        check_video_path(moving, moving)
    with pytest.raises(InputError, match="replace the video"):
        analyse(moving, csv=moving)


def test_an_interrupt_keeps_what_is_done(moving, tmp_path):
    def stop(seconds, whole):
        raise KeyboardInterrupt

    summary, rows = analyse(moving, csv=tmp_path / "rows.csv", annotate=tmp_path / "copy.mp4", observer=stop)
    assert summary.stopped == "interrupted"
    assert 1 <= summary.frames_analysed < 50
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == len(rows) + 1
    with open_video(tmp_path / "copy.mp4") as reader:
        assert sum(1 for _ in reader.read()) == summary.frames_analysed


def test_no_camera_is_a_clear_error():
    with pytest.raises(InputError, match="no camera with number 97"):
        next(predict_camera(97, BrightnessPredictor(PatchDetector())))


def test_it_imports_neither_tensorflow_nor_keras_nor_matplotlib():
    program = (
        "import sys, fer_keras.inference.video.predict; "
        "sys.exit(sum(name in sys.modules for name in ('tensorflow', 'keras', 'matplotlib', 'cv2')))"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0


def test_without_pyav_the_error_says_what_to_install(moving, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)  # importing it fails
    with pytest.raises(InputError, match="pip install"):
        analyse(moving)


def test_frames_of_other_shapes_stand_whole_on_black(tmp_path):
    writer = VideoWriter(tmp_path / "copy.mp4", (HEIGHT + 1, WIDTH + 1, 3))
    for at, shape in enumerate([(HEIGHT + 1, WIDTH + 1, 3), (200, 100, 3), (HEIGHT + 2, WIDTH + 2, 3)]):
        writer.write(np.full(shape, 200, np.uint8), at / 25)
    writer.close()
    with open_video(tmp_path / "copy.mp4") as reader:
        frames = [frame.pixels for frame in reader.read()]
    assert len(frames) == 3
    assert frames[1][:, 5].max() < 40, "beside the upright picture"
    assert frames[1][:, WIDTH // 2].min() > 150


def test_suffixes():
    assert is_video("a/B.MP4")
    assert not is_video("a/b.png")

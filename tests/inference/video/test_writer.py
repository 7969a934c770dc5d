"""Annotated videos are whole, or they are not there."""

import contextlib

import numpy as np
import pytest
from video_files import HEIGHT, WIDTH, BrightnessPredictor, PatchDetector, picture, write_video

from fer_keras.errors import RunFolderError
from fer_keras.inference.video import writer as module
from fer_keras.inference.video.predict import predict_video
from fer_keras.inference.video.reader import open_video
from fer_keras.inference.video.writer import VideoWriter


@contextlib.contextmanager
def files_end_at(size):
    """As on a full disk, the system takes no byte of a file after these (a refusal with another number)."""
    resource = pytest.importorskip("resource", reason="limits of a process are POSIX's")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def noise(count):
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8) for _ in range(count)]


@pytest.mark.parametrize("size", [100, 30_000, 300_000, -2000, -20])
def test_a_full_disk_is_an_error_and_leaves_the_older_copy(tmp_path, size):
    source = write_video(tmp_path / "talk.avi", noise(60), code="MJPG")
    copy = tmp_path / "marked" / "copy.mp4"
    if size < 0:  # so many bytes are missing in the end
        predict_video(source, BrightnessPredictor(PatchDetector()), annotate=copy)
        size += copy.stat().st_size
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(b"the older one")
    with files_end_at(size), pytest.raises(RunFolderError, match=r"copy\.mp4"):
        predict_video(source, BrightnessPredictor(PatchDetector()), annotate=copy)
    assert copy.read_bytes() == b"the older one"
    assert [path.name for path in copy.parent.iterdir()] == ["copy.mp4"]


def test_pictures_that_are_missing_are_noticed(tmp_path, monkeypatch):
    count = module._count_pictures
    monkeypatch.setattr(module, "_count_pictures", lambda path: count(path) - 3)
    writer = VideoWriter(tmp_path / "copy.mp4", (HEIGHT, WIDTH, 3))
    for at in range(10):
        writer.write(picture((10 + at, 20, 120)), at / 25)
    with pytest.raises(RunFolderError, match="only 7 of 10 pictures"):
        writer.close()


def test_pictures_of_a_sound_copy_are_all_there_at_their_times(tmp_path):
    """60 a second are further apart than the clock's ticks, and so are 240 and 1000 a second."""
    for rate in (60, 240, 1000):
        writer = VideoWriter(tmp_path / "copy.mp4", (HEIGHT, WIDTH, 3))
        for at in range(30):
            writer.write(picture((10 + at, 20, 120)), 2 + at / rate)
        writer.close()
        with open_video(tmp_path / "copy.mp4") as reader:
            times = [frame.timestamp for frame in reader.read()]
        assert times == pytest.approx([2 + at / rate for at in range(30)], abs=1e-4)

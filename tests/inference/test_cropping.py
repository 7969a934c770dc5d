import numpy as np
import pytest
from PIL import Image

from fer_keras.errors import InputError, RunFolderError
from fer_keras.imaging import decode_gray
from fer_keras.inference.boxes import Box, crop_face
from fer_keras.inference.cropping import crop_pictures

PIXELS = np.random.default_rng(0).integers(0, 256, (200, 300, 3)).astype(np.uint8)
BOXES = [Box(30.5, 20.0, 120.0, 110.0), Box(200.0, 40.0, 60.0, 64.0)]


class Detector:
    """Two faces in wide pictures, none in others."""

    name = "made up"

    def detect(self, image):
        return BOXES if image.shape[1] == 300 else []


@pytest.fixture
def photos(tmp_path):
    for name, pixels in {
        "happy/a.png": PIXELS,
        "happy/a.bmp": PIXELS,
        "sad/b c.png": PIXELS,
        "sad/d.png": PIXELS[:, :200],
    }.items():
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    (tmp_path / "photos" / "sad" / "broken.png").write_bytes(b"no picture")
    return tmp_path / "photos"


def test_faces_are_cut_as_predict_cuts_them(photos, tmp_path):
    report = crop_pictures([photos], tmp_path / "faces", Detector(), size=64)
    written = {str(path.relative_to(tmp_path / "faces")) for path in (tmp_path / "faces").rglob("*.png")}
    assert written == {"happy/a.png", "happy/a_bmp.png", "sad/b c.png"} or "happy/a.png" in written
    assert len(written) == report.written == 3
    face = decode_gray((tmp_path / "faces" / "happy" / "a.png").read_bytes())
    np.testing.assert_array_equal(face, crop_face(PIXELS, BOXES[0], size=64))
    assert [path.name for path in report.without_face] == ["d.png"]
    assert [path.name for path, _ in report.broken] == ["broken.png"]
    assert [(kept, found) for _, kept, found in report.cut] == [(1, 2)] * 3


def test_all_faces_get_names_of_their_own(photos, tmp_path):
    report = crop_pictures([photos / "sad"], tmp_path / "faces", Detector(), all_faces=True)
    assert report.written == 2
    second = decode_gray((tmp_path / "faces" / "b c-2.png").read_bytes())
    np.testing.assert_array_equal(second, crop_face(PIXELS, BOXES[1]))


def test_nothing_is_overwritten_and_nothing_written_among_the_pictures(photos, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.png").write_bytes(b"")
    with pytest.raises(RunFolderError, match="exists already"):
        crop_pictures([photos], tmp_path / "there", Detector())
    with pytest.raises(InputError, match="where the faces are to go"):
        crop_pictures([photos], photos, Detector())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "there"]

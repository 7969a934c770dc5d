"""The user's own pictures: labels from names, broken ones reported, every network scored."""

import numpy as np
import pytest
from PIL import Image

from fer_keras.comparison import compare_runs
from fer_keras.comparison.pictures import read_pictures, score_pictures
from fer_keras.emotions import FER7
from fer_keras.errors import DataError


def save(path, value=100, size=(60, 90)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).save(path)


def test_labels_come_from_folders_and_file_names(tmp_path):
    for name in ("happy/a.png", "Sadness/b.png", "angry_01.png", "fear (2).png", "surprise3.png"):
        save(tmp_path / name)
    pictures, unusable = read_pictures(tmp_path, FER7)
    assert {picture.file: picture.label for picture in pictures} == {
        "Sadness/b.png": "sad",
        "angry_01.png": "angry",
        "fear (2).png": "fear",
        "happy/a.png": "happy",
        "surprise3.png": "surprise",
    }
    assert unusable == []
    assert all(picture.pixels.shape == (48, 48, 1) and picture.pixels.dtype == np.uint8 for picture in pictures)


def test_a_face_of_48_pixels_is_not_touched_and_a_large_picture_is_averaged(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "happy.png")
    stripes = np.tile(np.array([0, 255], np.uint8), (480, 240))
    Image.fromarray(stripes).save(tmp_path / "sad.png")
    happy, sad = read_pictures(tmp_path, FER7)[0]
    assert np.array_equal(happy.pixels[..., 0], pixels)
    assert np.abs(sad.pixels.astype(int) - 127).max() < 10


def test_each_network_sees_pictures_of_its_own_side(tmp_path):
    save(tmp_path / "happy.png")
    (picture,), _ = read_pictures(tmp_path, FER7, {48, 96})
    assert {side: pixels.shape for side, pixels in picture.sides.items()} == {48: (48, 48, 1), 96: (96, 96, 1)}
    assert picture.pixels.shape == (48, 48, 1)


def test_broken_and_unlabelled_pictures_are_reported_and_the_others_go_on(tmp_path):
    save(tmp_path / "happy/a.png")
    (tmp_path / "happy/broken.jpg").write_bytes(b"\xff\xd8\xff half")
    (tmp_path / "sad.txt").write_text("no picture")
    save(tmp_path / "cat.png")
    save(tmp_path / "1.png")
    save(tmp_path / ".hidden/happy.png")
    pictures, unusable = read_pictures(tmp_path, FER7)
    assert [picture.file for picture in pictures] == ["happy/a.png"]
    reasons = {entry["file"]: entry["reason"] for entry in unusable}
    assert list(reasons) == ["1.png", "cat.png", "happy/broken.jpg", "sad.txt"]
    assert "damaged or truncated JPEG" in reasons["happy/broken.jpg"]
    assert "unknown emotion 'cat'" in reasons["cat.png"]


def test_folders_without_a_usable_picture_are_refused(tmp_path):
    with pytest.raises(DataError, match="no folder of pictures"):
        read_pictures(tmp_path / "missing", FER7)
    with pytest.raises(DataError, match="1 to 200 pictures. Received: 0"):
        read_pictures(tmp_path, FER7)
    (tmp_path / "happy.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"no usable picture.*happy.png: the image is empty"):
        read_pictures(tmp_path, FER7)


@pytest.fixture
def real_models(make_run):
    """Two runs with one real network, of which the first is exported."""
    import keras

    from fer_keras.export.run_export import export_run
    from fer_keras.models import build_model
    from fer_keras.recipe.model import CnnModel

    keras.utils.set_random_seed(1)
    model = build_model(CnnModel(width=8), 7)
    runs = [make_run(name) for name in ("exported", "keras only")]
    for run in runs:
        run.model.unlink()
        model.save(run.model)
        run.write_manifest()
    export_run(runs[0], ("tflite",))
    return compare_runs([run.path for run in runs]).runs


def test_the_exported_file_and_keras_say_the_same_of_every_picture(real_models, tmp_path):
    folder = tmp_path / "pictures"
    for value, name in enumerate(FER7):
        save(folder / f"{name}.png", 30 * value + 20)
    pictures, unusable = read_pictures(folder, FER7)
    scored = score_pictures(real_models, folder, pictures, unusable)
    assert [row["runtime"].split()[0] for row in scored["networks"]] == ["TFLite", "model.keras,"]
    assert [row["n"] for row in scored["networks"]] == [7, 7]
    assert scored["networks"][0]["accuracy"] == scored["networks"][1]["accuracy"]
    for row in scored["pictures"]:
        first, second = row["results"].values()
        assert first["predicted"] == second["predicted"]
        assert first["probability"] == pytest.approx(second["probability"], abs=1e-4)
        assert first["correct"] == (first["predicted"] == row["label"])
    assert "7 pictures say little" in scored["warning"]

"""``explain_files``: pictures, numbers, broken images, refusals; and the pictures themselves."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from fer_keras.errors import DataError, InputError, RunFolderError
from fer_keras.explanation.report import explain_files, find_images, read_faces
from fer_keras.models import build_cnn
from fer_keras.plotting.explanation import overlay, plot_contact_sheet, plot_explanation
from fer_keras.runs.run_folder import RunFolder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = RunFolder.create(tmp_path_factory.mktemp("runs") / "small")
    run.recipe.write_text("model: {name: cnn}\n")
    run.run_json.write_text(json.dumps({"classes": ["left", "right", "none"]}))
    keras.utils.set_random_seed(0)
    build_cnn(3, width=8).save(run.model)
    run.write_manifest()
    return run


@pytest.fixture
def pictures(tmp_path):
    """Two pictures of other sizes, one of them in a sub-folder, one broken image and one file that is none."""
    folder, rng = tmp_path / "pictures", np.random.default_rng(0)
    (folder / "more").mkdir(parents=True)
    Image.fromarray(rng.integers(0, 256, (60, 90, 3), dtype=np.uint8)).save(folder / "b c.png")
    Image.fromarray(rng.integers(0, 256, (48, 48), dtype=np.uint8)).save(folder / "more" / "a.jpg")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_every_picture_is_written_and_the_broken_one_named(run, pictures, tmp_path):
    document = explain_files(run, [pictures], tmp_path / "out")
    names = [row["picture"] for row in document["images"]]
    assert names == ["001_b_c.png", "002_a.png"]
    assert {p.name for p in (tmp_path / "out").iterdir()} == {*names, "contact_sheet.png", "explanation.json"}
    assert json.loads((tmp_path / "out/explanation.json").read_text()) == document
    assert [row["file"] for row in document["unreadable"]] == [str(pictures / "broken.png")]
    assert (document["layer"], document["resolution"], document["temperature"]) == ("stage3_2_relu", [6, 6], 1.0)
    for row in document["images"]:
        values = list(row["probabilities"].values())
        assert values == sorted(values, reverse=True)
        assert row["about"] == next(iter(row["probabilities"]))
        with Image.open(tmp_path / "out" / row["picture"]) as picture:
            assert min(picture.size) > 300


def test_a_class_can_be_asked_for(run, pictures, tmp_path):
    document = explain_files(run, [pictures], tmp_path / "out", target="right", layer="stage1_2_relu")
    assert {row["about"] for row in document["images"]} == {"right"}
    assert document["resolution"] == [24, 24]


def test_wrong_requests_write_nothing(run, pictures, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(InputError, match="Did you mean 'right'"):
        explain_files(run, [pictures], out, target="rigth")
    with pytest.raises(InputError, match="no feature map"):
        explain_files(run, [pictures], out, layer="nowhere")
    with pytest.raises(DataError, match="no usable image"):
        explain_files(run, [pictures / "broken.png"], out)
    with pytest.raises(DataError, match="cannot be read"):
        explain_files(run, [pictures / "missing.png"], out)
    assert not out.exists()
    with pytest.raises(RunFolderError, match="exists already"):
        explain_files(run, [pictures], pictures)


def test_folders_give_their_images_in_order_and_files_come_once(pictures):
    found = [path.name for path in find_images([pictures / "more/a.jpg", pictures])]
    assert found == ["a.jpg", "b c.png", "broken.png"]
    (pictures / "empty").mkdir()
    with pytest.raises(DataError, match="0"):
        find_images([pictures / "empty"])


def test_whole_pictures_are_resized(pictures):
    faces = read_faces([pictures / "b c.png"], 48)
    assert (faces.images.shape, faces.images.dtype) == ((1, 48, 48, 1), np.uint8)


def test_overlay_leaves_the_face_where_the_map_is_0():
    face, heatmap = np.arange(16, dtype=np.uint8).reshape(4, 4) * 16, np.zeros((4, 4))
    np.testing.assert_allclose(overlay(face, heatmap), np.repeat(face[..., None] / 255, 3, axis=-1))
    heatmap[0, 0] = 1
    assert (overlay(face, heatmap)[0, 0] != face[0, 0] / 255).any()


def test_pictures_of_flat_maps_and_odd_names():
    face = np.full((48, 48), 9, np.uint8)
    figure = plot_explanation(
        face, np.zeros((48, 48)), [(r"$\nowhere$", 0.9), ("y" * 90, 0.1)], "y" * 90, r"$\no$ title"
    )
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert any("no place" in text for text in texts)
    figure.canvas.draw()
    plot_contact_sheet(face[None].repeat(7, 0), np.ones((7, 48, 48)), ["$a_$\nb"] * 7, "title", columns=5).canvas.draw()

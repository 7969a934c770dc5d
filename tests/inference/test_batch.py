"""Many files: order, broken ones, bounded memory."""

import pytest
from composed_pictures import FixedDetector, box_at
from PIL import Image

from fer_keras.errors import DataError
from fer_keras.inference import Predictor, batch
from fer_keras.inference.batch import predict_files


@pytest.fixture(scope="module")
def predictor():
    return Predictor(detector=FixedDetector(box_at(10, 10)))


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{number:02}.png" for number in range(30)]
    for number, path in enumerate(paths):
        Image.new("L", (200 + number, 180), 5 * number).save(path)
    paths[7].write_bytes(b"")
    paths[20].unlink()
    return paths


def test_order_is_kept_and_broken_files_are_results(files, predictor):
    results = list(predict_files(files, predictor, workers=3))
    assert [result.path for result in results] == files
    assert [at for at, result in enumerate(results) if result.error] == [7, 20]
    assert results[12].size == (212, 180)
    assert all(result.pixels is None for result in results)
    assert {len(result.predictions) for at, result in enumerate(results) if at not in (7, 20)} == {1}


def test_at_most_a_few_pictures_are_decoded_ahead(files, predictor, monkeypatch):
    taken = []

    def paths():
        for path in files:
            taken.append(path)
            yield path

    monkeypatch.setattr(batch, "_MAX_WAITING", 1)
    for done, _ in enumerate(predict_files(paths(), predictor, workers=2), start=1):
        assert len(taken) <= done + 3


def test_kept_pixels_are_handed_on_before_they_pile_up(files, predictor, monkeypatch):
    held = []
    finish = batch._finish
    monkeypatch.setattr(batch, "_MAX_BYTES", 4 * 200 * 180)
    monkeypatch.setattr(batch, "_finish", lambda waiting, given: held.append(len(waiting)) or finish(waiting, given))
    results = list(predict_files(files, predictor, keep_pixels=True))
    assert max(held) <= 5
    assert results[3].pixels.shape == (180, 203)


def test_given_boxes_take_the_place_of_the_detector(files, predictor):
    def boxes_of(path):
        if path.name == "03.png":
            raise DataError("no row")
        return [] if path.name == "02.png" else [box_at(0, 0), box_at(20, 20)]

    results = list(predict_files(files[:4], predictor, boxes_of=boxes_of))
    assert [len(result.predictions) for result in results] == [2, 2, 1, 0]
    assert results[2].predictions[0].face_found is False
    assert "no row" in results[3].error

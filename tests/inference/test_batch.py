"""Many files: order, broken ones, bounded memory."""

import threading
import time

import pytest
from composed_pictures import FixedDetector, box_at
from PIL import Image

from fer_keras.errors import DataError, ModelFileError
from fer_keras.inference import Predictor
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


@pytest.mark.parametrize("keep_pixels", [False, True])
def test_only_a_few_pictures_are_read_ahead(files, predictor, keep_pixels):
    taken = []

    def paths():
        for path in files:
            taken.append(path)
            yield path

    results = predict_files(paths(), predictor, workers=2, keep_pixels=keep_pixels)
    for done, result in enumerate(results, start=1):
        assert len(taken) <= done + 2
        assert result.error or (result.pixels is not None) == keep_pixels


def test_a_model_that_fails_is_no_broken_picture(files, monkeypatch):
    predictor = Predictor(detector=FixedDetector(box_at(10, 10)))

    def fail(images):
        raise ModelFileError("out of order")

    monkeypatch.setattr(predictor._run, "predict_batch", fail)
    with pytest.raises(ModelFileError, match="out of order"):
        list(predict_files(files, predictor))


def test_a_detector_that_says_nothing_is_asked_by_one_thread_at_a_time(files):
    busy = threading.Lock()

    class Careful:
        name = "careful"

        def detect(self, image):
            assert busy.acquire(blocking=False)
            time.sleep(0.002)
            busy.release()
            return [box_at(10, 10)]

    results = list(predict_files(files, Predictor(detector=Careful()), workers=4))
    assert sum(len(result.predictions) for result in results) == 28


def test_given_boxes_take_the_place_of_the_detector(files, predictor):
    def boxes_of(path):
        if path.name == "03.png":
            raise DataError("no row")
        return [] if path.name == "02.png" else [box_at(0, 0), box_at(20, 20)]

    results = list(predict_files(files[:4], predictor, boxes_of=boxes_of))
    assert [len(result.predictions) for result in results] == [2, 2, 1, 0]
    assert results[2].predictions[0].face_found is False
    assert "no row" in results[3].error

"""Interpreters that many threads share."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fer_keras.errors import ModelFileError
from fer_keras.export.exported_model import load_exported


def test_many_threads_get_their_own_answers(tflite_files, faces):
    exported = load_exported(tflite_files["float32"])
    alone = [exported(faces[[at]]) for at in range(8)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda at: exported(faces[[at % 8]]), range(160)))
    assert all(np.array_equal(answer, alone[at % 8]) for at, answer in enumerate(together))


def test_an_interpreter_serves_one_call_at_a_time(tflite_files, faces, monkeypatch):
    inside, most = [], []
    exported = load_exported(tflite_files["float32"], threads=2)

    def score(interpreter, image):
        assert interpreter not in inside
        inside.append(interpreter)
        most.append(len(inside))
        threading.Event().wait(0.01)
        inside.remove(interpreter)
        return np.zeros((1, 7), np.float32)

    monkeypatch.setattr(exported.predict_batch, "_score", score)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: exported(faces[:1]), range(12)))
    assert max(most) == 2


def test_shares_on_several_threads_are_joined_in_order(tflite_files, faces):
    one, three = (load_exported(tflite_files["float32"], threads=threads) for threads in (1, 3))
    for count in (1, 7, 8, 13, 70):
        images = np.resize(faces, (count, *faces.shape[1:]))
        assert np.array_equal(three(images), one(images))


def test_a_runtime_that_fails_names_the_file_and_goes_on(tflite_files, faces, monkeypatch):
    exported = load_exported(tflite_files["float32"], threads=1)
    expected = exported(faces[:1])

    def fail(interpreter, image):
        raise RuntimeError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(exported.predict_batch, "_score", fail)
        with pytest.raises(ModelFileError, match="no memory"):
            exported(faces[:1])
    assert np.array_equal(exported(faces[:1]), expected)

"""One interpreter that many threads share."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fer_keras.export.exported_model import load_exported


def test_many_threads_get_their_own_answers(tflite_files, faces):
    exported = load_exported(tflite_files["float32"])
    alone = [exported(faces[[at]]) for at in range(8)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda at: exported(faces[[at % 8]]), range(160)))
    assert all(np.array_equal(answer, alone[at % 8]) for at, answer in enumerate(together))


def test_one_call_of_the_runtime_at_a_time(tflite_files, faces, monkeypatch):
    inside, most = [], []
    exported = load_exported(tflite_files["float32"])

    def run(images):
        inside.append(threading.get_ident())
        most.append(len(inside))
        threading.Event().wait(0.01)
        inside.remove(threading.get_ident())
        return np.zeros((len(images), 7), np.float32)

    monkeypatch.setattr(exported.predict_batch, "_run", run)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: exported(faces[:1]), range(12)))
    assert max(most) == 1

"""Features that are computed once, whatever interrupts it."""

import hashlib
import json

import numpy as np
import pytest

from fer_keras.training.feature_store import FeatureStore

WHOLE = np.random.default_rng(0).normal(size=(25, 4)).astype(np.float32)


class Base:
    """A base whose calls are noted."""

    def __init__(self):
        self.starts = []

    def __call__(self, start, stop):
        self.starts.append(start)
        return WHOLE[start:stop]


def fill(store, base, stop_after=99, key="key", batch=10):
    return store.fill("train", key, WHOLE.shape, base, batch, stopped=lambda: len(base.starts) >= stop_after)


@pytest.fixture
def store(tmp_path):
    return FeatureStore(tmp_path / "checkpoint", 0.0)


def test_an_interrupted_computation_goes_on_where_it_was(store):
    assert fill(store, Base(), stop_after=2) is None
    base = Base()
    np.testing.assert_array_equal(fill(store, base), WHOLE)
    assert base.starts == [20]
    base = Base()
    np.testing.assert_array_equal(fill(store, base), WHOLE)
    assert base.starts == []


def test_the_seconds_of_all_processes_count_once(store):
    fill(store, Base(), stop_after=2)
    first = store.seconds
    fill(store, Base())
    both = store.seconds
    assert 0 < first < both
    fill(store, Base())
    assert store.seconds == both


def spoil(path):
    content = bytearray(path.read_bytes())
    content[5] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", ["flipped", "cut", "no file", "note", "no note", "key", "rows"])
def test_what_is_spoiled_is_computed_again(store, damage):
    fill(store, Base(), stop_after=2)
    data, note = store.folder / "features-train.f32", store.folder / "features-train.json"
    if damage == "flipped":
        spoil(data)
    elif damage == "cut":
        data.write_bytes(data.read_bytes()[:-1])
    elif damage == "no file":
        data.unlink()
    elif damage == "note":
        note.write_text("[" * 10_000)
    elif damage == "no note":
        note.unlink()
    elif damage == "rows":
        note.write_text(json.dumps(json.loads(note.read_text()) | {"rows": 10**30}))
    base = Base()
    np.testing.assert_array_equal(fill(store, base, key="other" if damage == "key" else "key"), WHOLE)
    assert base.starts == [0, 10, 20]


def test_rows_after_the_last_note_do_not_count(store):
    slow = FeatureStore(store.folder, 1e9)

    class Killed(BaseException):
        pass

    def compute(start, stop):
        if start == 20:
            raise Killed
        return WHOLE[start:stop]

    fill(store, Base(), stop_after=1)
    with pytest.raises(Killed):
        slow.fill("train", "key", WHOLE.shape, compute, 10, stopped=lambda: False)
    base = Base()
    np.testing.assert_array_equal(fill(store, base), WHOLE)
    assert base.starts == [10, 20]
    note = json.loads((store.folder / "features-train.json").read_text())
    assert hashlib.sha256((store.folder / "features-train.f32").read_bytes()).hexdigest() == note["sha256"]

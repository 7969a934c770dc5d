"""The prepared copy is whole and right, or it is not used."""

import errno
import json
import random
import shutil
import subprocess
import sys

import numpy as np
import pytest

from fer_keras.datasets import Fer2013, load_faces
from fer_keras.errors import DataError


@pytest.fixture
def source(tmp_path, tiny):
    path = tmp_path / "faces.csv"
    path.write_text(tiny.csv_text())
    return path


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def copy(source, cache):
    """A finished copy's folder."""
    load_faces(source, cache_dir=cache)
    (folder,) = cache.glob("fer2013-*")
    return folder


def refuse_to_prepare(monkeypatch):
    def prepare(self, **kwargs):
        pytest.fail("prepared again")

    monkeypatch.setattr(Fer2013, "download_and_prepare", prepare)


def visible(cache):
    return sorted(path.name for path in cache.iterdir() if not path.name.endswith(".lock"))


def test_the_second_start_uses_the_copy(source, cache, tiny, monkeypatch):
    first = load_faces(source, cache_dir=cache)
    assert len(visible(cache)) == 1
    refuse_to_prepare(monkeypatch)
    second = load_faces(source, cache_dir=cache)
    assert second.sha256 == first.sha256
    train = [row for row in range(12) if tiny.usages[row] == "Training"]
    np.testing.assert_array_equal(second.splits["train"].images[..., 0], tiny.pixels[train])


def test_a_changed_source_is_read_again(source, cache, tiny):
    before = load_faces(source, cache_dir=cache)
    tiny.pixels[0, 0, 0] ^= 1
    source.write_text(tiny.csv_text())
    assert load_faces(source, cache_dir=cache).sha256 != before.sha256


def truncate(path):
    path.write_bytes(path.read_bytes()[:-50])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def lose_a_record(path):
    """Cut after the first record: what remains is a valid, shorter file (TFRecord: length, crc, data, crc)."""
    data = path.read_bytes()
    path.write_bytes(data[: 16 + int.from_bytes(data[:8], "little")])


DAMAGE = {
    "truncated records": lambda folder: truncate(next(folder.rglob("*train.tfrecord*"))),
    "flipped bit": lambda folder: flip(next(folder.rglob("*test.tfrecord*"))),
    "lost record": lambda folder: lose_a_record(next(folder.rglob("*train.tfrecord*"))),
    "missing records": lambda folder: next(folder.rglob("*validation.tfrecord*")).unlink(),
    "splits swapped": lambda folder: next(folder.rglob("*test.tfrecord*")).replace(
        next(folder.rglob("*validation.tfrecord*"))
    ),
    "missing info": lambda folder: next(folder.rglob("dataset_info.json")).unlink(),
    "damaged info": lambda folder: truncate(next(folder.rglob("dataset_info.json"))),
    "missing metadata": lambda folder: next(folder.rglob("metadata.json")).unlink(),
    "damaged metadata": lambda folder: truncate(next(folder.rglob("metadata.json"))),
    "missing seal": lambda folder: (folder / "prepared.json").unlink(),
    "damaged seal": lambda folder: (folder / "prepared.json").write_text("{"),
    "other seal": lambda folder: (folder / "prepared.json").write_text('{"faces": {}, "sha256": ""}'),
    "empty": lambda folder: (shutil.rmtree(folder), folder.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_noticed_and_the_copy_made_again(copy, source, cache, damage, caplog, monkeypatch):
    good = json.loads((copy / "prepared.json").read_text())
    damage(copy)
    assert load_faces(source, cache_dir=cache).sha256 == good["sha256"]
    assert "is damaged" in caplog.text
    assert visible(cache) == [copy.name]
    refuse_to_prepare(monkeypatch)
    load_faces(source, cache_dir=cache)


def test_an_interrupted_preparation_leaves_nothing(source, cache, monkeypatch):
    def interrupt(self, rows):
        yield from list(generate(self, rows))[:1]
        raise KeyboardInterrupt

    generate = Fer2013._generate_examples
    with monkeypatch.context() as patch:
        patch.setattr(Fer2013, "_generate_examples", interrupt)
        with pytest.raises(KeyboardInterrupt):
            load_faces(source, cache_dir=cache)
    assert visible(cache) == []
    assert len(load_faces(source, cache_dir=cache).splits["train"]) == 6


def test_what_a_killed_process_left_is_removed(source, cache, copy):
    name = copy.name
    shutil.rmtree(copy)
    (cache / f".{name}-killed" / "fer2013").mkdir(parents=True)
    load_faces(source, cache_dir=cache)
    assert visible(cache) == [name]


def test_a_wrong_row_leaves_nothing(source, cache):
    source.write_text(source.read_text() + "9,1 2 3,Training\n")
    with pytest.raises(DataError, match="row 12"):
        load_faces(source, cache_dir=cache)
    assert visible(cache) == []


def test_preparing_does_not_touch_the_global_random_state(source, cache):
    random.seed(5)
    expected = random.random()
    random.seed(5)
    load_faces(source, cache_dir=cache)
    assert random.random() == expected


def test_preparing_prints_nothing_to_stdout(source, cache, capsys):
    load_faces(source, cache_dir=cache)
    assert capsys.readouterr().out == ""


def test_a_full_disk_is_one_clear_line(source, cache, monkeypatch):
    def full(self, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Fer2013, "download_and_prepare", full)
    with pytest.raises(DataError, match=r"cannot write .*cache: No space left on device. .*FER_KERAS_CACHE") as caught:
        load_faces(source, cache_dir=cache)
    assert "\n" not in str(caught.value)
    assert visible(cache) == []


def test_a_full_disk_seen_by_tensorflow_is_one_clear_line(source, cache, monkeypatch):
    import tensorflow as tf

    def full(self, **kwargs):
        cause = tf.errors.ResourceExhaustedError(None, None, "/x/y.tfrecord; No space left on device")
        raise RuntimeError("wrapped by TFDS") from cause

    monkeypatch.setattr(Fer2013, "download_and_prepare", full)
    with pytest.raises(DataError, match=r"cannot write .*cache: No space left on device\."):
        load_faces(source, cache_dir=cache)


def test_a_cache_that_cannot_be_made(source, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot write .*Not a directory"):
        load_faces(source, cache_dir=tmp_path / "file" / "cache")


@pytest.mark.slow
def test_two_processes_at_once_share_one_copy(source, cache):
    # The same seed gives both the same "random" folder inside TFDS.
    program = (
        "import random, sys; from pathlib import Path; from fer_keras.datasets import load_faces; random.seed(0);"
        "print(load_faces(sys.argv[1], cache_dir=Path(sys.argv[2])).sha256)"
    )
    command = [sys.executable, "-c", program, str(source), str(cache)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    assert outputs[0][0] == outputs[1][0]
    assert len(visible(cache)) == 1

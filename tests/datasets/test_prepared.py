"""The prepared copy is whole and right, or it is not used."""

import errno
import json
import mmap
import os
import random
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

from fer_keras.datasets import Fer2013, arrays, load_faces, prepared
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
    """Neither prepare nor unpack: the arrays must do."""
    monkeypatch.setattr(prepared, "_prepare", lambda *arguments: pytest.fail("prepared again"))
    refuse_to_unpack(monkeypatch)


def refuse_to_unpack(monkeypatch):
    monkeypatch.setattr(prepared, "_unpack", lambda *arguments: pytest.fail("unpacked again"))


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


def test_the_faces_are_mapped_and_cannot_be_written_to(copy, source, cache):
    images = load_faces(source, cache_dir=cache).splits["train"].images
    assert isinstance(images.base, mmap.mmap | np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 0


def test_a_prepared_copy_is_loaded_without_tensorflow(copy, source, cache):
    program = (
        "import sys; from pathlib import Path; from fer_keras.datasets import load_faces;"
        "load_faces(sys.argv[1], cache_dir=Path(sys.argv[2]));"
        "print({'tensorflow', 'tensorflow_datasets', 'keras'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program, str(source), str(cache)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "set()\n"


def test_tfds_reads_the_copy_too(copy, source, cache):
    faces = load_faces(source, cache_dir=cache).splits["train"]
    builder = tfds.builder_from_directory(next(copy.glob("fer2013/*")))
    read = list(builder.as_dataset(split="train").as_numpy_iterator())
    np.testing.assert_array_equal([example["image"] for example in read], faces.images)
    assert [example["id"].decode() for example in read] == list(faces.ids)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-50])


def flip(path, place=0.5):
    data = bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= 1
    path.write_bytes(data)


def lose_a_record(path):
    """Cut after the first record: what remains is a valid, shorter file (TFRecord: length, crc, data, crc)."""
    data = path.read_bytes()
    path.write_bytes(data[: 16 + int.from_bytes(data[:8], "little")])


def swap(first, second):
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)


def forget_a_file(path):
    contents = json.loads(path.read_text())
    del contents["files"]["test-labels.npy"]
    path.write_text(json.dumps(contents))


ARRAY_DAMAGE = {
    "truncated images": lambda arrays: truncate(arrays / "train-images.npy"),
    "flipped pixel": lambda arrays: flip(arrays / "test-images.npy"),
    "flipped label": lambda arrays: flip(arrays / "train-labels.npy", 0.99),
    "flipped id": lambda arrays: flip(arrays / "train-ids.npy", 0.9),
    "damaged header": lambda arrays: flip(arrays / "train-images.npy", 0),
    "missing images": lambda arrays: (arrays / "validation-images.npy").unlink(),
    "splits swapped": lambda arrays: swap(arrays / "test-images.npy", arrays / "validation-images.npy"),
    "missing contents": lambda arrays: (arrays / "contents.json").unlink(),
    "damaged contents": lambda arrays: truncate(arrays / "contents.json"),
    "a list of too few files": lambda arrays: forget_a_file(arrays / "contents.json"),
    "other contents": lambda arrays: (arrays / "contents.json").write_text("[]"),
    "empty": lambda arrays: (shutil.rmtree(arrays), arrays.mkdir()),
}


@pytest.mark.parametrize("damage", ARRAY_DAMAGE.values(), ids=ARRAY_DAMAGE.keys())
def test_damaged_arrays_are_unpacked_from_the_records_again(copy, source, cache, damage, caplog, monkeypatch):
    good = load_faces(source, cache_dir=cache)
    pixels = {name: np.array(split.images) for name, split in good.splits.items()}
    damage(copy / "arrays")
    with monkeypatch.context() as patch:
        patch.setattr(prepared, "_prepare", lambda *arguments: pytest.fail("prepared again"))
        again = load_faces(source, cache_dir=cache)
    assert again.sha256 == good.sha256
    for name, split in again.splits.items():
        np.testing.assert_array_equal(split.images, pixels[name])
        np.testing.assert_array_equal(split.labels, good.splits[name].labels)
    assert "arrays is damaged" in caplog.text or "arrays/" in caplog.text
    assert visible(copy) == ["arrays", "copies.npz", "fer2013", "prepared.json", "quality.json"]
    refuse_to_prepare(monkeypatch)
    load_faces(source, cache_dir=cache)


def test_a_copy_of_an_earlier_version_is_unpacked_once_and_says_so(copy, source, cache, caplog, monkeypatch):
    sha256 = json.loads((copy / "prepared.json").read_text())["sha256"]
    shutil.rmtree(copy / "arrays")
    seal = json.loads((copy / "prepared.json").read_text())
    (copy / "prepared.json").write_text(json.dumps({key: seal[key] for key in ("faces", "sha256")}))
    monkeypatch.setattr(prepared, "_prepare", lambda *arguments: pytest.fail("prepared again"))
    assert load_faces(source, cache_dir=cache).sha256 == sha256
    assert "earlier version" in caplog.text
    refuse_to_unpack(monkeypatch)
    load_faces(source, cache_dir=cache)


def test_a_copied_cache_is_compared_once_and_then_trusted(copy, source, cache, monkeypatch):
    for path in (copy / "arrays").glob("*.npy"):
        os.utime(path, ns=(1, 1))
    refuse_to_prepare(monkeypatch)
    load_faces(source, cache_dir=cache)
    monkeypatch.setattr(arrays, "LARGE_BYTES", 0)
    monkeypatch.setattr(arrays, "file_sha256", lambda path: pytest.fail("read again"))
    load_faces(source, cache_dir=cache)


def test_a_large_copy_is_told_by_size_and_time_and_read_on_request(copy, source, cache, caplog, monkeypatch):
    monkeypatch.setattr(arrays, "LARGE_BYTES", 0)
    path = copy / "arrays" / "train-images.npy"
    good, before = path.read_bytes(), path.stat()
    flip(path)
    load_faces(source, cache_dir=cache)
    assert path.read_bytes() == good, "another time: compared, and unpacked again"
    flip(path)
    stamp = json.loads((copy / "arrays" / "contents.json").read_text())["files"][path.name]["mtime_ns"]
    os.utime(path, ns=(before.st_atime_ns, stamp))
    load_faces(source, cache_dir=cache)
    assert path.read_bytes() != good, "size and time are all that a start looks at"
    load_faces(source, cache_dir=cache, verify=True)
    assert path.read_bytes() == good
    assert "arrays/train-images.npy is damaged" in caplog.text


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
def test_without_arrays_damaged_records_are_noticed_and_the_copy_made_again(
    copy, source, cache, damage, caplog, monkeypatch
):
    good = json.loads((copy / "prepared.json").read_text())
    shutil.rmtree(copy / "arrays")
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
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(arrays.os, "fsync", full)
    with pytest.raises(DataError, match=r"cannot write .*cache: No space left on device. .*FER_KERAS_CACHE") as caught:
        load_faces(source, cache_dir=cache)
    assert "\n" not in str(caught.value)
    assert visible(cache) == []


def test_a_full_disk_seen_by_tensorflow_is_one_clear_line(source, cache, monkeypatch):
    import tensorflow as tf

    def full(self, examples):
        raise tf.errors.ResourceExhaustedError(None, None, "/x/y.tfrecord; No space left on device")

    monkeypatch.setattr(tfds.core.SequentialWriter, "add_examples", full)
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

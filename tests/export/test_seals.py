"""A SavedModel that was changed, wherever it lies, is refused before TensorFlow sees it."""

import os
import shutil
import subprocess
import sys

import pytest
import tensorflow as tf

from fer_keras.errors import ModelFileError
from fer_keras.export.exported_model import load_exported
from fer_keras.export.savedmodel.load import load_savedmodel
from fer_keras.export.savedmodel.write import export_savedmodel
from fer_keras.export.seals import CHECKSUMS, write_checksums

FILES = (
    "saved_model.pb",
    "fingerprint.pb",
    "variables/variables.index",
    "variables/variables.data-00000-of-00001",
    "assets/labels.txt",
    CHECKSUMS,
)
# 200 truncations and flipped bits, all in one process of its own, which must live to print the counts.
MUTATIONS = """
import collections, random, sys
from pathlib import Path
import numpy as np
from fer_keras.errors import ModelFileError
from fer_keras.export.exported_model import load_exported

folder, files, faces = Path(sys.argv[1]), sys.argv[2:], np.zeros((1, 48, 48, 1), np.float32)
counts = collections.Counter()
for number in range(200):
    rng, path = random.Random(number), folder / files[number % len(files)]
    whole = path.read_bytes()
    content = bytearray(whole)
    if rng.random() < 0.4:
        content = content[: rng.randrange(len(content))]
    else:
        for place in rng.sample(range(len(content)), rng.choice([1, 1, 4, 16])):
            content[place] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    try:
        load_exported(folder)(faces)
        counts["works"] += 1
    except ModelFileError as error:
        assert path.name in str(error) or "sha256sums" in path.name, error
        counts["ModelFileError"] += 1
    path.write_bytes(whole)
print(dict(counts))
"""


@pytest.fixture(scope="module")
def exported(cnn, classes, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "savedmodel"
    export_savedmodel(cnn, classes, path)
    return path


@pytest.fixture
def copy(exported, tmp_path):
    return shutil.copytree(exported, tmp_path / "copy")


def test_every_file_has_a_checksum_that_coreutils_can_check(exported):
    listed = [line.split("  ")[1] for line in (exported / CHECKSUMS).read_text().splitlines()]
    found = {path.relative_to(exported).as_posix() for path in exported.rglob("*") if path.is_file()}
    assert set(listed) == set(FILES) - {CHECKSUMS} == found - {CHECKSUMS}
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--check", "--quiet", CHECKSUMS], cwd=exported, check=True)


def test_200_damaged_copies_are_refused_and_the_process_lives(copy):
    done = subprocess.run([sys.executable, "-c", MUTATIONS, str(copy), *FILES], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "{'ModelFileError': 200}"
    load_exported(copy)  # it was the damage


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused(copy, name):
    (copy / name).unlink()
    with pytest.raises(ModelFileError, match=name.replace(CHECKSUMS, "has no assets.extra")):
        load_exported(copy)


def test_an_added_file_is_refused(copy):
    (copy / "saved_model.pbtxt").write_text("TensorFlow would read this one")
    with pytest.raises(ModelFileError, match=r"saved_model.pbtxt is not listed"):
        load_exported(copy)


def test_a_hidden_file_that_a_desktop_leaves_is_not_counted(copy):
    (copy / ".DS_Store").write_text("x")
    load_exported(copy)


@pytest.mark.parametrize("name", ["saved_model.pb", "variables"])
def test_a_link_is_refused(copy, name, tmp_path):
    (copy / name).rename(tmp_path / "elsewhere")
    (copy / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelFileError, match=f"{name} is a link"):
        load_exported(copy)


@pytest.mark.parametrize("text", ["", "x", "0" * 64, f"{'0' * 63}g  saved_model.pb\n"])
def test_unusable_checksums_are_refused(copy, text):
    (copy / CHECKSUMS).write_text(text)
    with pytest.raises(ModelFileError, match="is damaged"):
        load_exported(copy)


def test_a_foreign_savedmodel_needs_trust(copy, tmp_path):
    shutil.rmtree(copy / "assets.extra")
    with pytest.raises(ModelFileError, match=r"no assets.extra.*trust=True"):
        load_exported(copy)
    assert load_exported(copy, trust=True).image_size == 48
    tf.saved_model.save(tf.Module(), str(tmp_path / "m"))
    with pytest.raises(ModelFileError, match="has no 'serving_default'"):
        load_exported(tmp_path / "m", trust=True)


def test_trust_does_not_excuse_a_changed_file(copy):
    (copy / "assets" / "labels.txt").write_text("changed\n" * 7)
    with pytest.raises(ModelFileError, match="labels.txt differs"):
        load_savedmodel(copy, trust=True)


def test_another_shape_is_refused(tmp_path):
    module = tf.Module()
    spec = tf.TensorSpec((None, 64, 64, 3), name="images")
    function = tf.function(lambda images: {"probabilities": tf.reduce_mean(images, (1, 2))}, input_signature=[spec])
    tf.saved_model.save(module, str(tmp_path / "m"), signatures={"serving_default": function})
    write_checksums(tmp_path / "m")
    with pytest.raises(ModelFileError, match="no face classifier"):
        load_exported(tmp_path / "m")


def test_no_folder_is_one_clear_error(tmp_path):
    with pytest.raises(ModelFileError, match="there is no such folder"):
        load_savedmodel(tmp_path / "nothing")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated"])
def test_a_damaged_savedmodel_is_refused(cnn, classes, damage, tmp_path):
    saved = tmp_path / "saved"
    if damage != "missing":
        export_savedmodel(cnn, classes, saved)
        graph = saved / "saved_model.pb"
        graph.write_bytes(b"" if damage == "empty" else graph.read_bytes()[:1000])
    with pytest.raises(ModelFileError):
        load_savedmodel(saved)


def test_a_foreign_savedmodel_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path / "saved"))
    with pytest.raises(ModelFileError, match="not checked to be what fer_keras wrote"):
        load_exported(tmp_path / "saved")
    write_checksums(tmp_path / "saved")
    with pytest.raises(ModelFileError, match="has no 'serving_default'"):
        load_exported(tmp_path / "saved")

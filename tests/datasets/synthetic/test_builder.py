"""The splits of the synthetic data set, plain and through TFDS."""

import subprocess
import sys

import numpy as np
import pytest

from fer_keras.datasets.faces import SPLITS, fingerprint
from fer_keras.datasets.synthetic.builder import SYNTHETIC_SPLITS, SyntheticFaces, make_synthetic_split
from fer_keras.emotions import FER7
from fer_keras.errors import InputError

# A change of any pixel is a new VERSION of the data set: results on it are no longer comparable.
SHA256_OF_1_0_0 = "82dff0978a4be2476265b03735a65356f330a0233c3b173f680c9d5bdf5aa80a"


@pytest.fixture(scope="module")
def splits():
    return {name: make_synthetic_split(name) for name in SPLITS}


def test_pixels_and_labels_are_those_of_this_version(splits):
    assert str(SyntheticFaces.VERSION) == "1.0.0"
    assert fingerprint(splits, FER7) == SHA256_OF_1_0_0


def test_sizes_shapes_and_ids(splits):
    assert tuple(SYNTHETIC_SPLITS) == SPLITS
    assert {name: len(split) for name, split in splits.items()} == {"train": 8000, "validation": 1000, "test": 1000}
    for split in splits.values():
        assert split.images.shape == (len(split), 48, 48, 1)
        assert split.images.dtype == np.uint8
        assert split.labels.dtype == np.int64
    assert splits["train"].ids[17] == "synthetic train 17"


def test_classes_are_balanced_and_not_in_a_periodic_order(splits):
    for split in splits.values():
        counts = np.bincount(split.labels, minlength=len(FER7))
        assert counts.max() - counts.min() <= 1
        for period in range(1, 15):
            assert np.mean(split.labels[period:] == split.labels[:-period]) < 0.25


def test_no_face_is_in_two_splits_or_twice_in_one(splits):
    faces = [image.tobytes() for split in splits.values() for image in split.images]
    assert len(set(faces)) == len(faces)
    people = [split.images[:1000].mean(axis=(1, 2, 3)) for split in splits.values()]
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert abs(np.corrcoef(people[i], people[j])[0, 1]) < 0.1  # no shared random stream


def test_unknown_split_is_refused_with_the_nearest_name():
    with pytest.raises(InputError, match="Did you mean 'validation'"):
        make_synthetic_split("validaton")


def test_importing_pulls_in_no_tensorflow():
    code = "import sys, fer_keras.datasets.synthetic.builder; assert not {'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_a_prepared_builder_hands_on_the_same_faces(splits, tmp_path):
    builder = SyntheticFaces(data_dir=tmp_path, file_format="array_record")
    builder.download_and_prepare()
    assert builder.name == "synthetic_faces"
    assert builder.info.features["label"].names == list(FER7)
    for name, split in splits.items():
        source = builder.as_data_source(split=name)
        assert len(source) == len(split)
        for i in (0, 1, len(split) - 1):
            np.testing.assert_array_equal(source[i]["image"], split.images[i])
            assert source[i]["label"] == split.labels[i]
            assert source[i]["id"].decode() == split.ids[i]


@pytest.mark.slow
def test_a_linear_model_cannot_solve_it(splits):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = (
        (s.images.reshape(len(s), -1) / np.float32(255), s.labels) for s in (splits["train"], splits["test"])
    )
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e-2, max_iter=300)).fit(*train)
    assert 0.4 < model.score(*test) < 0.8

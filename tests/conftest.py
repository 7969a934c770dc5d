"""Settings that every test shares: quiet TensorFlow, a cache of its own."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

from fer_keras.datasets.faces import FaceDataset, Split, fingerprint
from fer_keras.emotions import FER7


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Prepared data sets go to a folder of this session, never to the user's cache."""
    before = os.environ.get("FER_KERAS_CACHE")
    os.environ["FER_KERAS_CACHE"] = before or str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["FER_KERAS_CACHE"]


def make_split(n: int, seed: int) -> Split:
    """Noise whose brightness tells the class, so that a network can learn it in a few steps."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 7
    images = np.clip(rng.normal(30 + 30 * labels[:, None, None, None], 20, (n, 48, 48, 1)), 0, 255)
    return Split(images.astype(np.uint8), labels.astype(np.int64), np.array([f"row {seed}-{i}" for i in range(n)]))


@pytest.fixture(scope="session")
def tiny_dataset() -> FaceDataset:
    """42 training, 14 validation and 14 test images in FER2013's classes."""
    splits = {"train": make_split(42, 0), "validation": make_split(14, 1), "test": make_split(14, 2)}
    return FaceDataset("tiny", FER7, splits, "made for the test", fingerprint(splits, FER7))


@pytest.fixture(scope="session")
def tiny_csv(tiny_dataset, tmp_path_factory) -> str:
    """Path of a fer2013.csv with the faces of ``tiny_dataset``."""
    path = tmp_path_factory.mktemp("tiny") / "fer2013.csv"
    usages = {"train": "Training", "validation": "PublicTest", "test": "PrivateTest"}
    rows = [
        f"{label},{' '.join(map(str, image.ravel()))},{usage}"
        for name, usage in usages.items()
        for image, label in zip(tiny_dataset.splits[name].images, tiny_dataset.splits[name].labels, strict=True)
    ]
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]) + "\n", encoding="utf-8")
    return str(path)

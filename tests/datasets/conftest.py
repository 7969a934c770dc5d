"""Tiny FER2013 copies in every layout. Their pixels are noise, so no face of the real set is needed."""

import importlib.util
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_keras.datasets.faces import SPLITS, FaceDataset, Split
from fer_keras.emotions import FER7

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
SPLIT_OF_USAGE = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}


class TinyFer2013:
    """Twelve rows with the three usages mixed, and writers for each layout."""

    def __init__(self):
        random = np.random.default_rng(7)
        self.usages = ["Training", "PublicTest", "Training", "PrivateTest"] * 3
        self.labels = [row % 7 for row in range(12)]
        self.pixels = random.integers(0, 256, (12, 48, 48), dtype=np.uint8)

    def csv_text(self, header="emotion,pixels,Usage", order=("emotion", "pixels", "usage"), newline="\n"):
        lines = [header]
        for label, pixels, usage in zip(self.labels, self.pixels, self.usages, strict=True):
            fields = {"emotion": str(label), "pixels": " ".join(map(str, pixels.ravel())), "usage": usage}
            lines.append(",".join(fields[column] for column in order))
        return newline.join(lines) + newline

    def icml_text(self):
        return self.csv_text("emotion, Usage, pixels", ("emotion", "usage", "pixels"))

    def files(self, suffix=".png"):
        """Yield (name, bytes) of the image tree; the numbers grow but have gaps, as in the public folder."""
        for row, (label, pixels, usage) in enumerate(zip(self.labels, self.pixels, self.usages, strict=True)):
            top = "train" if usage == "Training" else "test"
            name = f"{top}/{EMOTIONS[label]}/{usage}_{row * 9 + 2}{suffix}"
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, Image.registered_extensions()[suffix])
            yield name, buffer.getvalue()

    def write_folder(self, root, suffix=".png"):
        for name, data in self.files(suffix):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return root

    def write_zip(self, path, prefix="", suffix=".png"):
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in reversed(list(self.files(suffix))):  # members in no helpful order
                archive.writestr(prefix + name, data)
        return path

    def check(self, splits):
        """Assert that ``splits`` (name -> list of FaceRow) are exactly these rows, in order."""
        for usage, name in SPLIT_OF_USAGE.items():
            rows = [row for row in range(12) if self.usages[row] == usage]
            assert [row.label for row in splits[name]] == [self.labels[row] for row in rows]
            np.testing.assert_array_equal([row.pixels for row in splits[name]], self.pixels[rows])


@pytest.fixture
def tiny():
    return TinyFer2013()


def draw_pictures(n, seed):
    """(n, 48, 48, 1) uint8 with the spectrum of photographs: amplitude falls with frequency (Field 1987)."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(48)[:, None], np.fft.rfftfreq(48))
    amplitude = 1 / np.maximum(frequency, 1 / 48) ** 1.3
    fields = np.fft.irfft2(np.fft.rfft2(random.normal(size=(n, 48, 48))) * amplitude, s=(48, 48))
    fields /= fields.std(axis=(1, 2), keepdims=True)
    contrast, brightness = random.uniform(25, 75, (n, 1, 1)), random.uniform(80, 180, (n, 1, 1))
    return np.clip(fields * contrast + brightness, 0, 255).astype(np.uint8)[..., None]


@pytest.fixture(scope="session")
def pictures():
    """The function that draws pictures no two of which are alike."""
    return draw_pictures


@pytest.fixture(scope="session")
def fer2013():
    """The real data set, where a copy lies beside the checkout."""
    maker_file = Path(__file__).resolve().parents[2] / "../shared/fer2013/make_fer2013.py"
    if not maker_file.is_file():
        pytest.skip("no FER2013 in ../shared/fer2013")
    spec = importlib.util.spec_from_file_location("make_fer2013", maker_file)
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    pixels, labels, usages = maker.load_rows()
    names, labels = np.array([SPLIT_OF_USAGE[usage] for usage in usages]), np.array(labels)
    ids = np.array([f"row {i}" for i in range(len(names))])
    splits = {
        name: Split(pixels[names == name, ..., None], labels[names == name], ids[names == name]) for name in SPLITS
    }
    return FaceDataset("fer2013", FER7, splits, "beside the checkout", "")

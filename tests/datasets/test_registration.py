"""Importing the package is cheap and still registers the builders."""

import subprocess
import sys

import pytest

PROGRAMS = {
    "package first": "import fer_keras.datasets; import tensorflow_datasets as tfds",
    "TFDS first": "import tensorflow_datasets as tfds; import fer_keras.datasets",
    "builder module": "import fer_keras.datasets.fer2013; import tensorflow_datasets as tfds",
    "public name": "from fer_keras.datasets import SyntheticFaces; import tensorflow_datasets as tfds",
}


def run(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("imports", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_builders_are_registered_in_any_order_and_without_tensorflow(imports):
    check = (
        "print(*[tfds.builder_cls(n).__name__ for n in ('fer2013', 'synthetic_faces', 'face_folder')], "
        "'tensorflow' in sys.modules)"
    )
    assert run(f"import sys; {imports}; {check}") == ["Fer2013", "SyntheticFaces", "FaceFolder", "False"]


def test_tf_free_modules_import_neither_tensorflow_nor_tfds():
    modules = ", ".join(
        f"fer_keras.datasets.{name}"
        for name in (
            *("faces", "loading", "face_images", "labels.label_sets", "sources.rows", "sources.csv_file"),
            *("sources.image_tree", "sources.folder_tree", "sources.archive", "sources.tree", "sources.splits"),
            *("sources.recognise", "sources.find"),
        )
    )
    heavy = "[name for name in ('tensorflow', 'tensorflow_datasets', 'keras') if name in sys.modules]"
    assert run(f"import sys, {modules}; print({heavy})") == ["[]"]


def test_public_names():
    import fer_keras.datasets as datasets

    assert all(hasattr(datasets, name) for name in datasets.__all__)
    assert dir(datasets) == sorted(datasets.__all__)
    with pytest.raises(AttributeError):
        _ = datasets.load_face

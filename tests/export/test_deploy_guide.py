"""docs/deploy.md: what can be executed here is executed, on files of this package, against Keras."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from deploy_guide import GUIDE, LANGUAGES, can_run, executed, resizer
from PIL import Image

from fer_keras.atomic_files import write_json
from fer_keras.export.contract import describe_files, make_contract
from fer_keras.export.formats import FORMATS
from fer_keras.export.run_export import write_formats
from fer_keras.imaging import decode_gray, resize_gray
from fer_keras.metrics.scores import softmax

pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert")


@pytest.fixture(scope="module")
def has_onnx():
    return all(__import__("importlib").util.find_spec(name) for name in ("onnx", "onnxruntime", "tf2onnx"))


@pytest.fixture(scope="module")
def place(cnn, classes, faces, has_onnx, tmp_path_factory):
    """A folder with ``exports/``, ``face.jpg`` and ``face_pixels.py``, as the guide supposes."""
    folder = tmp_path_factory.mktemp("deploy")
    (folder / "exports").mkdir()
    names = ["tflite", "tflite_int8", *(["onnx"] if has_onnx else [])]
    contract = make_contract("run", "0" * 64, 48, classes, None)
    paths = write_formats(cnn, contract, folder / "exports", names, faces)
    write_json(folder / "exports" / "contract.json", contract | {"files": describe_files(paths, 48, len(classes))})
    Image.fromarray(faces[0, :, :, 0]).resize((96, 96)).save(folder / "face.jpg", quality=95)
    (folder / "face_pixels.py").write_text(executed("python", "def resize_gray"))
    return folder


@pytest.fixture(scope="module")
def expected(place, cnn, classes):
    """The class and its probability by Keras, with the pixels that this package makes."""
    face = resize_gray(decode_gray((place / "face.jpg").read_bytes()), 48).astype(np.float32)
    probabilities = softmax(keras.ops.convert_to_numpy(cnn(face[None, :, :, None], training=False)))[0]
    return face, probabilities, classes[probabilities.argmax()]


def run_python(code, place):
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    name, probability = done.stdout.split()
    return name, float(probability)


SHAPES = [(120, 120), (96, 96), (160, 131), (30, 41), (20, 200), (1, 1), (48, 48), (47, 49)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_resizing_of_every_language_gives_the_packages_pixels(language, tmp_path):
    if not can_run(language):
        pytest.skip(f"needs {LANGUAGES[language]}")
    resize, rng = resizer(language, tmp_path), np.random.default_rng(0)
    for shape in SHAPES:
        gray = rng.integers(0, 256, shape, dtype=np.uint8)
        np.testing.assert_array_equal(resize(gray, 48), resize_gray(gray, 48), err_msg=str(shape))


@pytest.mark.skipif(not can_run("js"), reason="needs Node")
def test_the_gray_of_the_browser_is_that_of_the_decoder(tmp_path):
    (tmp_path / "face_pixels.mjs").write_text(executed("js", "resizeGray"))
    rgba = np.random.default_rng(1).integers(0, 256, (64, 50, 4), dtype=np.uint8)
    code = f'import {{grayPixels}} from "./face_pixels.mjs"; console.log(grayPixels({rgba.ravel().tolist()}).join())'
    (tmp_path / "run.mjs").write_text(code)
    done = subprocess.run(["node", "run.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    expected = np.asarray(Image.fromarray(rgba[..., :3]).convert("L")).ravel()
    np.testing.assert_array_equal(np.array(done.stdout.split(","), int), expected)


def test_no_block_resizes_otherwise():
    """Whatever makes another picture of a face: Pillow's, a canvas', Android's."""
    found = re.findall(r"\.resize\(|drawImage\([^)]*,[^)]*,[^)]*,|createScaledBitmap\(|cv2\.resize", GUIDE.read_text())
    assert found == []


def test_the_litert_block(place, expected):
    code = executed("python", "model_int8")
    assert "fer_keras" not in code
    name, probability = run_python(code, place)
    assert name == expected[2]
    assert probability == pytest.approx(expected[1].max(), abs=0.05)  # int8


def test_the_litert_block_with_float_pixels(place, expected):
    code = executed("python", "model_int8").replace("model_int8", "model_float32").replace(" / 256", "")
    code = code.replace("face[None, :, :, None])", 'face[None, :, :, None].astype("float32"))')
    assert run_python(code, place) == (expected[2], pytest.approx(expected[1].max(), abs=0.006))


def test_the_onnx_runtime_block(place, expected, has_onnx):
    if not has_onnx:
        pytest.skip("needs fer_keras[onnx]")
    assert run_python(executed("python", "onnxruntime"), place) == (
        expected[2],
        pytest.approx(expected[1].max(), abs=0.006),
    )


def test_the_browser_block(place, expected, has_onnx):
    """In Node, whose WebAssembly is the browser's; NODE_PATH names the folder with onnxruntime-web."""
    modules = Path(os.environ.get("NODE_PATH", "/nonexistent"))
    if not (has_onnx and shutil.which("node") and (modules / "onnxruntime-web").is_dir()):
        pytest.skip("needs Node, fer_keras[onnx], and onnxruntime-web in NODE_PATH")
    (place / "node_modules").symlink_to(modules)
    code = executed("js", "onnxruntime-web")
    face = np.repeat(expected[0].astype(np.uint8).ravel(), 4).tolist()
    (place / "face_pixels.mjs").write_text(executed("js", "resizeGray"))
    code += f"""
import {{readFile}} from "node:fs/promises";
import {{grayPixels}} from "./face_pixels.mjs";
const classify = await loadClassifier(await readFile("exports/model.onnx"));
const gray = Float32Array.from(grayPixels(new Uint8ClampedArray({face})));
console.log(JSON.stringify(await classify(gray)));
"""
    (place / "run.mjs").write_text(code)
    done = subprocess.run(["node", "run.mjs"], cwd=place, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(json.loads(done.stdout), expected[1], atol=1e-4)


def test_the_table_says_what_the_files_say(place):
    """Dtypes and quantisation of the guide's table, against ``contract.json``."""
    files = json.loads((place / "exports" / "contract.json").read_text())["files"]
    rows = {row[0].strip(" `/"): row[1:] for row in re.findall(r"\| (`[^|]*)\|([^|]*)\|([^|]*)\|", GUIDE.read_text())}
    assert set(rows) == {name for name in FORMATS.values() if not name.endswith(".pth")}
    for entry in files.values():
        for side, text in zip(("input", "output"), rows[entry["file"]], strict=True):
            assert entry[side]["dtype"] in text
    int8 = files["tflite_int8"]
    assert int8["input"]["quantization"] == {"scale": 1.0, "zero_point": 0}
    assert int8["output"]["quantization"] == {"scale": 1 / 256, "zero_point": 0}

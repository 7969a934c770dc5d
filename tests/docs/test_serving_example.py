"""The HTTP server of docs/serving.md, started as its reader would start it, in a Python without this package."""

import concurrent.futures
import http.client
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from fer_keras.emotions import FER7
from fer_keras.export.savedmodel.write import export_savedmodel
from fer_keras.imaging import decode_gray
from fer_keras.metrics.scores import softmax

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "serving_example.py"
# Runs the example with a block on imports of this package.
WITHOUT = """
import runpy, sys
for name in ("fer_keras", "keras"):
    assert name not in sys.modules
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "fer_keras":
            raise ImportError("blocked: " + name)
sys.meta_path.insert(0, Blocker())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def jpeg(seed=0, side=48):
    pixels = np.kron(np.random.default_rng(seed).integers(0, 256, (6, 6)), np.ones((side // 6, side // 6)))
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(7)]
    return keras.Sequential([keras.Input((48, 48, 1)), *layers])


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("served") / "savedmodel"
    export_savedmodel(model, FER7, path)
    return path


def start(folder):
    command = [sys.executable, "-I", "-c", WITHOUT, str(EXAMPLE), str(folder), "--port", "0"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def port(folder):
    server = start(folder)
    line = server.stdout.readline()
    assert line.startswith("listening on http://127.0.0.1:"), server.stderr.read()
    yield int(line.rpartition(":")[2])
    server.terminate()
    server.wait(timeout=20)


def ask(port, method, path, body=b"", headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_a_face_gets_the_answer_of_the_keras_model(port, model):
    status, answer = ask(port, "POST", "/predict", jpeg())
    pixels = decode_gray(jpeg())[None, ..., None].astype(np.float32)
    expected = softmax(np.asarray(model(pixels), np.float64))[0]
    assert status == 200
    assert list(answer["probabilities"]) == list(FER7)
    np.testing.assert_allclose(list(answer["probabilities"].values()), expected, atol=1e-5)
    assert answer["expression"] == FER7[expected.argmax()]
    assert answer["confidence"] == pytest.approx(expected.max(), abs=1e-5)


def test_health_names_the_classes(port):
    assert ask(port, "GET", "/health") == (200, {"status": "ok", "classes": list(FER7)})


def test_a_broken_image_is_400_and_says_why(port):
    for body, reason in ((jpeg()[:300], "damaged or truncated"), (b"hello", "neither JPEG nor PNG"), (b"", "0 bytes")):
        status, answer = ask(port, "POST", "/predict", body)
        assert status == 400
        assert reason in answer["error"]
        assert "Allowed: whole JPEG or PNG files" in answer["error"]
        assert "\n" not in answer["error"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Length": str(11 * 2**20)}, 413),
        ({"Content-Length": "9" * 5000}, 413),
        ({"Content-Length": "-5"}, 411),
        ({"Transfer-Encoding": "chunked"}, 411),
    ],
)
def test_a_huge_body_or_one_of_unknown_length_is_not_read(port, headers, status):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest("POST", "/predict")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == status
    assert "error" in json.loads(answer.read())


def test_another_path_is_404(port):
    assert ask(port, "POST", "/other", jpeg())[0] == 404
    assert ask(port, "GET", "/predict")[0] == 404


def test_ten_requests_at_once_get_their_own_answers(port):
    bodies = [jpeg(seed) for seed in range(10)]
    alone = [ask(port, "POST", "/predict", body) for body in bodies]
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        together = list(pool.map(lambda body: ask(port, "POST", "/predict", body), bodies))
    assert [answer for _, answer in together] == [answer for _, answer in alone]
    assert len({json.dumps(answer) for _, answer in alone}) == 10


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_another_program_calls_it(port, tmp_path):
    (tmp_path / "face.jpg").write_bytes(jpeg())
    url = f"http://127.0.0.1:{port}/predict"
    command = ["curl", "--silent", "--noproxy", "*", "--data-binary", f"@{tmp_path / 'face.jpg'}", url]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == ask(port, "POST", "/predict", jpeg())[1]


def node_knows_fetch():
    if shutil.which("node") is None:
        return False
    done = subprocess.run(["node", "--version"], capture_output=True, text=True)
    return done.returncode == 0 and int(done.stdout.strip().lstrip("v").partition(".")[0]) >= 18


@pytest.mark.skipif(not node_knows_fetch(), reason="no Node 18 or newer here")
def test_the_node_client_of_the_guide_calls_it(port, tmp_path):
    client = (EXAMPLE.parent / "serving.md").read_text(encoding="utf-8").partition("```js\n")[2].partition("```")[0]
    (tmp_path / "client.mjs").write_text(client)
    (tmp_path / "face.jpg").write_bytes(jpeg())
    url = f"http://127.0.0.1:{port}/predict"
    command = ["node", str(tmp_path / "client.mjs"), str(tmp_path / "face.jpg"), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    expected = ask(port, "POST", "/predict", jpeg())[1]
    assert done.stdout.split() == [expected["expression"], str(expected["confidence"])]


@pytest.mark.slow
def test_a_damaged_model_is_not_served(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "m")
    (tmp_path / "m" / "saved_model.pb").write_bytes(b"x")
    server = start(tmp_path / "m")
    assert "saved_model.pb differs from its checksum" in server.communicate(timeout=60)[1]
    assert server.returncode == 1

"""The sha256 and the contract inside a TFLite file, and what damage does to a file."""

import json
import subprocess
import sys

import numpy as np
import pytest

from fer_keras.errors import ModelFileError
from fer_keras.export.exported_model import load_exported
from fer_keras.export.seals import is_sealed_tflite
from fer_keras.export.tflite.convert import KINDS, convert_tflite
from fer_keras.export.tflite.metadata import (
    parse,
    read_contract,
    read_tflite,
    schema,
    serialize,
    with_metadata,
)
from fer_keras.export.tflite.structure import check_structure


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_carries_its_contract_and_its_own_sha256(tflite_files, kind):
    contract = read_contract(tflite_files[kind])
    assert (contract["kind"], len(contract["classes"])) == (kind, 7)
    assert contract["input"]["dtype"] == ("uint8" if kind == "int8" else "float32")
    assert is_sealed_tflite(read_tflite(tflite_files[kind]), "x")


def test_metadata_is_replaced_and_the_rest_is_kept(tflite_files):
    content = tflite_files["int8"].read_bytes()
    again = with_metadata(content, {"ä": 1})
    names = [entry.name.decode() for entry in parse(again).metadata]
    assert names == [entry.name.decode() for entry in parse(content).metadata]
    assert with_metadata(again, {"ä": 1}) != again  # the buffers of earlier entries stay, unnamed
    tensors = [[(t.name, t.type) for t in parse(c).subgraphs[0].tensors] for c in (content, again)]
    assert tensors[0] == tensors[1]


def test_every_buffer_is_aligned_to_16_bytes(tflite_files):
    for path in tflite_files.values():
        model = schema().Model.GetRootAs(path.read_bytes(), 0)
        buffers = [model.Buffers(index) for index in range(model.BuffersLength())]
        starts = [b._tab.Vector(b._tab.Offset(4)) for b in buffers if not b.DataIsNone() and b.DataLength()]
        assert len(starts) > 5
        assert {start % 16 for start in starts} == {0}


def test_a_contract_is_read_without_tensorflow(tflite_files):
    code = (
        "import sys; from fer_keras.export.tflite.metadata import read_contract; "
        f"read_contract({str(tflite_files['int8'])!r}); assert not {{'tensorflow', 'keras'}} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_foreign_file_needs_trust_and_a_sound_structure(cnn, faces, tflite_files, tmp_path):
    path = tmp_path / "foreign.tflite"
    path.write_bytes(convert_tflite(cnn))
    with pytest.raises(ModelFileError, match=r"carries no sha256.*--trust-model"):
        load_exported(path)
    expected = load_exported(tflite_files["float32"])(faces)
    np.testing.assert_array_equal(load_exported(path, trust=True)(faces), expected)
    with pytest.raises(ModelFileError, match="carries no contract"):
        path.write_bytes(with_metadata(path.read_bytes()))
        read_contract(path)


def test_trust_does_not_extend_to_a_wrong_sha256(tflite_files, tmp_path):
    damaged = bytearray(tflite_files["float32"].read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "damaged.tflite").write_bytes(damaged)
    with pytest.raises(ModelFileError, match="was changed or damaged"):
        load_exported(tmp_path / "damaged.tflite", trust=True)


def spoil(model, what):
    graph = model.subgraphs[0]
    if what == "input":
        graph.inputs = np.array([9999], np.int32)
    elif what == "operator":
        graph.operators[1].inputs = np.array([-7, 0], np.int32)
    elif what == "code":
        graph.operators[1].opcodeIndex = 77
    elif what == "buffer":
        graph.tensors[2].buffer = 5000
    elif what == "size":
        weights = max(graph.tensors, key=lambda tensor: len(model.buffers[tensor.buffer].data))
        model.buffers[weights.buffer].data = model.buffers[weights.buffer].data[:-4]
    elif what == "shape":
        graph.tensors[0].shape = np.array([-5, 48], np.int32)
    else:
        model.subgraphs = []


@pytest.mark.parametrize("what", ["input", "operator", "code", "buffer", "size", "shape", "graph"])
def test_a_structure_that_does_not_fit_is_refused(tflite_files, what):
    model = parse(tflite_files["float32"].read_bytes())
    check_structure(serialize(model), "x")
    for buffer in model.buffers:
        buffer.data = [] if buffer.data is None else buffer.data
    spoil(model, what)
    with pytest.raises(ModelFileError, match="TFLite file x is damaged: "):
        check_structure(serialize(model), "x")


# Truncations and bit flips, half each; a flip hits the first 2 kB (tables) as often as any other place.
DAMAGE = """
import sys
import numpy as np
from fer_keras.errors import ModelFileError
from fer_keras.export.exported_model import load_exported

content, outcomes = open(sys.argv[1], "rb").read(), {"refused": 0, "worked": 0}
rng = np.random.default_rng(0)
for trial in range(200):
    damaged = bytearray(content)
    if trial % 2:
        del damaged[rng.integers(len(content)):]
    else:
        for place in rng.integers(0, 2000 if trial % 4 else len(content), 1 + trial % 3):
            damaged[place] ^= 1 << rng.integers(8)
    open(sys.argv[2], "wb").write(damaged)
    try:
        load_exported(sys.argv[2])(np.zeros((2, 48, 48, 1), np.uint8))
        outcomes["worked"] += 1
    except ModelFileError:
        outcomes["refused"] += 1
assert not {"tensorflow", "keras"} & set(sys.modules)
import json
print(json.dumps(outcomes))
"""


@pytest.mark.parametrize("kind", KINDS)
def test_200_damaged_files_are_refused_and_never_end_the_process(tflite_files, kind, tmp_path):
    command = [sys.executable, "-c", DAMAGE, str(tflite_files[kind]), str(tmp_path / "bad.tflite")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"refused": 200, "worked": 0}

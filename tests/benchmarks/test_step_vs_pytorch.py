"""The script that measures the training step against PyTorch: its protocol, what it is told to do, its figures."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import step_child
import step_vs_pytorch as script


def test_a_child_steps_as_often_as_it_is_told(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("2\n1\n"))
    turns, steps = step_child.Turns(), 0
    going = turns.wait()
    while going:
        steps += 1
        going = turns.after(1, 0.5)
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (steps, len(answers)) == (3, 2)
    assert all(answer["loss"] == 0.5 and answer["wall"] > 0 for answer in answers)


def test_every_round_begins_with_another_child(monkeypatch):
    order = []

    class Stub:
        def __init__(self, kind, task, threads):
            self.kind = kind

        def train(self, steps):
            order.append((self.kind[0], steps))
            return {"wall": 1.0, "processor": 1.0, "loss": 0.0}

        def close(self):
            order.append("closed")

    monkeypatch.setattr(script, "Child", Stub)
    answers = script.measure(Path("task.json"), 2, rounds=3, steps=5, warm_up=9)
    assert order[:3] == [("k", 9), ("n", 9), ("c", 9)]
    assert "".join(kind for kind, _ in order[3:12]) == "knc" + "nck" + "ckn"
    assert order[12:] == ["closed"] * 3
    assert {kind: len(rows) for kind, rows in answers.items()} == dict.fromkeys(script.KINDS, 3)


def test_the_ratio_is_to_the_better_format():
    walls = {"keras": [2.0, 4.0, 2.0], "nchw": [5.0, 5.0, 5.0], "channels_last": [3.0, 4.0, 4.0]}
    answers = {
        kind: [{"wall": wall, "processor": 2 * wall, "loss": 1.0} for wall in rows] for kind, rows in walls.items()
    }
    summary = script.summarise(answers, batch=64, steps=10)
    assert summary["better_format"] == "channels_last"
    assert summary["speed_ratio"] == pytest.approx(2.0)  # 400 ms to 200 ms
    assert summary["speed_ratio_of_rounds_p10_p50_p90"][1] == pytest.approx(1.5)
    assert summary["kinds"]["keras"]["images_per_second"] == pytest.approx(64 / 0.2)


def test_both_frameworks_get_the_same_weights(tmp_path):
    torch = pytest.importorskip("torch", reason="torch is not installed (extra 'torch')")
    recipe = script.resolve_recipe(None, "scratch_cnn", ("train.batch_size=4",))
    task = json.loads(script.write_task(recipe, 1, tmp_path).read_text())
    assert (task["batch"], task["threads"]) == (4, 1)
    from fer_keras.models import build_model

    model = build_model(recipe.model, 7)
    with np.load(task["weights"]) as start:
        model.set_weights([start[name] for name in start.files])
    images, _ = step_child.make_batch(task)
    theirs = step_child.load_torch_model(task["torch_model"]).eval()(torch.tensor(images).permute(0, 3, 1, 2))
    np.testing.assert_allclose(model(images, training=False), theirs.detach().numpy(), atol=1e-4)

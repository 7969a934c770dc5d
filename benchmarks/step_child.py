"""The child process of step_vs_pytorch.py: trains on one batch, so many steps at a time as it is told on stdin.

    python step_child.py TASK.json keras|nchw|channels_last

Each line on stdin is a number of steps; each answer on stdout is a JSON object with their seconds of wall and of
processor time (all threads) and the mean loss since the beginning. It ends at the end of stdin.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np


class Turns:
    """Counts steps, and waits after as many as were ordered."""

    def __init__(self):
        self.left = 0
        self._begin = (0.0, 0.0)

    def wait(self) -> bool:
        """Read the next order; False at the end of stdin."""
        line = sys.stdin.readline()
        self.left = int(line) if line.strip() else 0
        self._begin = (time.perf_counter(), time.process_time())
        return self.left > 0

    def after(self, steps: int, loss: float) -> bool:
        """Note that ``steps`` are done; False when there is no further order."""
        self.left -= steps
        if self.left > 0:
            return True
        wall, processor = time.perf_counter() - self._begin[0], time.process_time() - self._begin[1]
        sys.stdout.write(json.dumps({"wall": wall, "processor": processor, "loss": loss}) + "\n")
        sys.stdout.flush()
        return self.wait()


def make_batch(task: dict) -> tuple[np.ndarray, np.ndarray]:
    """Random faces (B, 48, 48, 1) float32 0..255 and labels (B,) int64."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (task["batch"], task["side"], task["side"], 1)).astype(np.float32)
    return images, generator.integers(0, task["classes"], task["batch"])


def blank_faces(task: dict):
    """As many faces as FER2013 has, for the length of the schedule; nobody looks at them."""
    from fer_keras.datasets.faces import FaceDataset, Split
    from fer_keras.emotions import FER7

    count, shape = task["faces"], (task["side"], task["side"], 1)
    images = np.broadcast_to(np.zeros(1, np.uint8), (count, *shape))
    split = Split(images, np.arange(count) % len(FER7), np.arange(count).astype(str))
    return FaceDataset("blank", FER7, {"train": split, "validation": split, "test": split}, "", "")


def run_keras(task: dict, turns: Turns) -> None:
    """One call of ``fit`` of the model that training prepares; loss and accuracy are read as training reads them."""
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(task["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(task["threads"])
    from fer_keras.recipe.recipe import make_recipe
    from fer_keras.training.train import prepare_model

    recipe, (images, labels) = make_recipe(task["recipe"]), make_batch(task)
    model = prepare_model(recipe, blank_faces(task))
    with np.load(task["weights"]) as start:
        model.set_weights([start[name] for name in start.files])

    class Wait(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            turns.wait()

        def on_train_batch_end(self, batch, logs=None):
            means = {name: float(logs[name]) for name in ("loss", "accuracy")}
            if not turns.after(1, means["loss"]):
                self.model.stop_training = True

    one_hot = tf.one_hot(labels, task["classes"])
    batches = tf.data.Dataset.from_tensors((images, one_hot)).repeat().prefetch(2)
    model.fit(batches, steps_per_epoch=10**6, epochs=1, callbacks=[Wait()], verbose=0)


def run_torch(task: dict, turns: Turns, channels_last: bool) -> None:
    """The usual loop; the optimizer in its fused form, the fastest that PyTorch has on a CPU."""
    import torch

    torch.set_num_threads(task["threads"])
    images, labels = make_batch(task)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    images = torch.tensor(images).permute(0, 3, 1, 2).contiguous(memory_format=layout)  # (B, 1, 48, 48)
    labels = torch.tensor(labels)
    model = load_torch_model(task["torch_model"]).to(memory_format=layout).train()
    optimizer, schedule = make_torch_optimizer(task, model)
    criterion = torch.nn.CrossEntropyLoss(label_smoothing=task["recipe"]["train"]["label_smoothing"])
    total, steps, going = 0.0, 0, turns.wait()
    while going:
        optimizer.zero_grad(set_to_none=True)
        logits = model(images)
        loss = criterion(logits, labels)
        loss.backward()
        optimizer.step()
        schedule.step()
        (logits.detach().argmax(dim=1) == labels).float().mean().item()
        total, steps = total + loss.item(), steps + 1
        going = turns.after(1, total / steps)


def load_torch_model(path: str):
    """The module and state dict that this package's export wrote: the same network with the same weights."""
    import torch

    sys.path.insert(0, str(Path(path).parent))
    from model_torch import build_model

    model = build_model()
    model.load_state_dict(torch.load(path, weights_only=True))
    return model


def make_torch_optimizer(task: dict, model):
    """AdamW with the recipe's rate, cosine and decay, which leaves out biases and batch normalisation as ours does."""
    import torch

    train = task["recipe"]["train"]
    kernels = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": kernels, "weight_decay": train["weight_decay"]}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=train["learning_rate"], eps=1e-7, fused=True)
    steps = train["epochs"] * (task["faces"] // task["batch"])
    return optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)


def main() -> None:
    task, kind = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), sys.argv[2]
    turns = Turns()
    run_keras(task, turns) if kind == "keras" else run_torch(task, turns, kind == "channels_last")


if __name__ == "__main__":
    main()

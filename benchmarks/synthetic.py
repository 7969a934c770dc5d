"""Measure the synthetic faces: drawing speed, what a linear model reaches, what a small CNN reaches.

    python benchmarks/synthetic.py                      # speed and linear model, under a minute on one core
    python benchmarks/synthetic.py --cnn                # and a small CNN, 8 epochs
    python benchmarks/synthetic.py --cnn --augment      # and under rotation, shift, flip and zoom
    python benchmarks/synthetic.py --sheet docs/synthetic_faces.png

Linear accuracy has to stay under 80 % (else the data set is a toy) and the CNN has to pass 90 % (else it is noise).
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from fer_keras.datasets.faces import Split
from fer_keras.datasets.synthetic.builder import SYNTHETIC_SPLITS, make_synthetic_split
from fer_keras.datasets.synthetic.drawing import draw_faces
from fer_keras.emotions import FER7

SHEET_SEED = 52
PEOPLE = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cnn", action="store_true", help="train a small CNN too")
    parser.add_argument("--augment", action="store_true", help="augment the training faces of the CNN")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--sheet", metavar="PNG", help="write a contact sheet and do nothing else")
    options = parser.parse_args()
    if options.sheet:
        write_contact_sheet(options.sheet)
        return
    splits = time_drawing()
    print(f"linear model: {linear_accuracy(splits['train'], splits['test']):.3f} on test")
    if options.cnn:
        validation, test = cnn_accuracy(splits, options.epochs, options.augment)
        print(f"CNN, {options.epochs} epochs, augment={options.augment}: {validation:.3f} validation, {test:.3f} test")


def time_drawing() -> dict[str, Split]:
    """Draw every split and print the processor time it took."""
    start = time.process_time()
    splits = {name: make_synthetic_split(name) for name in SYNTHETIC_SPLITS}
    seconds, n = time.process_time() - start, sum(map(len, splits.values()))
    print(f"drawing: {n} faces in {seconds:.1f} s of processor time, {n / seconds:.0f} a second")
    return splits


def linear_accuracy(train: Split, test: Split) -> float:
    """Logistic regression on standardised pixels / 255; C was the best of 1e-5 to 1 on validation."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e-2, max_iter=300))
    model.fit(_flat(train), train.labels)
    return model.score(_flat(test), test.labels)


def _flat(split: Split) -> np.ndarray:
    return split.images.reshape(len(split), -1) / np.float32(255)  # (n, 2304)


def cnn_accuracy(splits: dict[str, Split], epochs: int, augment: bool) -> tuple[float, float]:
    """Accuracy on validation and test after the last epoch of a three-convolution CNN."""
    import keras

    keras.utils.set_random_seed(0)
    model = _build_cnn(augment)
    train, validation, test = (splits[name] for name in ("train", "validation", "test"))
    held_out = (validation.images, validation.labels)
    model.fit(train.images, train.labels, batch_size=64, epochs=epochs, validation_data=held_out, verbose=2)
    accuracies = [model.evaluate(s.images, s.labels, verbose=0)[1] for s in (validation, test)]
    return accuracies[0], accuracies[1]


def _build_cnn(augment: bool):
    import keras

    k = keras.layers
    warps = (k.RandomFlip("horizontal"), k.RandomRotation(10 / 360), k.RandomTranslation(0.1, 0.1), k.RandomZoom(0.1))
    layers = [keras.Input((48, 48, 1)), k.Rescaling(1 / 127.5, -1), *(warps if augment else ())]
    for width in (32, 64, 128):
        layers += [k.Conv2D(width, 3, padding="same", activation="relu"), k.MaxPooling2D()]
    layers += [k.Flatten(), k.Dense(128, activation="relu"), k.Dropout(0.3), k.Dense(len(FER7))]
    model = keras.Sequential(layers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss, metrics=["accuracy"])
    return model


def write_contact_sheet(path: str) -> None:
    """One row per emotion, one column per person."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = [np.hstack(list(draw_faces(np.full(PEOPLE, c), SHEET_SEED)[..., 0])) for c in range(len(FER7))]
    figure, axes = plt.subplots(figsize=(PEOPLE + 1, len(FER7)), layout="constrained")
    axes.imshow(np.vstack(rows), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_yticks(24 + 48 * np.arange(len(FER7)), FER7, fontsize=14)
    axes.tick_params(length=0)
    axes.set_xticks([])
    axes.spines[:].set_visible(False)
    figure.savefig(path, dpi=96, bbox_inches="tight", pad_inches=0.1)


if __name__ == "__main__":
    main()

"""Time, memory and recall of the search for copies, on a data set that is enlarged by changed copies of its faces.

    python benchmarks/copy_search.py [--data fer2013.csv] [--faces 350000] [--recall] [--json]

Every face is there once, then again and again with a change (shifted, brighter, gamma, noise, rescaled, or mirrored
with one of these) until there are as many as wanted. Prints processor time (of all threads) and elapsed time, the peak
memory of the process before and after the search, and the pairs that were found. ``--recall`` searches again, all
pairs against all, and says which share of the near copies the index has found, also of those that correlate by 0.9 or
more. Drawn faces (the default) are so alike that hash and thresholds are measured on them.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
from PIL import Image
from quality import peak_mb

from fer_keras.datasets import load_faces
from fer_keras.datasets.copies import candidates
from fer_keras.datasets.copies.duplicates import search_copies
from fer_keras.datasets.faces import SPLITS, FaceDataset, Split
from fer_keras.runs.run_record import hardware, now, versions

SURE = 0.9


def rescaled(image: np.ndarray) -> np.ndarray:
    """Return a picture (H, W) uint8 after it was made smaller and larger again."""
    small = Image.fromarray(image).resize((40, 40), Image.Resampling.BILINEAR)
    return np.asarray(small.resize(image.shape[::-1], Image.Resampling.BILINEAR))


CHANGES = (
    lambda image, random: np.roll(image, random.integers(-2, 3, 2), axis=(0, 1)),
    lambda image, random: np.clip(image * 1.1 + random.uniform(0, 15), 0, 255),
    lambda image, random: 255 * (image / 255.0) ** random.uniform(0.7, 1.4),
    lambda image, random: np.clip(image + random.normal(0, 8, image.shape), 0, 255),
    lambda image, random: rescaled(image),
)


def enlarge(dataset: FaceDataset, faces: int, seed: int = 0) -> FaceDataset:
    """Return a data set of as many faces, most in train; the splits that there are keep their faces."""
    random, train = np.random.default_rng(seed), dataset.splits["train"]
    n = faces - sum(len(dataset.splits[name]) for name in SPLITS[1:])
    images = np.empty((n, *train.images.shape[1:]), np.uint8)
    images[: len(train)] = train.images[:n]
    for row in range(len(train), n):
        image = train.images[row % len(train), :, :, 0]
        image = image[:, ::-1] if random.integers(2) else image
        images[row, :, :, 0] = CHANGES[random.integers(len(CHANGES))](image, random)
    rows = np.arange(n) % len(train)
    splits = {**dataset.splits, "train": Split(images, train.labels[rows], np.arange(n).astype(str))}
    return FaceDataset(dataset.name, dataset.classes, splits, "enlarged", "")


def measure(dataset: FaceDataset) -> tuple[dict, np.ndarray, np.ndarray]:
    """Search once; return the figures, and the near copies (p, 2) with their correlation (p,)."""
    before, elapsed, processor = peak_mb(), time.perf_counter(), time.process_time()
    found = search_copies(dataset)
    figures = {
        "faces": len(found.group),
        "distinct": found.distinct,
        "near_pairs": len(found.near),
        "seconds": round(time.perf_counter() - elapsed, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
        "peak_mb_before": round(before),
        "peak_mb": round(peak_mb()),
    }
    return figures, np.stack([found.near.first, found.near.second], axis=1), found.near.correlation


def recall(found: np.ndarray, exact: np.ndarray) -> float:
    """Share of the pairs (e, 2) that are among the pairs (f, 2)."""
    there = {tuple(pair) for pair in found.tolist()}
    return sum(tuple(pair) in there for pair in exact.tolist()) / max(len(exact), 1)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="synthetic")
    parser.add_argument("--faces", type=int, default=0, help="0: those that there are")
    parser.add_argument("--recall", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    dataset = load_faces(options.data, check=False)
    if options.faces:
        dataset = enlarge(dataset, options.faces)
    usual = candidates.EXACT
    try:
        candidates.EXACT = 0 if options.recall else usual
        figures, pairs, _ = measure(dataset)
        if options.recall:
            candidates.EXACT = len(pairs) + figures["faces"]
            exact, all_pairs, correlation = measure(dataset)
            sure = all_pairs[correlation >= SURE]
            figures |= {"recall": recall(pairs, all_pairs), f"recall_of_{SURE}": recall(pairs, sure), "exact": exact}
    finally:
        candidates.EXACT = usual
    if options.json:
        print(json.dumps(figures | {"hardware": hardware([]), "versions": versions(), "date": now()}, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:20} {value:,}" if isinstance(value, int | float) else f"{name:20} {value}")


if __name__ == "__main__":
    main()

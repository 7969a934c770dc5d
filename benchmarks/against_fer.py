"""Milliseconds per given face: this package's model against the ``fer`` package, on the same pictures and boxes.

    pip install fer==25.10.3 "setuptools<81" "moviepy<2"
    python benchmarks/against_fer.py [--model saved_models/RUN]

A picture of 640x480 pixels with 16 synthetic faces, and their boxes. Alternating, so that other load on the machine
hits all alike: ``fer`` on one box and on all (``FER().detect_emotions(picture, boxes)``), and ``Predictor`` on one box
and on all (``predict_boxes``). Both cut the faces out, resize and classify; nobody searches. Then a whole picture of
600x600 with one face, which both search, each with its default detector. Medians over the rounds, of wall time and of
processor time (all threads), which other programs on the machine disturb less.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from PIL import Image

from fer_keras.datasets.synthetic.drawing import draw_faces
from fer_keras.inference import Box, Predictor

SIDE, COLUMNS, ROWS = 120, 4, 4
SIZE = (640, 480)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--blocks", type=int, default=5, metavar="N", help="calls in a row per measurement")
    parser.add_argument("--threads", type=int, help="of this package's runtime; default: the runtime's own")
    parser.add_argument("--model", help="of this package; default: the one that comes with it")
    options = parser.parse_args()
    calls = make_calls(options.threads, options.model)
    times = measure(calls, options.rounds, options.blocks)
    for clock, name in enumerate(("wall time", "processor time")):
        medians = {call: 1000 * np.median(values[:, clock]) for call, values in times.items()}
        for call, milliseconds in medians.items():
            low, high = 1000 * np.percentile(times[call][:, clock], (10, 90))
            print(f"{name}: {call:<20} {milliseconds:6.3f} ms a face (10 to 90 %: {low:.3f} to {high:.3f})")
        for kind in ("one face", "16 faces", "whole picture"):
            print(
                f"{name}: {kind}: {medians['fer, ' + kind] / medians['fer_keras, ' + kind]:.2f} times the speed of fer"
            )


def make_calls(threads: int | None, model: str | None) -> dict[str, tuple]:
    """Name of each way to (function without arguments, number of faces)."""
    from fer.fer import FER

    rgb, boxes = make_picture()
    bgr, corners = rgb[..., ::-1].copy(), [tuple(map(int, (b.left, b.top, b.width, b.height))) for b in boxes]
    theirs, ours = FER(), Predictor(model, threads=threads)
    whole = np.full((600, 600, 3), 118, np.uint8)
    whole[150:450, 150:450] = np.asarray(Image.fromarray(draw_faces(np.array([3]), 2)[0, ..., 0]).resize((300, 300)))[
        ..., None
    ]
    whole_bgr = whole[..., ::-1].copy()
    return {
        "fer, one face": (lambda: theirs.detect_emotions(bgr, corners[:1]), 1),
        "fer_keras, one face": (lambda: ours.predict_boxes(rgb, boxes[:1]), 1),
        "fer, 16 faces": (lambda: theirs.detect_emotions(bgr, corners), len(boxes)),
        "fer_keras, 16 faces": (lambda: ours.predict_boxes(rgb, boxes), len(boxes)),
        "fer, whole picture": (lambda: theirs.detect_emotions(whole_bgr), 1),
        "fer_keras, whole picture": (lambda: ours.predict(whole), 1),
    }


def make_picture() -> tuple[np.ndarray, list[Box]]:
    """A picture (H, W, 3) uint8 and the boxes of its faces."""
    canvas, boxes = Image.new("L", SIZE, 118), []
    for number, face in enumerate(draw_faces(np.arange(COLUMNS * ROWS) % 7, 1)):
        left, top = number % COLUMNS * SIZE[0] // COLUMNS + 20, number // COLUMNS * SIZE[1] // ROWS
        canvas.paste(Image.fromarray(face[..., 0]).resize((SIDE, SIDE)), (left, top))
        boxes.append(Box(left, top, SIDE, SIDE))
    return np.repeat(np.asarray(canvas)[..., None], 3, axis=-1), boxes  # (H, W, 3)


def measure(calls: dict[str, tuple], rounds: int, block: int) -> dict[str, np.ndarray]:
    """Per call (rounds, 2): seconds of wall and processor time per face; a block of calls, then the next one's.

    One call of each block goes before its clock starts, so that a model finds its weights in the cache as it would
    in a program that runs one model only.
    """
    times = {name: [] for name in calls}
    for _ in range(rounds):
        for name, (call, faces) in calls.items():
            call()
            wall, processor = time.perf_counter(), time.process_time()
            for _ in range(block):
                call()
            spent = (time.perf_counter() - wall, time.process_time() - processor)
            times[name].append([seconds / block / faces for seconds in spent])
    return {name: np.array(values) for name, values in times.items()}


if __name__ == "__main__":
    main()

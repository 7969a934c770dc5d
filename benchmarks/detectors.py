"""Face detectors side by side: faces found, wrong boxes and processor milliseconds a picture, all in one run, in turns.

    python benchmarks/detectors.py --data fer2013.csv --photos FOLDER [--pictures 40]

Pictures are composed here: faces (drawn ones; with ``--data`` those of FER2013's PublicTest too) pasted with soft edges
onto a made-up ground of 1280x960 pixels, at known places, sizes and angles and in known light. ``--photos`` adds a
folder of photographs whose ``faces.json`` holds ``pictures``: file to boxes (left, top, width, height). A face counts
as found when the centre of a box lies in the true one and the other way round; every other box is wrong. Each picture
goes through all detectors before the next one does. Processor time adds up all threads, and other programs on the
machine disturb it less than the clock.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from fer_keras.datasets.synthetic.drawing import draw_faces
from fer_keras.errors import FerKerasError
from fer_keras.inference.boxes import Box
from fer_keras.inference.detection.blazeface import BlazeFaceDetector
from fer_keras.inference.detection.detectors import make_detector
from fer_keras.inference.pictures import read_picture

SIZE = (1280, 960)
DETECTORS = ("haar", "haar:1600", "full", "short", "blazeface:fast", "blazeface", "blazeface:24", "mtcnn")
TITLES = {"full": "BlazeFace full range, once", "short": "BlazeFace short range, once"}


@dataclass(frozen=True)
class Kind:
    """How faces stand in a picture.

    Attributes:
        sides: smallest and largest, in pixels.
        faces: in a picture.
        tilt: degrees, to the left or to the right.
        light: 1 leaves it; below it the picture is darker, with the noise of a camera.
    """

    sides: tuple[int, int] = (80, 300)
    faces: int = 3
    tilt: float = 0
    light: float = 1


KINDS = {
    "upright": Kind(),
    "turned by 20 degrees": Kind(tilt=20),
    "turned by 40 degrees": Kind(tilt=40),
    "crowd of small ones": Kind(sides=(26, 60), faces=20),
    "filling the picture": Kind(sides=(800, 940), faces=1),
    "dark": Kind(light=0.15),
    "none": Kind(faces=0),
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="FER2013, for real faces; drawn ones without it")
    parser.add_argument("--photos", type=Path, help="folder of photographs with faces.json")
    parser.add_argument("--pictures", type=int, default=40, help="composed pictures of each kind")
    parser.add_argument("--detectors", nargs="+", default=DETECTORS, metavar="NAME")
    parser.add_argument("--output", type=Path, help="folder for the first composed picture of each kind")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    detectors = make_detectors(options.detectors)
    sources = {"drawn": draw_faces(np.arange(60) % 7, 1)[..., 0]}
    if options.data:
        sources["FER2013"] = read_faces(options.data)
    counts: dict[str, dict[str, dict]] = {}
    for title, image, boxes in make_pictures(sources, options.photos, options.pictures):
        if options.output and title not in counts:
            save(options.output / f"{title.replace(' ', '_').replace(',', '')}.png", image)
        add(
            counts.setdefault(
                title,
                {name: dict.fromkeys(("faces", "found", "wrong", "pictures", "seconds"), 0) for name in detectors},
            ),
            detectors,
            image,
            boxes,
        )
    print(json.dumps(counts, indent=2) if options.json else "\n".join(as_table(counts)))


def make_detectors(names: list[str]) -> dict:
    """Detectors by name; one whose package is missing is named and left out."""
    made = {}
    for name in names:
        try:
            made[name] = BlazeFaceDetector([name], parts=False) if name in ("full", "short") else make_detector(name)
        except FerKerasError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    return made


def read_faces(data: str) -> np.ndarray:
    """(n, 48, 48) uint8: faces of PublicTest."""
    from fer_keras.datasets import load_faces

    return load_faces(data).splits["validation"].images[..., 0]


def make_pictures(
    sources: dict[str, np.ndarray], photos: Path | None, count: int
) -> Iterator[tuple[str, np.ndarray, list[Box]]]:
    """Yield title, picture (H, W, 3) uint8 and true boxes; the same ones in every run."""
    if photos is not None:
        for name, places in json.loads((photos / "faces.json").read_text())["pictures"].items():
            yield "photographs", read_picture(photos / name), [Box(*place) for place in places]
    for source, faces in sources.items():
        for title, kind in KINDS.items():
            rng = np.random.default_rng([len(title), len(source)])
            for _ in range(count):
                yield (f"{source}, {title}", *compose(faces, kind, rng))


def compose(faces: np.ndarray, kind: Kind, rng: np.random.Generator) -> tuple[np.ndarray, list[Box]]:
    """One picture (960, 1280, 3) uint8 RGB with faces that do not touch, and their boxes."""
    canvas, boxes = ground(rng), []
    for _ in range(kind.faces * 30):
        if len(boxes) == kind.faces:
            break
        side = int(rng.integers(*kind.sides))
        box = Box(*(float(rng.integers(0, length - side)) for length in SIZE), side, side)
        if all(apart(box, other) for other in boxes):
            paste(canvas, faces[rng.integers(len(faces))], box, kind.tilt * rng.choice((-1, 1)))
            boxes.append(box)
    if kind.light < 1:
        canvas = canvas * kind.light + rng.normal(0, 4, canvas.shape)
    tint = rng.uniform(0.85, 1, 3)
    return np.clip(canvas[..., None] * tint, 0, 255).astype(np.uint8), boxes


def ground(rng: np.random.Generator) -> np.ndarray:
    """(H, W) float64: soft light, straight edges and fine texture, without anything like a face."""
    width, height = SIZE
    canvas = cv2.resize(rng.uniform(40, 200, (4, 5)), SIZE, interpolation=cv2.INTER_CUBIC)
    for _ in range(25):
        (left, top), (across, down) = rng.integers(0, SIZE), rng.integers(20, 400, 2)
        canvas[top : top + down, left : left + across] += rng.uniform(-60, 60)
    return np.clip(canvas + cv2.GaussianBlur(rng.normal(0, 20, (height, width)), (0, 0), 1.2), 0, 255)


def paste(canvas: np.ndarray, face: np.ndarray, box: Box, tilt: float) -> None:
    """Lay a face over the canvas, turned clockwise about its centre; its drawn-out edges are blurred and fade."""
    side, pad = round(box.width), round(0.3 * box.width)
    sharp = cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float64)
    large = cv2.GaussianBlur(np.pad(sharp, pad, mode="edge"), (0, 0), side / 12)
    large[pad : pad + side, pad : pad + side] = sharp
    rows, columns = np.abs(np.indices(large.shape) + 0.5 - len(large) / 2) / side
    shares = np.clip((0.78 - np.maximum(rows, columns)) / 0.26, 0, 1)
    middle = (len(large) - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), -tilt, 1)
    large, shares = (
        cv2.warpAffine(part, turn, large.shape, borderMode=cv2.BORDER_REPLICATE) for part in (large, shares)
    )
    top, left = round(box.top) - pad, round(box.left) - pad
    inside = np.s_[max(0, top) : top + len(large), max(0, left) : left + len(large)]
    part = np.s_[max(0, -top) :, max(0, -left) :]
    rows, columns = canvas[inside].shape
    large, shares = large[part][:rows, :columns], shares[part][:rows, :columns]
    canvas[inside] = shares * large + (1 - shares) * canvas[inside]


def apart(first: Box, second: Box) -> bool:
    """Whether there is room for both."""
    reach = 0.8 * (first.width + second.width)
    return abs(first.left + first.width / 2 - second.left - second.width / 2) > reach or (
        abs(first.top + first.height / 2 - second.top - second.height / 2) > reach
    )


def add(counts: dict[str, dict], detectors: dict, image: np.ndarray, boxes: list[Box]) -> None:
    """Let each detector look at a picture, and count."""
    for name, detector in detectors.items():
        start = time.process_time()
        seen = detector.detect(image)
        row, left = counts[name], list(seen)
        row["seconds"] += time.process_time() - start
        for box in boxes:
            match = next((other for other in left if holds(box, other) and holds(other, box)), None)
            if match is not None:
                left.remove(match)
                row["found"] += 1
        row["faces"], row["wrong"], row["pictures"] = (
            row["faces"] + len(boxes),
            row["wrong"] + len(left),
            row["pictures"] + 1,
        )


def holds(outer: Box, inner: Box) -> bool:
    """Whether the centre of a box lies in another."""
    across, down = inner.left + inner.width / 2, inner.top + inner.height / 2
    return outer.left < across < outer.right and outer.top < down < outer.bottom


def as_table(counts: dict[str, dict[str, dict]]) -> Iterator[str]:
    """Markdown: found of all, and wrong boxes; the last row is processor milliseconds a picture."""
    names = list(next(iter(counts.values())))
    yield f"| pictures (faces) | {' | '.join(TITLES.get(name, name) for name in names)} |"
    yield f"|---|{'---|' * len(names)}"
    for title, rows in counts.items():
        faces = rows[names[0]]["faces"]
        cells = [_cell(rows[name]) for name in names]
        yield f"| {title} ({rows[names[0]]['pictures']}, {faces}) | {' | '.join(cells)} |"
    totals = [[sum(rows[name][key] for rows in counts.values()) for key in ("seconds", "pictures")] for name in names]
    yield f"| processor ms a picture | {' | '.join(f'{1000 * s / n:.1f}' for s, n in totals)} |"


def _cell(row: dict) -> str:
    found = f"{row['found'] / row['faces']:.0%}, " if row["faces"] else ""
    return f"{found}{row['wrong']} wrong"


def save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1])


if __name__ == "__main__":
    main()

"""Milliseconds of each stage of a video with faces: medians over its frames, of the clock and of CPU time.

    python benchmarks/video_stages.py talk.mp4 --model saved_models/RUN [--frames 300]

CPU time adds up all threads and does not depend on what else the machine does; the clock does. Each stage is timed by
itself on the same frames: decode, detect (each frame, though a video is searched only now and then), track (optical
flow), crop and classify one face, draw, encode.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from fer_keras.inference import Predictor
from fer_keras.inference.drawing import draw_predictions
from fer_keras.inference.video.following import DEFAULT_DETECT_EVERY, flow_picture, follow_boxes
from fer_keras.inference.video.reader import open_video
from fer_keras.inference.video.writer import make_writer

BATCH = 16


def timed(stages: dict[str, list[tuple[float, float]]], name: str, call, *arguments):
    """Call, and note the milliseconds of the clock and of the CPU."""
    clock, cpu = time.perf_counter(), time.process_time()
    result = call(*arguments)
    stages.setdefault(name, []).append((1000 * (time.perf_counter() - clock), 1000 * (time.process_time() - cpu)))
    return result


def measure(path: str, predictor: Predictor, limit: int) -> tuple[dict[str, list[tuple[float, float]]], float]:
    """Return milliseconds by stage, one entry per frame with a face, and the frames per second of the video."""
    stages: dict[str, list[tuple[float, float]]] = {}
    crops, before, box, writer = [], None, None, None
    with open_video(path) as reader, tempfile.TemporaryDirectory() as folder:
        frames = reader.read()
        for _ in range(limit):
            frame = timed(stages, "decode", next, frames, None)
            if frame is None:
                break
            boxes = timed(stages, "detect", predictor.detector.detect, frame.pixels)
            picture = timed(stages, "flow picture", flow_picture, frame.pixels)
            if before is not None and box is not None:
                factor = picture.shape[1] / frame.pixels.shape[1]
                timed(stages, "follow one face", follow_boxes, before, picture, [box], factor)
            before, box = picture, boxes[0] if boxes else None
            if box is None:
                continue
            crops.append(timed(stages, "crop", predictor.crop, frame.pixels, box))
            rows = timed(stages, f"classify {BATCH}", predictor.classify, np.stack((crops * BATCH)[-BATCH:]))
            said = predictor.describe(
                rows[-1], file=path, frame=frame.number, timestamp=frame.timestamp, face=0, box=box
            )
            pixels = timed(stages, "draw", draw_predictions, frame.pixels, [said])
            writer = writer or make_writer(Path(folder) / "copy.mp4", pixels.shape, reader.fps)
            timed(stages, "encode", writer.write, pixels, frame.timestamp)
            crops = crops[-BATCH:]
        if writer is not None:
            writer.close()
        return stages, reader.fps


def main() -> None:
    """Print one line per stage, then what a frame costs on average."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video")
    parser.add_argument("--model")
    parser.add_argument("--frames", type=int, default=300)
    arguments = parser.parse_args()
    stages, fps = measure(arguments.video, Predictor(arguments.model), arguments.frames)
    medians = {name: np.median(values, axis=0) for name, values in stages.items()}  # each (clock, cpu)
    for name, (clock, cpu) in medians.items():
        print(f"{name:16s} {clock:8.2f} ms clock {cpu:8.2f} ms CPU")
    medians["detect"] = medians["detect"] / max(1.0, fps * DEFAULT_DETECT_EVERY)
    medians[f"classify {BATCH}"] = medians[f"classify {BATCH}"] / BATCH
    whole = sum(medians.values())
    without = whole - medians["draw"] - medians["encode"]
    print(f"a frame, searched every {DEFAULT_DETECT_EVERY} s, classified {BATCH} at a time:")
    for words, (clock, cpu) in (("rows only", without), ("with annotated copy", whole)):
        print(f"{words:20s} {clock:6.2f} ms clock = {1000 / clock:.0f} frames per second, {cpu:6.2f} ms CPU")


if __name__ == "__main__":
    main()

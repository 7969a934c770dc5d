"""Frames a second of videos with faces, rows only and with an annotated copy, and the milliseconds of each stage.

    python benchmarks/video_stages.py [VIDEO ...] [--model saved_models/RUN] [--detector NAME] [--frames 300]

Without a video two are composed of drawn faces that move: one face in 640x480, and 100 faces in 3840x2160, in which
``blazeface:60`` finds most; the second one is searched every 0.3 s, and once more in each frame. CPU time adds up all
threads and does not depend on what else the machine does, as the clock does. Stages are clocked in their threads, which
work at the same time: their sum is more than the whole takes by the clock.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fer_keras.datasets.synthetic.drawing import draw_faces
from fer_keras.inference import Predictor
from fer_keras.inference.video.predict import predict_video
from fer_keras.inference.video.writer import VideoWriter

# Width and height, faces, the side of each in pixels, detector.
COMPOSED = (((640, 480), 1, 160, "auto"), ((3840, 2160), 100, 260, "blazeface:60"))


def compose(path: Path, size: tuple[int, int], faces: int, side: int, frames: int) -> Path:
    """Write a video at 30 frames a second in which drawn faces sway on gray."""
    drawn = draw_faces(np.arange(faces) % 7, 1)[..., 0]
    crops = [Image.fromarray(face).resize((side, side), Image.Resampling.BICUBIC) for face in drawn]
    columns = int(np.ceil((faces * size[0] / size[1]) ** 0.5))
    step = size[0] / columns
    writer = VideoWriter(path, (size[1], size[0], 3))
    for frame in range(frames):
        canvas = Image.new("L", size, 118)
        shift = round((step - side) / 3 * np.sin(frame / 15))
        for number, crop in enumerate(crops):
            left, top = (number % columns + 0.5) * step, (number // columns + 0.5) * min(step, size[1])
            canvas.paste(crop, (round(left - side / 2) + shift, round(top - side / 2)))
        writer.write(np.asarray(canvas.convert("RGB")), frame / 30)
    writer.close()
    return path


def measure(name: str, video: Path, predictor: Predictor, folder: Path, detect_every: float | None = None) -> None:
    """Print what a video takes, without and with an annotated copy."""
    for words, copy in (("rows only", None), ("with annotated copy", folder / "copy.mp4")):
        rows: list = []
        cpu = time.process_time()
        summary = predict_video(video, predictor, annotate=copy, sink=rows.extend, detect_every=detect_every)
        cpu = time.process_time() - cpu
        frames = summary.frames_analysed
        found = sum(row.face is not None for row in rows) / frames
        print(
            f"{name}, {words}: {found:.1f} faces, {summary.detections} searches of {frames} frames, "
            f"{frames / summary.wall_seconds:.1f} frames a second by the clock, {1000 * cpu / frames:.2f} ms CPU each"
        )
        stages = {stage: f"{1000 * seconds / frames:.2f}" for stage, seconds in summary.stage_seconds.items()}
        print("    ms a frame: " + ", ".join(f"{stage} {each}" for stage, each in stages.items()))


def main(arguments: Sequence[str] | None = None) -> None:
    """Compose what is not given, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--detector", default="auto")
    parser.add_argument("--frames", type=int, default=300, help="of a composed video; a tenth of it in 3840x2160")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for video in options.videos:
            measure(str(video), video, Predictor(options.model, detector=options.detector), folder)
        for size, faces, side, detector in () if options.videos else COMPOSED:
            frames = max(2, options.frames // (1 + faces // 11))
            video = compose(folder / f"{faces}.mp4", size, faces, side, frames)
            predictor = Predictor(options.model, detector=detector)
            for detect_every in (None,) if predictor.detector.cheap else (None, 0):
                measure(f"{faces} in {size[0]}x{size[1]}", video, predictor, folder, detect_every)


if __name__ == "__main__":
    main()

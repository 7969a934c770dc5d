"""What ``fer-keras predict`` does with pictures: rows as they come, annotated copies, a summary."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import click

from fer_keras.errors import printable

from .options import echo_json
from .prediction_outputs import (
    check_targets,
    count_left_out,
    echo_broken,
    echo_left_out,
    free_name,
    open_rows,
)

_FIRST_FRAME = "it holds several pictures; the first alone was read"
# A picture in which nothing was found and that is hardly larger than the model's input may be a crop already.
_CROP_SIDE, _CROP_ASPECT = 2.5, 1.25


def predict_pictures(
    predictor, inputs, *, as_json, output, csv_path, jsonl_path, boxes, crops, model=None, **_
) -> bool:
    """Predict all files and print; returns whether none was broken."""
    from fer_keras.inference.batch import predict_files
    from fer_keras.inference.detection.box_file import read_boxes
    from fer_keras.inference.pictures import find_pictures

    given = read_boxes(boxes) if boxes else None
    left_out: list[tuple[Path, str]] = []
    files = find_pictures(given.files if given and not inputs else inputs, leave_out=output, left_out=left_out)
    left_out = [(path, why_left(path, why)) for path, why in left_out]
    targets = {"--csv": csv_path, "--jsonl": jsonl_path}
    check_targets(targets, [*(file.path for file in files), *filter(None, (boxes, model))])
    quiet = as_json or "-" in (csv_path, jsonl_path)
    summary, document = _Summary(predictor, crops or given is not None), _Document(predictor) if as_json else None
    with ExitStack() as stack:
        outputs = (
            *map(_Rows, open_rows(stack, predictor, csv_path, jsonl_path)),
            document,
            None if output is None else _Copies(output, files, targets.values()),
            None if quiet else _Table([printable(str(file.path)) for file in files]),
            summary,
        )
        sinks = [sink for sink in outputs if sink is not None]
        options = {"crops": crops, "boxes_of": given.of if given else None, "keep_pixels": output is not None}
        for result in predict_files([file.path for file in files], predictor, **options):
            for sink in sinks:
                sink.take(result)
    if document is not None:
        echo_json({**document.content(summary.counts), "left_out": count_left_out(left_out)})
    summary.show()
    echo_left_out(left_out)
    return not summary.counts["broken"]


def why_left(path: Path, why: str) -> str:
    """A video among pictures has a reason of its own, which says what to do."""
    from fer_keras.inference.video.reader import is_video

    video = is_video(path) and why.startswith("no picture")
    return "video beside pictures (give videos in a call of their own)" if video else why


class _Rows:
    def __init__(self, writer):
        self._writer = writer

    def take(self, result):
        self._writer.write(result.predictions)


class _Document:
    """Everything as one JSON document; the only output that is held in memory."""

    def __init__(self, predictor):
        self._predictor, self._rows, self._errors, self._first_frames = predictor, [], [], []

    def take(self, result):
        from fer_keras.inference.results import as_row

        self._rows += [as_row(prediction, self._predictor.classes) for prediction in result.predictions]
        if result.error:
            self._errors.append({"file": str(result.path), "error": result.error})
        if result.more_frames:
            self._first_frames.append(str(result.path))

    def content(self, counts):
        model = {
            "run": self._predictor.run,
            "runtime": self._predictor.runtime,
            "classes": list(self._predictor.classes),
            "image_size": self._predictor.image_size,
            "threshold": self._predictor.threshold,
        }
        shown = {name: counts[name] for name in ("pictures", "faces", "without_face", "broken")}
        rows = {"predictions": self._rows, "errors": self._errors, "first_frame_only": self._first_frames}
        return {"model": model, **rows, "counts": shown}


class _Table:
    """Lines for people, printed as they come: a table that waits for its last row could not take a million files."""

    _LONGEST = 60

    def __init__(self, names):
        self._width = max(4, *(min(self._LONGEST, len(name)) for name in names))
        click.echo(click.style(f"{'file':<{self._width}}  face  expression       box", bold=True))

    def take(self, result):
        name = printable(str(result.path))
        name = name if len(name) <= self._width else "…" + name[1 - self._width :]
        for prediction in result.predictions:
            face = "-" if prediction.face is None else prediction.face
            click.echo(f"{name:<{self._width}}  {face:>4}  {self._answer(prediction)}")

    @staticmethod
    def _answer(prediction):
        if prediction.expression is None:
            return "no face found"
        words = f"{prediction.expression}{'?' if prediction.uncertain else ''}"
        box = prediction.box
        place = "whole picture" if box is None else f"{box.width:.0f}x{box.height:.0f} at {box.left:.0f},{box.top:.0f}"
        return f"{words:<10} {prediction.confidence:>4.0%}  {place}"


class _Copies:
    """Annotated copies below one folder, in the order and under the names of the pictures."""

    def __init__(self, folder: Path, files, targets):
        self._folder, self._names = folder, {file.path: file.name for file in files}
        self._sources = {file.path.resolve() for file in files}
        self._taken = {Path(target) for target in targets if target not in (None, "-")}

    def take(self, result):
        from fer_keras.inference.drawing import save_annotated

        if result.pixels is None:
            return
        target = self._target(self._names[result.path])
        save_annotated(result.pixels, result.predictions, target, self._sources)
        result.pixels = None

    def _target(self, name: Path) -> Path:
        """JPEG and PNG keep their suffix; a name that was taken by another folder's picture gets a number."""
        kept = name.suffix.lower() in (".jpg", ".jpeg", ".png")
        return free_name(self._folder / (name if kept else name.with_suffix(".png")), self._taken)


class _Summary:
    """Counts, and errors as they come, on stderr."""

    def __init__(self, predictor, whole):
        self.counts, self._size, self._whole, self._small = Counter(), predictor.image_size, whole, 0

    def take(self, result):
        self.counts["pictures"] += 1
        self.counts["faces"] += sum(prediction.expression is not None for prediction in result.predictions)
        if result.error:
            self.counts["broken"] += 1
            echo_broken(result.path, result.error)
        elif result.more_frames:
            self.counts["first_frame_only"] += 1
            click.echo(f"{click.style('notice:', fg='yellow')} {printable(str(result.path))}: {_FIRST_FRAME}", err=True)
        if not result.error and result.predictions[0].expression is None:
            self.counts["without_face"] += 1
            self._small += not self._whole and self._is_small(result.size)

    def _is_small(self, size) -> bool:
        fits = max(size) <= _CROP_SIDE * self._size
        return fits and max(size) <= _CROP_ASPECT * min(size)

    def show(self):
        counts = self.counts
        text = f"{_count(counts['pictures'], 'picture')}, {_count(counts['faces'], 'face')}"
        text += f", {counts['without_face']} without a face" if counts["without_face"] else ""
        click.echo(text + (f", {counts['broken']} broken" if counts["broken"] else ""), err=True)
        if self._small:
            text = f"{self._small} without a face no larger than a crop: if they are ready-made crops, add --crops"
            click.echo(text, err=True)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"

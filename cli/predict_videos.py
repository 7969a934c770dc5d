"""What ``fer-keras predict`` does with videos and cameras: rows as they come, annotated copies, a summary."""

from __future__ import annotations

import glob
import sys
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from fer_keras.errors import printable

from .options import echo_json
from .prediction_outputs import (
    check_targets,
    count_left_out,
    echo_broken,
    echo_left_out,
    echo_model,
    free_name,
    open_rows,
)

# Seconds. An encoder's delay of a few pictures is none that anybody hears.
_NOTABLE_START = 0.2


def video_inputs(inputs, boxes, output=None, left_out=None) -> list[str]:
    """Return the videos among the inputs, patterns such as ``'talks/*.mp4'`` replaced by what they match.

    A folder without a picture stands for the videos in it and below; ``left_out`` gets the rest, with reasons.

    Raises:
        UsageError: videos together with pictures, or with boxes.
    """
    from fer_keras.inference.video.reader import is_video

    inputs = [one for name in inputs for one in _videos_below(name, output, left_out)]
    videos = [name for name in inputs if is_video(name)]
    if videos and len(videos) < len(inputs):
        raise click.UsageError("give videos and pictures in two calls: their rows have different times and numbers")
    if videos and boxes:
        raise click.UsageError("--boxes is for pictures; the faces of a video are found by a detector")
    return [match for name in videos for match in _matches(name)]


def _videos_below(name, output, left_out) -> list[str]:
    """A folder that holds videos and no pictures, as its videos; anything else as it is."""
    from fer_keras.datasets.sources.image_tree import list_images
    from fer_keras.inference.video.reader import is_video

    if not Path(name).is_dir():
        return [name]
    others: list[tuple[Path, str]] = []
    pictures = list_images(Path(name), output, others)
    videos = [str(path) for path, why in others if is_video(path) and why.startswith("no picture")]
    if pictures or not videos:
        return [name]
    if left_out is not None:
        left_out += [(path, why) for path, why in others if str(path) not in videos]
    return videos


def _matches(name) -> list[str]:
    if Path(name).exists() or not glob.has_magic(name):
        return [name]
    return sorted(glob.glob(name, recursive=True)) or [name]


def predict_videos(
    predictor, inputs, *, as_json, output, csv_path, jsonl_path, left_out=(), force=False, **options
) -> int:
    """Predict all videos and print; returns the exit code: 0, 1 if one was broken, 130 after Ctrl-C."""
    from fer_keras.errors import FerKerasError
    from fer_keras.inference.video.predict import predict_video

    check_targets({"--csv": csv_path, "--jsonl": jsonl_path}, [*inputs, *filter(None, [options["model"]])], force=force)
    echo_left_out(list(left_out))
    quiet = as_json or "-" in (csv_path, jsonl_path)
    summaries, errors = [], []
    with ExitStack() as stack:
        writers = open_rows(stack, predictor, csv_path, jsonl_path)
        for name, copy in zip(inputs, _copies(inputs, output, force), strict=True):
            try:
                rows = _Rows(writers)
                with _progress(name, quiet) as observer:
                    settings = {**_video_options(options), "annotate": copy, "sink": rows.take, "observer": observer}
                    summary = predict_video(name, predictor, **settings)
            except FerKerasError as error:  # what was found in the others is kept
                if len(inputs) == 1:
                    raise
                errors.append({"file": name, "error": str(error)})
                echo_broken(name, error)
                continue
            summaries.append({**summary.as_dict(), "rows_by_expression": dict(rows.counts)})
            _show(summary, rows.counts, quiet)
            if summary.stopped == "interrupted":
                break
    echo_model(predictor)
    if as_json:
        echo_json({"videos": summaries, "errors": errors, "left_out": count_left_out(left_out)})
    return 130 if any(item["stopped"] == "interrupted" for item in summaries) else int(bool(errors))


def predict_webcam(predictor, index, *, csv_path, jsonl_path, force=False, **options) -> None:
    """Write rows of a camera until it ends, ``--seconds`` are over or Ctrl-C: JSON lines on stdout unless told."""
    from fer_keras.inference.video.predict import predict_camera

    settings = _video_options(options)
    settings.pop("every", None), settings.pop("rate", None)
    pictures = predict_camera(index, predictor, seconds=settings.pop("max_seconds", None), **settings)
    check_targets({"--csv": csv_path, "--jsonl": jsonl_path}, force=force)
    first = next(pictures, None)  # no camera: an error before any file is opened
    jsonl_path = jsonl_path or (None if csv_path else "-")
    with ExitStack() as stack:
        rows = _Rows(open_rows(stack, predictor, csv_path, jsonl_path))
        try:
            while first is not None:
                rows.take(first)
                sys.stdout.flush()
                first = next(pictures, None)
        except KeyboardInterrupt:
            click.echo("stopped", err=True)  # the usual end; what was written is kept
        finally:
            pictures.close()


def _video_options(options) -> dict:
    """By the names of ``predict_video``; what was not given keeps its default there."""
    names = {name: name for name in ("every", "rate", "detect_every", "smoothing")} | {"seconds": "max_seconds"}
    return {known: options[name] for name, known in names.items() if options[name] is not None}


def _copies(inputs, folder: Path | None, force: bool) -> list[Path | None]:
    """One MP4 below the folder for each video; a name that was taken gets a number."""
    taken: set[Path] = set()
    return [
        None if folder is None else free_name(folder / f"{Path(name).stem}.mp4", taken, force=force) for name in inputs
    ]


class _Rows:
    """Hands rows on, and counts them by expression."""

    def __init__(self, writers):
        self._writers, self.counts = writers, Counter()

    def take(self, predictions) -> None:
        for writer in self._writers:
            writer.write(predictions)
        self.counts.update(row.expression for row in predictions if row.expression is not None)


@contextmanager
def _progress(name, quiet):
    """A bar on the terminal, as far as the file states its length; else nothing."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task(Path(name).name, total=None)
        yield lambda seconds, whole: bar.update(task, completed=seconds, total=whole)


def _show(summary, counts, quiet) -> None:
    """Counts on stdout, what people must know about the file on stderr."""
    if not quiet:
        speed = summary.frames_analysed / summary.wall_seconds
        click.echo(
            f"{printable(str(summary.file))}: {summary.seconds:.1f} s, {_frames(summary)}, {summary.faces} face numbers"
        )
        shares = [f"{name} {count / counts.total():.0%}" for name, count in counts.most_common(3)]
        click.echo(f"  appeared mostly: {', '.join(shares)}" if shares else "  no face found")
        click.echo(f"  {speed:.0f} frames per second; smoothing shows half of a change after {summary.lag:.2f} s")
        if summary.annotated:
            click.echo(f"  {summary.annotated}, {summary.encoder}, without sound")
    for notice in _notices(summary):
        click.echo(f"{click.style('notice:', fg='yellow')} {printable(str(summary.file))}: {notice}", err=True)


def _frames(summary) -> str:
    return f"{summary.frames_analysed:,} frames analysed, {summary.frames_with_face:,} with a face"


def _notices(summary) -> list[str]:
    notices = []
    if summary.cut_short:
        whole = f"the file states {summary.declared_seconds:.1f} s"
        notices.append(f"{whole}, its pictures end at {summary.seconds:.1f} s: it is truncated or damaged")
    if summary.start >= _NOTABLE_START:
        notices.append(f"its pictures begin at {summary.start:.2f} s; all times count from the beginning of the file")
    if summary.undecodable:
        notices.append(f"{summary.undecodable:,} parts of it could not be decoded and were left out")
    if summary.repaired_timestamps:
        notices.append(f"{summary.repaired_timestamps:,} frames had no usable time and got one frame later")
    if summary.stopped == "interrupted":
        notices.append(f"stopped at {summary.seconds:.1f} s; what was done is kept")
    return notices

"""``fer-keras predict``."""

from __future__ import annotations

from pathlib import Path

import click

from fer_keras.errors import printable

from ..options import json_option


@click.command("predict")
@click.argument("inputs", nargs=-1, metavar="INPUT...")
@click.option(
    "--model",
    metavar="PATH|NAME|last",
    help="Run folder or its name, .tflite or .onnx file, SavedModel. Default: the package's own.",
)
@click.option("--crops", is_flag=True, help="Every picture is a ready-made crop of one face: nothing is searched.")
@click.option(
    "--detector",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="blazeface (= auto), blazeface:fast (finds fewer small faces), haar, haar:1600 (searched at that size, not "
    "640: smaller faces), yunet:PATH (your file), mtcnn, or none (the same as --crops).",
)
@click.option(
    "--min-face",
    type=click.IntRange(10, 12_000),
    metavar="PIXELS",
    help="Find faces from this size on: large pictures are searched in many parts, and what that took is told at the "
    "end. Default: 47, or 1/24 of the longer side where that is more.",
)
@click.option("--boxes", metavar="CSV", help="Boxes of the faces: columns file, left, top, width, height, in pixels.")
@click.option("--margin", type=float, help="Share of a box's side that is added at each edge. Default: measured best.")
@click.option(
    "--tta",
    type=click.Choice(["none", "flip"]),
    default="none",
    show_default=True,
    help="Average with the mirror image.",
)
@click.option(
    "--threshold", type=click.FloatRange(0, 1), help="Call answers below it uncertain. Default: the model's own."
)
@click.option(
    "--threads", type=click.IntRange(1, 256), help="Faces classified at the same time. Default: as many as cores."
)
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), help="Folder for copies with boxes and labels."
)
@click.option("--csv", "csv_path", metavar="FILE|-", help="Write one row per face, for pandas; '-' is stdout.")
@click.option("--jsonl", "jsonl_path", metavar="FILE|-", help="Write one JSON object per face and line; '-' is stdout.")
@click.option("--every", type=click.IntRange(1), metavar="N", help="Videos: analyse every n-th frame. Default: all.")
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help="Videos: analyse at most so many frames a second, chosen by their times.",
)
@click.option(
    "--detect-every",
    type=click.FloatRange(0, 60),
    metavar="SECONDS",
    help="Videos: time between two searches for faces; boxes are followed in between. Default: each frame with "
    "blazeface, 0.3 with other detectors.",
)
@click.option(
    "--smoothing",
    type=click.FloatRange(0, 60),
    metavar="SECONDS",
    help="Videos: time constant of the smoothing, 0 for none. Default: 0.3, half of a change shows after 0.21 s.",
)
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="Videos and camera: stop at this time.")
@click.option(
    "--webcam",
    type=click.IntRange(0),
    is_flag=False,
    flag_value=0,
    metavar="[NUMBER]",
    help="Read a camera of this machine, 0 unless told, and write JSON lines to stdout until Ctrl-C.",
)
@click.option("--force", is_flag=True, help="Replace files of --csv and --jsonl, and copies of an earlier call.")
@click.option("--trust-model", is_flag=True, help="Also load a model file of another program, without a checksum.")
@json_option
@click.pass_context
def command(ctx, inputs, as_json, webcam, **options):
    """Find the faces in pictures, videos or a camera and tell their apparent expressions.

    INPUT is a picture, a folder (with all below it), a pattern, or a video. A picture without a face is a result, not
    an error; a broken file is reported, the others go on, and the exit code is 1.

    \b
    fer-keras predict photo.jpg
    fer-keras predict photos/ --csv faces.csv --output marked/
    fer-keras predict 'crops/**/*.png' --crops --model saved_models/RUN
    fer-keras predict talk.mp4 --csv talk.csv --output marked/
    fer-keras predict --webcam --seconds 10
    """
    from ..predict_pictures import predict_pictures
    from ..predict_videos import predict_videos, predict_webcam, video_inputs
    from ..prediction_outputs import as_stdout, echo_search_cost

    for name in ("csv_path", "jsonl_path"):
        options[name] = as_stdout(options[name])
    if webcam is not None:
        if inputs or options["boxes"] or options["output"] or as_json:
            raise click.UsageError("--webcam goes with --csv and --jsonl, not with INPUT, --boxes, --output or --json")
        predict_webcam(make_predictor(options), webcam, **options)
        return
    if not inputs and not options["boxes"]:
        raise click.UsageError("Missing argument 'INPUT...': a picture, a folder or a pattern such as 'photos/*.jpg'.")
    if options["every"] and options["rate"]:
        raise click.UsageError("--every counts frames, --rate goes by time: give one of them")
    if options["boxes"] and (options["crops"] or options["detector"] != "auto"):
        raise click.UsageError("--boxes goes with neither --crops nor --detector")
    if options["min_face"] and (
        options["boxes"] or options["crops"] or options["detector"] not in ("auto", "blazeface")
    ):
        raise click.UsageError("--min-face is for the detector blazeface, and goes with neither --boxes nor --crops")
    if [options["csv_path"], options["jsonl_path"], "-" if as_json else None].count("-") > 1:
        raise click.UsageError("only one of --csv -, --jsonl - and --json can go to stdout")
    from fer_keras.inference.pictures import refuse_addresses

    refuse_addresses(inputs)
    left_out = []
    videos = video_inputs(inputs, options["boxes"], options["output"], left_out)
    predictor = make_predictor(options)
    if videos:
        code = predict_videos(predictor, videos, as_json=as_json, left_out=left_out, **options)
    else:
        code = 0 if predict_pictures(predictor, inputs, as_json=as_json, **options) else 1
    if options["min_face"]:
        echo_search_cost(predictor.detector)
    ctx.exit(code)


def make_predictor(options):
    """Load what the options of the command name."""
    from fer_keras.inference import Predictor
    from fer_keras.inference.boxes import DEFAULT_MARGIN

    detector = "none" if options["crops"] or options["boxes"] else options["detector"]
    predictor = Predictor(
        options["model"],
        detector=f"blazeface:{options['min_face']}" if options["min_face"] else detector,
        margin=DEFAULT_MARGIN if options["margin"] is None else options["margin"],
        tta=options["tta"],
        threads=options["threads"],
        trust=options["trust_model"],
        threshold=options["threshold"],
    )
    if predictor.notice:
        click.echo(f"NOTICE: {printable(predictor.notice)}", err=True)
    return predictor

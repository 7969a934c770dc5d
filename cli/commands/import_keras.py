"""``fer-keras import-keras``."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import click

from ..options import data_option, echo_json, import_tensorflow, json_option, new_run_place, show_notices, waiting

RESCALINGS = ("none", "unit", "symmetric", "imagenet", "caffe")


@click.command("import-keras")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--trust-model", is_flag=True, help="You know where the file comes from. Without it, it is not opened.")
@click.option(
    "--rescale",
    type=click.Choice(RESCALINGS),
    required=True,
    help="What the model was trained on: pixels 0..255 (none), 0..1 (unit), -1..1 (symmetric), torchvision (imagenet) "
    "or, as VGG16 and ResNet50 in Keras, caffe.",
)
@click.option(
    "--class-order",
    default="fer2013",
    show_default=True,
    metavar="ORDER",
    help="Classes by output of the model: fer2013, alphabetical (image_dataset_from_directory), affectnet, or a,b,c.",
)
@click.option(
    "--image-size",
    type=click.IntRange(32, 512),
    default=48,
    show_default=True,
    help="Side of the faces that the run takes; resized inside to what the model takes.",
)
@data_option
@click.option("--name", help="Name of the run folder. Default: the file's name, time.")
@click.option("--output", type=click.Path(path_type=Path), default="saved_models", show_default=True, help="Where.")
@json_option
@click.pass_context
def command(ctx, file, trust_model, rescale, class_order, image_size, data, name, output, as_json):
    """Turn a Keras model of another program (.keras, .h5) into a run folder.

    It must take square images of one or three channels and end in a softmax or in logits. The run's model takes gray
    pixels 0..255, and is written only if it gives the file's probabilities within 1e-4. With --data, validation faces
    join that proof and tell whether class order and rescaling can be right.

    \b
    fer-keras import-keras emotion_model.h5 --trust-model --rescale unit --class-order alphabetical
    """
    from fer_keras.porting.class_orders import resolve_class_order

    order, _ = resolve_class_order(class_order)
    target = new_run_place(output, name or f"{file.stem}-{time.strftime('%Y%m%d-%H%M%S')}")
    import_tensorflow(ctx)
    from fer_keras.porting.keras.foreign import read_foreign_model

    foreign = read_foreign_model(file, trust=trust_model)
    imported = _import(foreign, rescale, class_order, image_size, data)
    with waiting("Writing and comparing with the file"):
        record = _write(imported, target)
    if as_json:
        echo_json({"run": str(target), "parity": imported.parity, "notices": list(imported.notices), **record})
        return
    _print(target, imported, order)
    show_notices(imported.notices)


def _import(foreign, rescale: str, class_order: str, image_size: int, data: str | None):
    from fer_keras.porting.class_orders import resolve_class_order
    from fer_keras.porting.keras.run import import_model, make_import_recipe

    from ..run_data import load_data

    recipe = make_import_recipe(resolve_class_order(class_order)[1], image_size)
    dataset = None if data is None else load_data(recipe, data)
    return import_model(foreign, rescale=rescale, class_order=class_order, image_size=image_size, dataset=dataset)


def _write(imported, target: Path) -> dict:
    from fer_keras.porting.keras.run import write_imported_run
    from fer_keras.runs.run_folder import RunFolder

    return write_imported_run(imported, RunFolder(target), command=shlex.join(["fer-keras", *sys.argv[1:]]))


def _print(target: Path, imported, order: tuple[str, ...]) -> None:
    from ..progress import print_table

    origin, run = imported.origin, shlex.quote(str(target))
    errors = imported.parity["max_abs_probability_difference"]
    accuracy = origin["class_order_accuracy"].get("assumed")
    rows = [
        ("file", f"{origin['file']}, {origin['format']}, sha256 {origin['sha256'][:12]}"),
        ("input", f"{tuple(origin['input_shape'])}, rescale {origin['rescale']}"),
        ("end", "softmax, taken off: the run ends in logits" if origin["softmax_removed"] else "logits"),
        ("class order assumed", ", ".join(order)),
        *([("accuracy", f"{accuracy:.1%} of sampled validation faces, see evaluate")] if accuracy is not None else []),
        ("proof", f"probabilities differ by {max(errors.values()):.1e} (at most 1e-4) on {', '.join(errors)}"),
        ("run folder", str(target)),
        ("next", f"fer-keras evaluate {run} --split validation"),
    ]
    print_table("fer-keras import-keras", rows)

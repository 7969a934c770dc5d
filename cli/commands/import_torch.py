"""``fer-keras import-torch``."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import click

from ..options import (
    data_option,
    echo_json,
    import_tensorflow,
    json_option,
    new_run_place,
    set_option,
    show_notices,
    waiting,
)


@click.command("import-torch")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--model", help="Network that the checkpoint is of: scratch_cnn, simple_cnn, cnn.")
@click.option("--recipe", help="Recipe by name or path, instead of --model.")
@set_option
@click.option(
    "--class-order",
    default="fer2013",
    show_default=True,
    metavar="ORDER",
    help="Classes by output of the checkpoint: fer2013, alphabetical (torchvision's ImageFolder), or names a,b,c.",
)
@click.option(
    "--key-order", type=click.Choice(["file", "names"]), help="Order of its keys, where the file leaves a choice."
)
@click.option("--container", metavar="NAME", help="Dictionary of the file to take, such as model_ema.")
@click.option("--ignore", multiple=True, metavar="PATTERN", help="Keys to leave out, such as 'criterion.*'.")
@data_option
@click.option("--name", help="Name of the run folder. Default: model, torch, time.")
@click.option("--output", type=click.Path(path_type=Path), default="saved_models", show_default=True, help="Where.")
@json_option
@click.pass_context
def command(
    ctx, checkpoint, model, recipe, overrides, class_order, key_order, container, ignore, data, name, output, as_json
):
    """Turn a PyTorch state dict (.pth, .pt, .safetensors) into a run folder.

    Nothing in the file is executed. Every layer is compared with PyTorch on random images and on faces, and the import
    is refused where the end differs by more than 1e-4.

    \b
    fer-keras import-torch best_model.pth --model scratch_cnn
    """
    from fer_keras.porting.class_orders import resolve_class_order
    from fer_keras.porting.torch.checkpoint import read_checkpoint
    from fer_keras.recipe.named_recipes import resolve_recipe

    from ..run_data import load_data

    resolved = resolve_recipe(model, recipe, overrides)
    order, _ = resolve_class_order(class_order)
    target = new_run_place(output, name or f"{resolved.model.name}-torch-{time.strftime('%Y%m%d-%H%M%S')}")
    read = read_checkpoint(checkpoint, container=container, ignore=ignore)
    import_tensorflow(ctx)
    dataset = load_data(resolved, data)
    with waiting("Comparing every layer with PyTorch"):
        ported = _port(read, resolved, dataset, class_order, key_order)
        record = _write(ported, resolved, target)
    if as_json:
        echo_json({"run": str(target), "parity": ported.parity, "notices": list(ported.notices), **record})
        return
    _print(target, ported, class_order, order)
    show_notices(ported.notices)


def _port(checkpoint, recipe, dataset, class_order, key_order):
    from fer_keras.porting.torch.run import port_checkpoint

    return port_checkpoint(checkpoint, recipe, dataset, class_order=class_order, key_order=key_order)


def _write(ported, recipe, target: Path) -> dict:
    from fer_keras.porting.torch.run import write_run
    from fer_keras.runs.run_folder import RunFolder

    return write_run(ported, recipe, RunFolder(target), command=shlex.join(["fer-keras", *sys.argv[1:]]))


def _print(target: Path, ported, class_order: str, order: tuple[str, ...]) -> None:
    from ..export_tables import print_layers
    from ..progress import print_table

    print_layers(ported.parity["layers"])
    origin, run = ported.origin, shlex.quote(str(target))
    named = f"{class_order}: " if class_order in ("fer2013", "alphabetical") else ""
    accuracy = origin["class_order_accuracy"].get("assumed")
    rows = [
        ("checkpoint", f"{origin['file']}, {origin['format']}, sha256 {origin['sha256'][:12]}"),
        ("class order assumed", f"{named}{', '.join(order)}"),
        ("", "put into the order " + ", ".join(ported.classes) if order != ported.classes else "as in this project"),
        *(("note", text) for text in origin["notes"]),
        *([("accuracy", f"{accuracy:.1%} of sampled validation faces, see evaluate")] if accuracy is not None else []),
        ("end", f"probabilities differ by {ported.parity['max_abs_probability_difference']:.1e} (at most 1e-4)"),
        ("run folder", str(target)),
        ("next", f"fer-keras evaluate {run} --split validation"),
    ]
    print_table("fer-keras import-torch", rows)

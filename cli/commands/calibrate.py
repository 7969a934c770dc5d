"""``fer-keras calibrate``."""

from __future__ import annotations

import click

from ..options import (
    RunPath,
    batch_size_option,
    data_option,
    echo_json,
    ferplus_option,
    figure_options,
    import_tensorflow,
    json_option,
    show_notices,
    waiting,
)


@click.command("calibrate")
@click.argument("run", type=RunPath())
@click.option(
    "--target-precision",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.8,
    show_default=True,
    help="Share of right answers wanted among the faces that are not 'uncertain'.",
)
@click.option(
    "--targets",
    type=click.Choice(["hard", "soft"]),
    default="hard",
    show_default=True,
    help="Fit the temperature to the label of each face, or to the distributions of FER+ votes.",
)
@data_option
@ferplus_option
@batch_size_option
@figure_options
@json_option
@click.pass_context
def command(ctx, run, target_precision, targets, data, ferplus, batch_size, as_json):
    """Fit a temperature and the threshold of 'uncertain' on the validation split.

    Faces with a copy in training are left out. 'evaluate' then reports scores before and after, and exported files
    hold the temperature: export again afterwards.

    \b
    fer-keras calibrate saved_models/RUN --target-precision 0.8
    """
    from dataclasses import asdict

    from fer_keras.runs.run_folder import RunFolder

    from ..run_data import load_data, read_recipe, with_labels

    folder = RunFolder.open(run)
    recipe = with_labels(read_recipe(folder), None, ferplus, None)
    import_tensorflow(ctx)
    from fer_keras.evaluation.calibration.calibrate import calibrate_run

    dataset = load_data(recipe, data)
    with waiting(f"Fitting on {len(dataset.splits['validation']):,} validation faces"):
        found = calibrate_run(
            folder, dataset, target_precision=target_precision, targets=targets, batch_size=batch_size
        )
    if as_json:
        echo_json({"run": str(folder.path), **asdict(found)})
        return
    show_notices([notice for notice in found.notices if notice not in dataset.notices])
    _print(folder, found)


def _print(folder, found) -> None:
    from ..progress import print_table

    before, after = found.before, found.after
    rows = [
        ("temperature", f"{found.temperature:.4f}  (fitted to {found.targets} labels)"),
        ("NLL before / after", f"{before.nll:.4f} / {after.nll:.4f}"),
        ("ECE before / after", f"{before.ece:.4f} / {after.ece:.4f}  (15 bins of equal width)"),
        ("adaptive ECE before / after", f"{before.ece_adaptive:.4f} / {after.ece_adaptive:.4f}  (15 bins of equal n)"),
        *_threshold_rows(found),
        ("fitted on", f"{found.split}, the split that chose the epoch: look at 'evaluate --split test' for the rest"),
        ("written", f"{folder.calibration}, {folder.path / 'calibration'}"),
    ]
    left_out = f", {found.copies_left_out:,} copies of training faces left out" if found.copies_left_out else ""
    print_table(f"{found.dataset}, {found.split}, n = {found.n:,}{left_out}", rows)


def _threshold_rows(found) -> list[tuple[str, str]]:
    target, level = f"{found.target_precision:.0%}", f"{found.confidence_level:.0%}"
    if found.threshold is None:
        return [("uncertain", f"no threshold promises a precision of {target} at {level} confidence; give a lower one")]
    return [
        ("uncertain below", f"{found.threshold:.2f}"),
        ("precision of the rest", f"{found.precision:.4f}  (at least {found.precision_low:.4f} at {level} confidence)"),
        ("share of the rest", f"{found.coverage:.4f}"),
    ]

"""``fer-keras evaluate``."""

from __future__ import annotations

from pathlib import Path

import click

from .options import batch_size_option, data_option, echo_json, import_tensorflow, json_option


@click.command("evaluate")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--split", type=click.Choice(["train", "validation", "test"]), default="validation", show_default=True)
@click.option("--tta", type=click.Choice(["none", "flip"]), help="Test-time augmentation. Default: the run's recipe.")
@data_option
@batch_size_option
@json_option
@click.pass_context
def command(ctx, run, split, tta, data, batch_size, as_json):
    """Score a run on a split and write its report.

    Select models on 'validation' (PublicTest); score 'test' (PrivateTest) once, at the end.

    \b
    fer-keras evaluate saved_models/RUN --split test
    """
    from fer_keras.run_folder import RunFolder

    from .run_data import load_data, read_recipe

    folder = RunFolder.open(run)
    recipe = read_recipe(folder)
    import_tensorflow(ctx)
    from fer_keras.evaluation import evaluate_run

    tta = tta or recipe.evaluate.tta
    metrics = evaluate_run(folder, load_data(recipe, data), split, tta=tta, batch_size=batch_size)
    report = folder.evaluation(split, "flip_tta" if tta == "flip" else "")
    if as_json:
        echo_json({"run": str(folder.path), "report": str(report), **metrics})
        return
    _print_scores(metrics, report)


def _print_scores(metrics: dict, report: Path) -> None:
    from .progress import print_table

    low, high = metrics["accuracy_ci95"]
    clean = metrics["deduplicated"]
    rows = [
        ("accuracy", f"{metrics['accuracy']:.4f}  (95 % interval {low:.4f} to {high:.4f})"),
        ("macro-F1", f"{metrics['macro_f1']:.4f}"),
        ("balanced accuracy", f"{metrics['balanced_accuracy']:.4f}"),
        ("top-2 accuracy", f"{metrics['top2_accuracy']:.4f}"),
        ("NLL / ECE", f"{metrics['nll']:.4f} / {metrics['ece']:.4f}"),
    ]
    if clean.get("accuracy") is not None:
        text = f"{clean['accuracy']:.4f}, macro-F1 {clean['macro_f1']:.4f}, n = {clean['n']:,}"
        rows.append(("without copies of training faces", text))
    title = f"{metrics['dataset']}, {metrics['split']}, n = {metrics['n']:,}, TTA {metrics['tta']}"
    print_table(title, rows)
    _print_classes(metrics["per_class"])
    print_table("", [("report", str(report)), *(("NOTICE", text) for text in metrics["notices"])])


def _print_classes(per_class: dict) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("class", style="bold")
    for name in ("precision", "recall", "F1", "faces"):
        table.add_column(name, justify="right")
    for name, values in per_class.items():
        numbers = [f"{values[key]:.3f}" for key in ("precision", "recall", "f1")]
        table.add_row(name, *numbers, str(values["support"]))
    Console(highlight=False).print(table)

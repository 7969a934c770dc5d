"""``fer-keras evaluate``."""

from __future__ import annotations

from pathlib import Path

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
    labels_option,
    waiting,
)


@click.command("evaluate")
@click.argument("run", type=RunPath())
@click.option("--split", type=click.Choice(["train", "validation", "test"]), default="validation", show_default=True)
@click.option("--tta", type=click.Choice(["none", "flip"]), help="Test-time augmentation. Default: the run's recipe.")
@data_option
@labels_option
@ferplus_option
@click.option(
    "--second-opinion",
    type=click.Choice(["auto", "ferplus", "none"]),
    default="auto",
    show_default=True,
    help="Score the same predictions against FER+ labels too; 'auto' does where the votes are found and fit.",
)
@click.option(
    "--robustness",
    is_flag=True,
    help="Score damaged copies of the faces instead (30 passes): blur, gamma, shift, low resolution, JPEG, hidden "
    "parts, noise, rotation.",
)
@batch_size_option
@figure_options
@json_option
@click.pass_context
def command(ctx, run, split, tta, data, labels, ferplus, second_opinion, robustness, batch_size, as_json):
    """Score a run on a split and write its report.

    Select models on 'validation' (PublicTest); score 'test' (PrivateTest) once, at the end.

    \b
    fer-keras evaluate saved_models/RUN --split test
    fer-keras evaluate saved_models/RUN --split test --labels ferplus
    fer-keras evaluate saved_models/RUN --robustness
    """
    from fer_keras.runs.run_folder import RunFolder

    from ..run_data import load_with_original, read_recipe, with_labels

    if robustness and second_opinion == "ferplus":
        raise click.UsageError("--second-opinion does not go with --robustness; give --labels ferplus")
    folder = RunFolder.open(run)
    trained = read_recipe(folder)
    recipe = with_labels(trained, labels, ferplus, _class_count(folder))
    import_tensorflow(ctx)
    from fer_keras.evaluation.evaluate import evaluate_run
    from fer_keras.evaluation.origin import report_suffix

    from ..second_opinion import collect_opinions

    tta = tta or recipe.evaluate.tta
    original, dataset = load_with_original(recipe, data)
    other = recipe.data.labels if recipe.data.labels != trained.data.labels else ""
    report = folder.evaluation(split, report_suffix(tta, other))
    if robustness:
        from ..robustness import measure_and_print

        measure_and_print(folder, dataset, split, report, as_json, tta=tta, batch_size=batch_size, labels=other)
        return
    opinions = collect_opinions(original, dataset, split, recipe.data.ferplus, second_opinion)
    with waiting(f"Scoring {len(dataset.splits[split]):,} faces"):
        metrics = evaluate_run(folder, dataset, split, tta=tta, batch_size=batch_size, opinions=opinions, labels=other)
    if as_json:
        echo_json({"run": str(folder.path), "report": str(report), **metrics})
        return
    _print_scores(metrics, report, [(change.name.replace("_", " "), change.sentence) for change in dataset.changes])


def _class_count(run) -> int | None:
    """Number of classes of a run's model, as far as ``run.json`` tells."""
    from fer_keras.runs.records import read_run_json

    record = read_run_json(run)
    return len(record["classes"]) if "classes" in record else None


def _print_scores(metrics: dict, report: Path, changes: list[tuple[str, str]]) -> None:
    from ..progress import print_table
    from ..second_opinion import opinion_rows

    low, high = metrics["accuracy_ci95"]
    clean = metrics["deduplicated"]
    rows = [
        ("accuracy", f"{metrics['accuracy']:.4f}  (95 % interval {low:.4f} to {high:.4f})"),
        ("macro-F1", f"{metrics['macro_f1']:.4f}"),
        ("balanced accuracy", f"{metrics['balanced_accuracy']:.4f}"),
        ("top-2 accuracy", f"{metrics['top2_accuracy']:.4f}"),
        ("NLL / ECE", f"{metrics['nll']:.4f} / {metrics['ece']:.4f}"),
    ]
    if metrics.get("distilled_from"):
        rows.append(("distilled from", metrics["distilled_from"]))
    if clean.get("accuracy") is not None:
        text = f"{clean['accuracy']:.4f}, macro-F1 {clean['macro_f1']:.4f}, n = {clean['n']:,}"
        rows.append(("without copies of training faces", text))
    elif clean.get("reason"):
        rows.append(("without copies of training faces", f"not known: {clean['reason']}"))
    rows += _calibrated_rows(metrics["calibrated"]) + opinion_rows(metrics["second_opinion"]) + changes
    title = f"{metrics['dataset']}, {metrics['split']}, n = {metrics['n']:,}, TTA {metrics['tta']}"
    print_table(title, rows)
    _print_classes(metrics["per_class"], clean.get("per_class"))
    print_table("", [("report", str(report)), *(("NOTICE", text) for text in metrics["notices"])])


def _calibrated_rows(calibrated: dict | None) -> list[tuple[str, str]]:
    if calibrated is None:
        return []
    fitted = calibrated["fitted_on"]
    text = f"{calibrated['nll']:.4f} / {calibrated['ece']:.4f}  (T = {calibrated['temperature']:.3f}, fitted on"
    fitted_on = f"{fitted['n']:,} {fitted['split']} faces, which chose the epoch"
    rows = [("NLL / ECE, calibrated", f"{text} {fitted_on})")]
    uncertain = calibrated["uncertain"]
    if uncertain["precision"] is not None:
        low, high = uncertain["precision_ci95"]
        text = f"{uncertain['precision']:.4f}  (95 % interval {low:.4f} to {high:.4f}) of {uncertain['coverage']:.1%}"
        rows.append((f"precision at {uncertain['threshold']:.2f} or surer", f"{text} of the faces"))
    return rows


def _print_classes(per_class: dict, without_copies: dict | None) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("class", style="bold")
    names = ("precision", "recall", "F1", "faces") + (("without copies: recall", "faces") if without_copies else ())
    for name in names:
        table.add_column(name, justify="right")
    for name, values in per_class.items():
        cells = [f"{values[key]:.3f}" for key in ("precision", "recall", "f1")] + [str(values["support"])]
        if without_copies:
            cells += [f"{without_copies[name]['recall']:.3f}", str(without_copies[name]["support"])]
        table.add_row(name, *cells)
    Console(highlight=False).print(table)

"""``fer-keras benchmark --time-to``: trainings up to a validation score, and how they are printed."""

from __future__ import annotations

import click

from .options import import_tensorflow


def measure(ctx, names, *, target, models, data, overrides, seeds, max_epochs, max_seconds, keep) -> dict:
    """Check the request, load the faces, train; returns the JSON document."""
    from fer_keras.benchmark.time_to_accuracy import check_request, time_to_accuracy
    from fer_keras.errors import InputError
    from fer_keras.recipe.named_recipes import resolve_recipe

    resolved = {name: resolve_recipe(None, name, overrides) for name in names}
    resolved |= {name: resolve_recipe(name, None, overrides) for name in models}
    if len(resolved) < len(names) + len(models):
        raise InputError("a recipe is given twice", received=", ".join((*names, *models)))
    check_request(resolved, target, seeds, max_epochs, max_seconds)  # before TensorFlow and the data are loaded
    import_tensorflow(ctx)
    from fer_keras.devices import accelerators
    from fer_keras.runs.run_record import git_commit, hardware, now, versions

    limits = {"max_epochs": max_epochs, "max_seconds": max_seconds}
    measured = time_to_accuracy(
        _with_faces(resolved, data),
        target,
        seeds=seeds,
        keep=keep,
        say=lambda text: click.echo(text, err=True),
        **limits,
    )
    return {
        "target": target,
        "split": "validation",
        "seeds": list(seeds),
        **limits,
        "hardware": hardware(accelerators()),
        "versions": versions(),
        "git_commit": git_commit(),
        "date": now(),
        "recipes": measured,
    }


def _with_faces(resolved: dict, data: str | None) -> dict:
    """Recipes with their faces; recipes that want the same data share them in memory."""
    from .run_data import load_data

    loaded: dict = {}
    for recipe in resolved.values():
        key = recipe.data.model_dump_json()
        if key not in loaded:
            loaded[key] = load_data(recipe, data)
    return {name: (recipe, loaded[recipe.data.model_dump_json()]) for name, recipe in resolved.items()}


def print_report(report: dict) -> None:
    """The trainings one by one and what they come to over seeds; Markdown where nobody watches a terminal."""
    from rich.console import Console

    console = Console(highlight=False)
    wide = Console(highlight=False, width=console.width if console.is_terminal else 200)
    machine = report["hardware"]
    wide.print(f"{', '.join(machine['gpus']) or machine['cpu']}, {machine['cores']} cores, {report['date']}")
    for recipe in report["recipes"]:
        schedule, size = recipe["schedule"], f"{recipe['parameters']:,} parameters, {recipe['macs'] / 1e6:.1f} M MACs"
        wide.print(
            f"\n{recipe['name']}: {size}, batch {recipe['batch_size']}, {recipe['steps_per_epoch']} steps per epoch, "
            f"{schedule['name']} schedule over {schedule['epochs']} epochs{_input_sentence(recipe)}"
        )
        wide.print(_table(f"to a validation accuracy of {report['target']:g}", recipe, console.is_terminal))
        for row in recipe["seeds"]:
            wide.print(f"seed {row['seed']}: {_ended(row)}")
    wide.print(
        "\ntraining s: steps after the first one, waiting for input included. start s: building and the first step. "
        "validation s: with best weights and checkpoints. Evaluated after whole epochs."
    )


def _input_sentence(recipe: dict) -> str:
    seconds = recipe["input_seconds_per_batch"]
    return "" if seconds is None else f", input alone {1000 * seconds:.1f} ms a batch"


COLUMNS = (
    ("training s", "training_seconds", ".1f"),
    ("epochs", "epochs", ".0f"),
    ("steps", "steps", ",.0f"),
    ("start s", "start_seconds", ".1f"),
    ("validation s", "validation_seconds", ".1f"),
    ("wall s", "wall_seconds", ".1f"),
)


def _table(title: str, recipe: dict, terminal: bool):
    """One column for each seed, so that a few of them fit 80 columns."""
    from rich import box
    from rich.table import Table

    style = {"box": None, "padding": (0, 2, 0, 0)} if terminal else {"box": box.MARKDOWN}
    table = Table(title=title if terminal else None, title_justify="left", **style)
    table.add_column("seed", style="bold")
    seeds = recipe["seeds"]
    for row in seeds:
        table.add_column(str(row["seed"]), justify="right")
    columns, names = [_cells(row) for row in seeds], [*(name for name, _, _ in COLUMNS), "images/s", "best"]
    if len(seeds) > 2:  # two seeds tell no spread
        table.add_column("mean ± sd", justify="right")
        columns.append([*_summary_cells(recipe["summary"]), "", ""])
    for name, *cells in zip(names, *columns, strict=True):
        table.add_row(name, *cells)
    return table


def _cells(row: dict) -> list[str]:
    """What it took; of a training that did not get there only that."""
    reached, rate, best = row["to_target"], row["images_per_second"], row["best_val_accuracy"]
    values = [format(reached[key], form) if reached else "not reached" for _, key, form in COLUMNS]
    return [*values, "-" if rate is None else f"{rate:,.0f}", "-" if best is None else f"{best:.4f}"]


def _ended(row: dict) -> str:
    spent = row["spent"]
    after = f" after epoch {spent['epochs']}, {spent['training_seconds']:.0f} s"
    return row["stopped_by"] if row["reached"] else row["stopped_by"].rstrip(".") + after


def _summary_cells(summary: dict) -> list[str]:
    from fer_keras.metrics.scores import spread_text

    if summary["reached"] < summary["runs"]:
        return [f"{summary['reached']} of {summary['runs']} reached", *[""] * (len(COLUMNS) - 1)]
    return [spread_text(summary[key]["values"], form) for _, key, form in COLUMNS]

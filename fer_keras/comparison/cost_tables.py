"""Training, size and latency as tables of ready text."""

from __future__ import annotations

from .tables import Table, count, duration, megabytes, percent, run_label, significant


def training_table(document: dict) -> Table:
    """Best epoch, gap between training and validation accuracy, time and machine."""
    letters = {text: letter for letter, text in document["hardware"].items()}
    first = document["training"][0]["run"]
    head = ["run", "seed", "best epoch", "training acc. %", "validation acc. %", "gap (points)", "training time"]
    head += ["s per epoch", f"relative to {first}", "hardware"]
    rows = [
        [
            run_label(row),
            "" if row["seed"] is None else str(row["seed"]),
            f"{row['best_epoch']} of {row['epochs_run']}" if row["best_epoch"] else "",
            percent(row["train_accuracy"]),
            percent(row["validation_accuracy"]),
            "" if row["gap"] is None else f"{100 * row['gap']:+.2f}",
            duration(row["training_seconds"]),
            significant(row["seconds_per_epoch"]),
            significant(row["relative_seconds_per_epoch"]),
            letters.get(row["hardware"], ""),
        ]
        for row in document["training"]
    ]
    return Table("Training, at the best epoch of each run", head, rows, _training_notes(document))


def _training_notes(document: dict) -> list[tuple[str, str]]:
    notes = [(f"{row['run']}: {row['obstacle']}", "") for row in document["training"] if row["obstacle"]]
    notes += [
        (f"{row['run']} is distilled from {row['distilled_from']}: its loss holds the teacher's part", "")
        for row in document["training"]
        if row["distilled_from"]
    ]
    notes.append(
        (
            "Training accuracy is the mean over the epoch while the weights still move, on augmented faces and with "
            "dropout, where the recipe has them; so the gap can be too small, or negative",
            "",
        )
    )
    notes.append(("Seconds per epoch are the median; the ratio is left out where the hardware differs", ""))
    return notes + [(f"Hardware {letter}: {text}", "") for letter, text in document["hardware"].items()]


def network_table(document: dict) -> Table:
    """Parameters, multiply-accumulates and megabytes by format; formats that no run has are left out."""
    formats = [name for name in document["formats"] if any(row["bytes"][name] for row in document["networks"])]
    head = ["run", "network", "parameters", "trainable", "MACs (M)", *(f"{_format(name)} MB" for name in formats)]
    rows = [
        [
            run_label(row),
            row["model"] or "",
            count(row["parameters"]),
            count(row["trainable_parameters"]),
            "" if row["macs"] is None else significant(row["macs"] / 1e6),
            *(megabytes(row["bytes"][name]) for name in formats),
        ]
        for row in document["networks"]
    ]
    notes = [(f"{row['run']}: {row['obstacle']}", row["command"]) for row in document["networks"] if row["obstacle"]]
    notes.append(("MACs: multiply-accumulates of one face; MB: 10⁶ bytes", ""))
    return Table("Size", head, rows, notes, text_columns=(1,))


def _format(name: str) -> str:
    known = {"keras": "Keras", "keras_eager": "Keras, eager", "savedmodel": "SavedModel", "onnx": "ONNX"}
    return known.get(name) or name.replace("tflite_", "TFLite ")


def latency_table(document: dict) -> Table:
    """Latency and agreement with Keras, one row per run and format."""
    letters = {text: letter for letter, text in document["hardware"].items()}
    first = document["runs"][0]["run"]
    head = ["run, format", "p50 ms", "p90 ms", f"relative to {first}", "faces/s, batch 32", "same top-1 %"]
    head += ["max. probability difference", "hardware"]
    rows = [
        [
            f"{run_label(row)}, {_format(row['format'])}",
            significant(row["p50_ms"]),
            significant(row["p90_ms"]),
            significant(row["relative_p50"]),
            "" if row["faces_per_second"] is None else f"{row['faces_per_second']:,.0f}",
            percent(row["top1_agreement"]),
            "" if (gap := row["max_abs_probability_difference"]) is None else f"{gap:.1e}",
            letters.get(row["hardware"], ""),
        ]
        for row in document["latency"]
    ]
    commands = dict.fromkeys((row["run"], row["command"]) for row in document["latency"] if row["command"])
    notes = [(f"{run}: no latency measured", command) for run, command in commands]
    notes.append(("p50 and p90: one face on one thread. Faces per second: batches of 32 on all threads", ""))
    notes.append(("Keras: compiled, as tf.function or predict_on_batch do", ""))
    notes.append(("Same top-1 and difference: the exported file against the Keras model, from parity.json", ""))
    return Table("Latency, and agreement of the exported files with Keras", head, rows, notes)

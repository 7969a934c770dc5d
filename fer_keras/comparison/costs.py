"""What a run costs: parameters, sizes, training time, latency; and on which hardware."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from statistics import median

from ..benchmark.latency import FILES
from ..runs.records import BenchmarkRow
from .collect import Comparison
from .run_summary import RunSummary
from .scores import section


def hardware_letters(comparison: Comparison) -> dict[str, str]:
    """Name each distinct machine of the training and benchmark records: text to ``A``, ``B``, ..."""
    found = [run.record.get("hardware") for run in comparison.runs]
    found += [run.benchmark.hardware for run in comparison.runs if run.benchmark]
    texts = dict.fromkeys(hardware_text(entry) for entry in found if entry)
    return {text: _letter(number) for number, text in enumerate(texts)}


def _letter(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else f"M{number + 1}"


def hardware_text(hardware: Mapping) -> str:
    """One machine in words: two records are the same hardware exactly when these words are the same."""
    memory = hardware.get("memory_gib")
    parts = [
        str(hardware.get("cpu", "unknown CPU")),
        f"{hardware.get('cores', '?')} cores",
        # Whole GiB: what a system reports of the same memory moves in the decimals.
        f"{memory:.0f} GiB" if isinstance(memory, int | float) else "memory unknown",
        ", ".join(map(str, hardware.get("gpus") or [])) or "no GPU",
    ]
    return ", ".join(parts)


def network_rows(runs: Sequence[RunSummary]) -> list[dict]:
    """Parameters, multiply-accumulates per face and bytes by format, None where unknown."""
    names = ("model", "parameters", "trainable_parameters", "macs", "backend", "precision", "git_commit", "versions")
    return [
        {
            "run": run.name,
            "synthetic": run.is_synthetic,
            **{name: run.record.get(name) for name in names},
            "bytes": {name: run.sizes.get(name) for name in FILES},
            "obstacle": _export_obstacle(run),
            "command": f"fer-keras export {_path(run)}" if _export_obstacle(run) else "",
        }
        for run in runs
    ]


def _export_obstacle(run: RunSummary) -> str:
    if run.stale_exports:
        return "its exports are of another model than model.keras"
    return "" if len(run.sizes) > 1 else "not exported"


def training_rows(comparison: Comparison) -> list[dict]:
    """Best epoch, the gap between training and validation accuracy, and time; ratios only on the same hardware."""
    base = comparison.runs[0]
    return [_training(run, base) for run in comparison.runs]


def _training(run: RunSummary, base: RunSummary) -> dict:
    best, hardware = run.best_epoch(), run.record.get("hardware")
    obstacle = training_obstacle(run, base)
    train = validation = gap = None
    if best and not obstacle and math.isfinite(best["accuracy"] + best["val_accuracy"]):
        train, validation = best["accuracy"], best["val_accuracy"]
        gap = train - validation
    return {
        "run": run.name,
        "synthetic": run.is_synthetic,
        "seed": run.record.get("seed"),
        "distilled_from": (run.record.get("distilled_from") or {}).get("run"),
        "epochs_run": run.record.get("epochs_run", len(run.history) or None),
        "best_epoch": int(best["epoch"]) if best else None,
        "train_accuracy": train,
        "validation_accuracy": validation,
        "gap": gap,
        "training_seconds": run.record.get("training_seconds"),
        "seconds_per_epoch": seconds_per_epoch(run),
        "relative_seconds_per_epoch": _relative_time(run, base),
        "hardware": hardware_text(hardware) if hardware else None,
        "obstacle": obstacle,
    }


def training_obstacle(run: RunSummary, base: RunSummary) -> str:
    """Why training curves and accuracies do not compare with those of ``base``; empty if they do."""
    if not run.history:
        return "no history: it was not trained here"
    mine, theirs = run.dataset.get("sha256"), base.dataset.get("sha256")
    if run is not base and (mine is None or mine != theirs):
        return f"trained and validated on other data than {base.name}"
    classes, others = run.record.get("classes"), base.record.get("classes")
    return "" if classes == others else f"trained on other classes than {base.name}"


def loss_obstacle(run: RunSummary, base: RunSummary) -> str:
    """Why loss values mean another thing than those of ``base``; empty if they mean the same."""
    differing = [key for key, value in _loss_terms(run).items() if value != _loss_terms(base)[key]]
    return f"its loss is another than that of {base.name} ({', '.join(differing)})" if differing else ""


def _loss_terms(run: RunSummary) -> dict:
    """Recipe keys that change the number called loss, with their defaults."""
    train, data = section(run.recipe, "train"), section(run.recipe, "data")
    loss, distill = train.get("loss", "cross_entropy"), section(run.recipe, "distill")
    taught = distill.get("teacher") is not None
    return {
        "train.loss": loss,
        "train.focal_gamma": train.get("focal_gamma", 2.0) if loss == "focal" else None,
        "train.label_smoothing": train.get("label_smoothing", 0.0),
        "train.imbalance": train.get("imbalance", "none") == "class_weights",
        "augmentation.mixup": section(run.recipe, "augmentation").get("mixup", 0.0),
        "distill": (distill.get("weight"), distill.get("temperature")) if taught else None,
        "data.ferplus_mode": data.get("labels") == "ferplus" and data.get("ferplus_mode") == "soft",
    }


def seconds_per_epoch(run: RunSummary) -> float | None:
    """Median over the epochs; the first often holds compilation."""
    return median(row["seconds"] for row in run.history) if run.history else None


def _relative_time(run: RunSummary, base: RunSummary) -> float | None:
    mine, theirs = run.record.get("hardware"), base.record.get("hardware")
    if not mine or not theirs or hardware_text(mine) != hardware_text(theirs) or training_obstacle(run, base):
        return None
    own, other = seconds_per_epoch(run), seconds_per_epoch(base)
    return own / other if own and other else None


def latency_rows(comparison: Comparison) -> list[dict]:
    """One row per run and format: size, agreement with Keras, latency; ratios only on the same hardware."""
    base = comparison.runs[0]
    return [_latency(run, base, name) for run in comparison.runs for name in _measured_formats(run)]


def _measured_formats(run: RunSummary) -> list[str]:
    """Every file that is there; Keras called eagerly has a row where it was measured."""
    eager = ["keras_eager"] if _measured(run, "keras_eager", 1, 1) else []
    return [name for name in ("keras", *eager, *list(FILES)[1:]) if name in run.sizes or name in eager]


def _latency(run: RunSummary, base: RunSummary, name: str) -> dict:
    file = "keras" if name == "keras_eager" else name
    parity = run.parity.get(FILES[file].rpartition("/")[2], {})
    single, batch = _measured(run, name, 1, 1), _measured(run, name, 32, 0)
    reference, hardware = _measured(base, name, 1, 1), _benchmark_hardware(run)
    same = hardware is not None and hardware == _benchmark_hardware(base)
    return {
        "run": run.name,
        "synthetic": run.is_synthetic,
        "format": name,
        "bytes": run.sizes[file],
        "top1_agreement": parity.get("top1_agreement"),
        "max_abs_probability_difference": parity.get("max_abs_probability_difference"),
        "p50_ms": single and single.median_ms,
        "p90_ms": single and single.p90_ms,
        "faces_per_second": batch and batch.faces_per_second,
        "relative_p50": single.median_ms / reference.median_ms if same and single and reference else None,
        "hardware": hardware,
        "command": "" if run.benchmark else f"fer-keras benchmark {_path(run)}",
    }


def _benchmark_hardware(run: RunSummary) -> str | None:
    return hardware_text(run.benchmark.hardware) if run.benchmark else None


def _measured(run: RunSummary, name: str, batch: int, threads: int) -> BenchmarkRow | None:
    rows = run.benchmark.rows if run.benchmark else []
    return next((r for r in rows if (r.format, r.batch, r.threads) == (name, batch, threads)), None)


def _path(run: RunSummary) -> str:
    return shlex.quote(str(run.folder.path))

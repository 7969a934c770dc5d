"""The model card of one run: Markdown under the YAML front matter that Hugging Face reads. No TensorFlow.

Front matter: https://huggingface.co/docs/hub/model-cards; sections after Mitchell et al. 2019, arXiv:1810.03993.
"""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from ..errors import DataError
from ..evaluation.calibration.record import read_calibration
from ..runs.records import read_metrics, read_parity, read_run_json
from ..runs.run_folder import RunFolder

SPLITS = {"validation": "PublicTest", "test": "PrivateTest"}
_LIMITS = """- Labels are *apparent* expressions of a crop of a face, no statement about what a person feels or intends.
- FER2013 has no demographic labels: fairness across groups is not measured.
- Not for inferring emotions of people at work or in education: prohibited in the European Union since 2 February 2025
  (Regulation (EU) 2024/1689, Art. 5(1)(f)), medical and safety reasons aside. Not for any decision about a person."""


def make_card(run: RunFolder, *, license_name: str = "other") -> str:
    """Return the card of a finished run, with what was measured of it and nothing else.

    Args:
        run: opened and verified by the caller.
        license_name: of the weights, as Hugging Face spells it; the package's own licence says nothing of weights that
            learned from data of others.

    Raises:
        RunFolderError: a damaged file of the run.
        DataError: an evaluation that cannot be read.
        ModelFileError: a file that differs from the manifest.
    """
    record, name = read_run_json(run), run.path.resolve().name
    scores = _read_scores(run)
    front = yaml.safe_dump(_front_matter(record, name, scores, license_name), sort_keys=False, allow_unicode=True)
    parts = [f"---\n{front}---", f"# {name}", _what(record), _scores(scores), _calibration(run), _files(run)]
    parts += ["## Training", _training(record), "## Limits", _limits(record)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _read_scores(run: RunFolder) -> dict[str, dict]:
    """Metrics of each split that was evaluated without test-time augmentation."""
    folders = {split: run.evaluation(split) for split in SPLITS}
    return {
        split: json.loads(read_metrics(run, folder, DataError).model_dump_json())
        for split, folder in folders.items()
        if (folder / "metrics.json").is_file()
    }


def _front_matter(record: dict, name: str, scores: dict, license_name: str) -> dict:
    data = record.get("dataset") or {}
    return {
        "library_name": "keras",
        "pipeline_tag": "image-classification",
        "license": license_name,
        "tags": ["facial-expression-recognition", "fer_keras", "keras", "tflite", str(record.get("model", ""))],
        "datasets": [data.get("name", "unknown")],
        "metrics": ["accuracy", "f1"],
        "model-index": [{"name": name, "results": [_result(split, part) for split, part in scores.items()]}],
    }


def _result(split: str, scores: dict) -> dict:
    clean = scores["deduplicated"]
    metrics = [
        {"type": "accuracy", "value": round(scores["accuracy"], 4)},
        {"type": "f1", "value": round(scores["macro_f1"], 4), "name": "macro-F1"},
    ]
    if clean.get("accuracy") is not None:
        value = round(clean["accuracy"], 4)
        metrics.append({"type": "accuracy", "value": value, "name": f"without copies in training, n = {clean['n']:,}"})
    return {
        "task": {"type": "image-classification", "name": "apparent facial expression"},
        "dataset": {
            "name": f"{scores['dataset']}, {split}" + (f" ({SPLITS[split]})" if scores["dataset"] == "fer2013" else ""),
            **{"type": scores["dataset"], "split": split, "revision": scores["dataset_sha256"]},
        },
        "metrics": metrics,
    }


def _what(record: dict) -> str:
    size, classes = record.get("image_size", 48), ", ".join(record.get("classes", ()))
    taught = record.get("distilled_from")
    teacher = f" It learned from the answers of {taught['run']} too." if taught else ""
    return (
        f"A `{record.get('model')}` of fer_keras with {record.get('parameters', 0):,} parameters "
        f"({record.get('macs', 0) / 1e6:.1f} M multiply-accumulates a face). It takes {size}x{size} gray pixels 0..255 "
        f"of one face and gives a probability for each of: {classes}.{teacher}"
    )


def _scores(scores: dict) -> str:
    if not scores:
        return "## Scores\n\nNot evaluated yet: `fer-keras evaluate RUN --split validation`."
    head = ("split", "n", "accuracy, 95 %", "macro-F1", "without copies in training", "ECE")
    lines = ["## Scores", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += [f"| {' | '.join(_score_cells(split, part))} |" for split, part in scores.items()]
    lines += ["", "No test-time augmentation. Validation chose the best epoch, so that its scores are optimistic."]
    classes = (scores.get("test") or scores["validation"])["per_class"]
    recalls = " | ".join(f"{part['recall']:.2f}" for part in classes.values())
    lines += ["", f"| class | {' | '.join(classes)} |", "|---" * (1 + len(classes)) + "|", f"| recall | {recalls} |"]
    notices = [notice for part in scores.values() for notice in part["notices"]]
    return "\n".join([*lines, *(f"\n**{notice}**" for notice in dict.fromkeys(notices))])


def _score_cells(split: str, scores: dict) -> list[str]:
    low, high = (100 * bound for bound in scores["accuracy_ci95"])
    clean, without = scores["deduplicated"], "not known"
    if clean.get("accuracy") is not None:
        without = f"{100 * clean['accuracy']:.2f} % (n = {clean['n']:,})"
    accuracy = f"{100 * scores['accuracy']:.2f} % ({low:.2f} to {high:.2f})"
    return [split, f"{scores['n']:,}", accuracy, f"{scores['macro_f1']:.3f}", without, f"{scores['ece']:.4f}"]


def _calibration(run: RunFolder) -> str:
    found = read_calibration(run)
    if found is None:
        return ""
    text = (
        f"## Confidence\n\nTemperature {found.temperature:.3f}, fitted on {found.n:,} faces of {found.split}, "
        "the split that chose the epoch; exported files hold it."
    )
    if found.threshold is not None:
        text += f" Below a confidence of {found.threshold:.2f} an answer should be shown as *uncertain*."
    return text


def _files(run: RunFolder) -> str:
    report = read_parity(run)
    if not report or not report["exports"]:
        return ""
    lines = ["## Files", "", "| file | MB | same top-1 as Keras | accuracy |", "|---|---|---|---|"]
    for entry in report["exports"].values():
        if not (run.exports / entry["file"]).exists():
            continue
        accuracy = f"{100 * entry['accuracy']:.2f} %" if entry.get("accuracy") is not None else "-"
        agreement = f"{100 * entry['top1_agreement']:.2f} %" if "top1_agreement" in entry else "-"
        lines.append(f"| `exports/{entry['file']}` | {entry.get('bytes', 0) / 1e6:.2f} | {agreement} | {accuracy} |")
    return "\n".join(lines) if len(lines) > 4 else ""


def _training(record: dict) -> str:
    data, hardware = record.get("dataset") or {}, record.get("hardware") or {}
    faces = ", ".join(f"{n:,} {split}" for split, n in (data.get("faces") or {}).items())
    machine = ", ".join(hardware.get("gpus") or ()) or hardware.get("cpu", "unknown hardware")
    lines = [
        f"- Data: {data.get('name')} ({faces}), sha256 `{data.get('sha256')}`",
        f"- Verdict of the quality gate: {data.get('verdict') or 'none'}",
        f"- {record.get('epochs_run')} epochs in {record.get('training_seconds')} s on {machine}",
        f"- Seed {record.get('seed')}",
        f"- `{record.get('command') or 'command not recorded'}`",
    ]
    return "\n".join(lines)


def _limits(record: dict) -> str:
    synthetic = (record.get("dataset") or {}).get("name") == "synthetic"
    loud = "- **Trained on drawn faces: it says nothing about real faces.**\n" if synthetic else ""
    return loud + _LIMITS


def write_card(run: RunFolder, path: Path, *, license_name: str = "other") -> None:
    """Write the card as a file of its own, outside of the run's contract.

    Raises:
        RunFolderError: the file system refuses.
    """
    from ..atomic_files import write_text

    write_text(path, make_card(run, license_name=license_name))

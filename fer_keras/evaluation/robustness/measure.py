"""Score a finished run on damaged copies of one split: how much of its accuracy each kind of damage takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...datasets.faces import FaceDataset, Split
from ...metrics.paired_tests import bootstrap_differences
from ...metrics.scores import score
from ...plotting.paper import current_paper, drawing_for
from ...runs.manifest import file_sha256
from ...runs.run_folder import RunFolder
from ...runs.run_record import now
from ..origin import describe_origin, report_suffix
from ..prediction import load_for_scoring, predict_probabilities
from .corruptions import CORRUPTIONS, Corruption
from .report import write_robustness

# Pixels that are damaged at once; bounds the memory at some 100 MB, whatever the split and the side.
_CHUNK_PIXELS = 2**23
_SCORES = ("accuracy", "accuracy_ci95", "macro_f1")

Observe = Callable[[int, int, str], None]


def measure_robustness(
    run: RunFolder,
    dataset: FaceDataset,
    split: str,
    *,
    tta: str = "none",
    batch_size: int = 256,
    labels: str = "",
    corruptions: Sequence[Corruption] = CORRUPTIONS,
    observe: Observe | None = None,
) -> dict:
    """Score the model of a run on every severity of every corruption, one pass over the split for each.

    ``robustness.json``, ``.csv`` and ``.png`` go into the folder of the split's evaluation, whose other files stay as
    they are; then the manifest is renewed. The face at row i of a split is damaged alike in every call.

    Args:
        run: a finished run, opened and verified by the caller.
        dataset: its classes are those of the run, in the same order.
        split: ``train``, ``validation`` or ``test``.
        tta: ``none`` or ``flip``, see :func:`fer_keras.evaluation.evaluate.evaluate_run`; the damaged face is mirrored.
        batch_size: images per step.
        labels: name of the labels where they are not those of the run's recipe; goes into the folder's name.
        corruptions: what is done to the faces.
        observe: called before each pass with passes done, passes in all and what is scored.

    Returns:
        The content of ``robustness.json``: ``split, n, tta, image_size``, the origin as in ``metrics.json`` and
        ``model_sha256``; ``most_frequent_class {name, share}``; ``clean {accuracy, accuracy_ci95, macro_f1}``;
        ``mean_accuracy``, over the corruptions, and ``corruptions``: of each ``name, title, parameter, identity,
        mean_accuracy`` and ``severities``, of each ``value``, the scores of ``clean``, ``accuracy_drop`` and
        ``macro_f1_drop`` (clean minus damaged) and their ``_ci95``. Intervals of accuracy are Wilson's, those of drops
        percentiles of a paired bootstrap over faces.

    Raises:
        InputError, DataError, ModelFileError, RunFolderError: see :func:`fer_keras.evaluation.evaluate.evaluate_run`.
    """
    rows, trained, model = load_for_scoring(run, dataset, split)
    passes = _Passes(model, rows, tta, batch_size, 1 + sum(len(item.severities) for item in corruptions), observe)
    clean = passes.predict(None, 0.0)
    result = {
        "split": split,
        "n": len(rows),
        "tta": tta,
        "image_size": dataset.image_size,
        **describe_origin(dataset, split, trained),
        "model_sha256": file_sha256(run.model),
        "date": now(),
        "most_frequent_class": _most_frequent(rows.labels, dataset.classes),
        "clean": _scores(rows.labels, clean, dataset.classes),
    }
    found = [_score_corruption(passes, item, clean, dataset.classes) for item in corruptions]
    result |= {"mean_accuracy": _mean_accuracy(found), "corruptions": found}
    suffix = report_suffix(tta, labels)
    paper = current_paper().renewing(run.evaluation(split, suffix) / "robustness.png")
    with run.publish() as stage, drawing_for(paper):
        write_robustness(stage.evaluation(split, suffix), run.path.resolve().name, result)
    return result


class _Passes:
    """Passes over one split, counted."""

    def __init__(self, model, rows: Split, tta: str, batch_size: int, total: int, observe: Observe | None):
        self.model, self.rows, self.tta, self.batch_size = model, rows, tta, batch_size
        self.done, self.total, self.observe = 0, total, observe

    def predict(self, corruption: Corruption | None, value: float) -> np.ndarray:
        """Probabilities (n, classes) float32 of the faces, undamaged where there is no corruption."""
        if self.observe:
            self.observe(self.done, self.total, f"{corruption.title} {value:g}" if corruption else "as they are")
        images, batch = self.rows.images, self.batch_size
        # Whole batches, so that one graph serves all chunks but the last.
        step = max(1, _CHUNK_PIXELS // (max(batch, 1) * images[0].size)) * max(batch, 1)
        parts = []
        for start in range(0, len(images), step):
            part = images[start : start + step]  # (m, S, S, 1)
            if corruption is not None:
                part = corruption(part, value, np.arange(start, start + len(part)))
            parts.append(predict_probabilities(self.model, part, batch_size=batch, tta=self.tta))
        self.done += 1
        return np.concatenate(parts)


def _score_corruption(passes: _Passes, corruption: Corruption, clean: np.ndarray, classes: Sequence[str]) -> dict:
    labels, severities = passes.rows.labels, []
    for value in corruption.severities:
        damaged = passes.predict(corruption, value)  # (n, classes)
        scores = _scores(labels, damaged, classes)
        severities.append({"value": value, **scores, **_drops(labels, clean, damaged, classes)})
    return {
        "name": corruption.name,
        "title": corruption.title,
        "parameter": corruption.parameter,
        "identity": corruption.identity,
        "mean_accuracy": float(np.mean([entry["accuracy"] for entry in severities])),
        "severities": severities,
    }


def _scores(labels: np.ndarray, y_prob: np.ndarray, classes: Sequence[str]) -> dict:
    scores = score(labels, y_prob, classes)
    return {name: scores[name] for name in _SCORES}


def _drops(labels: np.ndarray, clean: np.ndarray, damaged: np.ndarray, classes: Sequence[str]) -> dict:
    before, after = score(labels, clean, classes), score(labels, damaged, classes)
    intervals = bootstrap_differences(labels, clean.argmax(axis=1), damaged.argmax(axis=1), len(classes))
    drops: dict = {}
    for name in ("accuracy", "macro_f1"):
        drops |= {f"{name}_drop": before[name] - after[name], f"{name}_drop_ci95": intervals[name]}
    return drops


def _most_frequent(labels: np.ndarray, classes: Sequence[str]) -> dict:
    """The accuracy of always giving one answer: what a network that sees nothing can reach."""
    counts = np.bincount(labels, minlength=len(classes))  # (classes,)
    return {"name": classes[int(counts.argmax())], "share": float(counts.max() / len(labels))}


def _mean_accuracy(found: list[dict]) -> float | None:
    return float(np.mean([entry["mean_accuracy"] for entry in found])) if found else None

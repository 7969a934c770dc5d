"""Which run and which faces a score is of. No TensorFlow."""

from __future__ import annotations

from ..datasets.faces import FaceDataset, fingerprint


def describe_origin(dataset: FaceDataset, split: str, trained: dict) -> dict:
    """Which faces scores are of, and the notices that go with them: keys of ``metrics.json``.

    Args:
        dataset: that was scored.
        split: of it.
        trained: content of ``run.json``.
    """
    trained_on = trained_sha256(trained)
    return {
        "dataset": dataset.name,
        "dataset_sha256": dataset.sha256,
        "trained_on_sha256": trained_on,
        "distilled_from": (trained.get("distilled_from") or {}).get("run"),
        "notices": [*dataset.notices, *trained.get("notices", ()), *_mismatch_notice(dataset, trained_on)],
        "verdict": dataset.verdict,
        "split_sha256": fingerprint({split: dataset.splits[split]}, dataset.classes),
    }


def trained_sha256(run_json: dict) -> str | None:
    """Fingerprint of the data that a run was trained on; None where ``run.json`` does not say."""
    dataset = run_json.get("dataset")
    return dataset.get("sha256") if isinstance(dataset, dict) else None


def _mismatch_notice(dataset: FaceDataset, trained_on: str | None) -> list[str]:
    if trained_on in (None, dataset.sha256):
        return []
    return [
        f"Scored on another data set (sha256 {dataset.sha256[:12]}) than the model was trained on "
        f"(sha256 {trained_on[:12]})."
    ]


def report_suffix(tta: str, labels: str = "") -> str:
    """What the name of an evaluation's folder ends in, such as ``flip_tta`` or ``ferplus_flip_tta``."""
    return "_".join(part for part in (labels, "" if tta == "none" else f"{tta}_tta") if part)

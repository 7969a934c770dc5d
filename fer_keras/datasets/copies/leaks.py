"""Training faces that validation or test hold too, dropped from training. No TensorFlow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...errors import DataError
from ..faces import Change, FaceDataset, fingerprint
from .duplicates import find_duplicates, search_copies

HELD_OUT = ("validation", "test")


def drop_leaks(dataset: FaceDataset) -> FaceDataset:
    """Return the data set without the training faces that have a copy in validation or test.

    Copies are pixel-identical or near ones (re-encoded, shifted, mirrored; see
    :mod:`.near_copies`); a search among the faces that are left finds none. Validation and test stay as they are, so
    scores compare with those of every other model.

    Raises:
        DataError: no training face would be left.
    """
    found = find_duplicates(dataset)
    here = found.in_split("train")
    exact = {name: found.exact_copy_in(name)[here] for name in HELD_OUT}  # (n,) each
    copies = {name: found.copy_in(name)[here] for name in HELD_OUT}
    kept = ~np.any(list(copies.values()), axis=0)  # (n,)
    while not found.fixed and kept.any():  # among fewer faces that are very similar, others may count as copies
        found = search_copies(_with_train(dataset, kept))
        again = {name: found.copy_in(name)[found.in_split("train")] for name in HELD_OUT}
        if not np.any(list(again.values())):
            break
        for name, mask in again.items():
            copies[name][np.flatnonzero(kept)[mask]] = True
        kept = ~np.any(list(copies.values()), axis=0)
    if not kept.any():
        raise DataError(
            "every training face has a copy in validation or test", hint="Leave data.train_without_leaks off here"
        )
    cleaned = _with_train(dataset, kept)
    return replace(
        cleaned,
        sha256=fingerprint(cleaned.splits, dataset.classes),
        changes=(*dataset.changes, _change(kept, exact, copies)),
        origin=dataset,
    )


def _with_train(dataset: FaceDataset, kept: np.ndarray) -> FaceDataset:
    return replace(dataset, splits={**dataset.splits, "train": dataset.splits["train"].take(kept)})


def _change(kept: np.ndarray, exact: dict[str, np.ndarray], copies: dict[str, np.ndarray]) -> Change:
    identical = int(np.any(list(exact.values()), axis=0).sum())
    details = {
        "n_before": len(kept),
        "n": int(kept.sum()),
        "dropped": int((~kept).sum()),
        "dropped_pixel_identical": identical,
        **{f"with_copy_in_{name}": int(mask.sum()) for name, mask in copies.items()},
        **{f"with_pixel_identical_copy_in_{name}": int(mask.sum()) for name, mask in exact.items()},
    }
    sentence = (
        f"{details['dropped']:,} training faces with a copy in validation ({details['with_copy_in_validation']:,}) or "
        f"test ({details['with_copy_in_test']:,}) dropped, {identical:,} of them pixel-identical: "
        f"train n = {details['n']:,} of {details['n_before']:,}"
    )
    return Change("train_without_leaks", sentence, details)

"""Load the faces that belong to a run or a recipe."""

from __future__ import annotations

import click

from fer_keras.datasets.faces import FaceDataset
from fer_keras.recipe.data import DataSection
from fer_keras.recipe.recipe import Recipe
from fer_keras.runs.recipes import read_recipe
from fer_keras.runs.run_folder import RunFolder

from .options import show_notices, waiting

__all__ = ["check_same_faces", "count_faces", "load_data", "load_with_original", "read_recipe", "with_labels"]


def load_data(recipe: Recipe, data: str | None) -> FaceDataset:
    """Load ``--data``, else the recipe's source, as the recipe's ``data`` section wants it; notices go to stderr."""
    return load_with_original(recipe, data)[1]


def load_with_original(recipe: Recipe, data: str | None) -> tuple[FaceDataset, FaceDataset]:
    """Load like :func:`load_data`; return the faces as they were read, and as the recipe wants them."""
    from fer_keras.datasets import load_faces

    section = recipe.data
    with waiting("Reading the faces; data that are new here are prepared and checked first"):
        original = load_faces(
            data or section.source,
            limit=section.limit,
            on_bad=section.on_bad,
            image_size=section.image_size,
            split_fractions=section.split_fractions,
            split_seed=section.split_seed,
            check=section.check == "on",
            group_by=section.group_by,
            fit=section.fit,
            classes=_named_classes(section),
        )
    show_classes(original)
    dataset = _choose_labels_and_faces(section, original)
    show_notices(dataset.notices)
    return original, dataset


def count_faces(dataset: FaceDataset) -> dict[str, dict[str, int]]:
    """How many faces of each class are in each split."""
    return {
        name: {one: int((split.labels == label).sum()) for label, one in enumerate(dataset.classes)}
        for name, split in dataset.splits.items()
    }


def show_classes(dataset: FaceDataset) -> None:
    """Say on stderr which classes were understood in own data, and of how many faces: folders can be something else."""
    if dataset.name in ("fer2013", "synthetic"):
        return
    counts = [sum(split[name] for split in count_faces(dataset).values()) for name in dataset.classes]
    shown = ", ".join(f"{name} {count:,}" for name, count in zip(dataset.classes, counts, strict=True))
    sizes = ", ".join(f"{name} {len(split):,}" for name, split in dataset.splits.items())
    click.echo(f"{len(dataset.classes)} classes: {shown} ({sizes})", err=True)


def _named_classes(section: DataSection) -> list[str]:
    """Every class that the recipe names, chosen, merged or dropped."""
    chosen = [name for name in section.classes or () if name not in section.merge]
    return [*chosen, *section.drop, *(old for parts in section.merge.values() for old in parts)]


def check_same_faces(run: RunFolder, dataset: FaceDataset, what: str) -> None:
    """Refuse other faces than those that an interrupted run was begun with; ``what`` ends the sentence.

    Raises:
        DataError: their sha256 is another one.
    """
    from fer_keras.errors import DataError
    from fer_keras.runs.records import read_run_json

    if not run.run_json.is_file():
        return
    expected = read_run_json(run).get("dataset", {}).get("sha256", dataset.sha256)
    if expected != dataset.sha256:
        raise DataError(
            f"these are not the faces that the {what} with",
            allowed=f"sha256 {expected[:16]}",
            received=f"{dataset.sha256[:16]} from {dataset.source}",
            hint="Give the original file with --data",
        )


def _choose_labels_and_faces(section: DataSection, dataset: FaceDataset) -> FaceDataset:
    """Labels first, since FER+ goes with FER2013's own classes; then classes; leaks last: they depend on the rest."""
    from fer_keras.datasets.copies.leaks import drop_leaks
    from fer_keras.datasets.labels.ferplus import load_ferplus
    from fer_keras.datasets.labels.label_sets import named_as_ferplus, select_classes

    if section.labels == "ferplus":
        dataset = named_as_ferplus(dataset, section.ferplus_classes) or load_ferplus(
            dataset, section.ferplus, mode=section.ferplus_mode, classes=section.ferplus_classes
        )
    dataset = select_classes(dataset, section.classes, section.drop, section.merge)
    return drop_leaks(dataset) if section.train_without_leaks else dataset


def with_labels(recipe: Recipe, labels: str | None, ferplus: str | None, classes: int | None) -> Recipe:
    """Return the recipe with other labels (``--labels``) and votes (``--ferplus``).

    Args:
        recipe: of a finished run.
        labels: ``fer2013``, ``ferplus`` or None for the recipe's.
        ferplus: path of the votes, or None for the recipe's.
        classes: of the run's model; a change to FER+ takes as many, if FER+ has them.
    """
    changes: dict[str, str | int | None] = {"labels": labels, "ferplus": ferplus}
    if labels == "ferplus" != recipe.data.labels and classes in (7, 8):
        changes["ferplus_classes"] = classes
    section = recipe.data.model_copy(update={key: value for key, value in changes.items() if value is not None})
    return recipe.model_copy(update={"data": section})

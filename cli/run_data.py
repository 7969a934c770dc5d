"""Load the faces that belong to a run or a recipe."""

from __future__ import annotations

from fer_keras.config import Recipe, load_yaml_file, make_recipe
from fer_keras.datasets.faces import FaceDataset
from fer_keras.run_folder import RunFolder

from .options import show_notices


def read_recipe(run: RunFolder) -> Recipe:
    """The resolved recipe of a run folder."""
    return make_recipe(load_yaml_file(run.recipe), where=str(run.recipe))


def load_data(recipe: Recipe, data: str | None) -> FaceDataset:
    """Load ``--data``, else the recipe's source, with the recipe's limit; notices go to stderr."""
    from fer_keras.datasets import load_faces

    dataset = load_faces(data or recipe.data.source, limit=recipe.data.limit, on_bad=recipe.data.on_bad)
    show_notices(dataset.notices)
    return dataset

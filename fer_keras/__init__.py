"""Facial-expression recognition on Keras 3. Importing this package imports nothing heavy."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .datasets import load_faces
    from .evaluation.evaluate import evaluate_run
    from .export.run_export import export_run
    from .inference import Predictor
    from .recipe.recipe import make_recipe
    from .runs.run_folder import RunFolder
    from .training.train import train

__version__ = "0.1.0"
__all__ = ["Predictor", "RunFolder", "evaluate_run", "export_run", "load_faces", "make_recipe", "train"]

_HOME = {
    "Predictor": "inference",
    "RunFolder": "runs.run_folder",
    "evaluate_run": "evaluation.evaluate",
    "export_run": "export.run_export",
    "load_faces": "datasets",
    "make_recipe": "recipe.recipe",
    "train": "training.train",
}


def __getattr__(name: str) -> Any:
    """Import a public name at first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

"""Facial-expression recognition on Keras 3. Importing this package imports nothing heavy."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .comparison import compare_runs
    from .datasets import load_faces
    from .evaluation.evaluate import evaluate_run
    from .export.run_export import export_run
    from .inference import Predictor
    from .recipe.recipe import make_recipe
    from .runs.recipes import load_recipe
    from .runs.run_folder import RunFolder
    from .training.starting import load
    from .training.train import train

__version__ = "0.1.0"
__all__ = [
    "Predictor",
    "RunFolder",
    "compare_runs",
    "evaluate_run",
    "export_run",
    "load",
    "load_faces",
    "load_recipe",
    "make_recipe",
    "train",
]

_HOME = {
    "Predictor": "inference",
    "RunFolder": "runs.run_folder",
    "compare_runs": "comparison",
    "evaluate_run": "evaluation.evaluate",
    "export_run": "export.run_export",
    "load": "training.starting",
    "load_faces": "datasets",
    "load_recipe": "runs.recipes",
    "make_recipe": "recipe.recipe",
    "train": "training.train",
}


def __getattr__(name: str) -> Any:
    """Import a public name at first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)


class _LayersWithKeras:
    """Finder that lets ``import keras`` register the layers of this project too, so that Keras loads their files.

    Importing them together with this package would import Keras where nobody needs it.
    """

    _asking = False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "keras" or self._asking:
            return None
        self._asking = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._asking = False
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                sys.meta_path.remove(self)
                execute(module)
                importlib.import_module(".models.layers", __name__)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


if "keras" in sys.modules:
    importlib.import_module(".models.layers", __name__)
else:
    sys.meta_path.insert(0, _LayersWithKeras())


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

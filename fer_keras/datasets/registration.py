"""Make ``tfds.load("fer2013")`` work after ``import fer_keras.datasets`` without importing TFDS for it.

TFDS knows a builder once its class exists, and the class needs TFDS, which takes most of a second to import. So the
builder modules are imported at once if TFDS is there already, and else right after whoever needs TFDS imports it.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

# Of the builders; part of the name of a prepared copy, which is found without importing TFDS.
VERSIONS = {"face_folder": "2.0.0", "fer2013": "1.0.0", "synthetic": "1.0.0"}

_TFDS = "tensorflow_datasets"
_BUILDER_MODULES = (
    "fer_keras.datasets.face_folder",
    "fer_keras.datasets.fer2013",
    "fer_keras.datasets.synthetic.builder",
)


def register_builders() -> None:
    """Register the builders now, or arrange that importing TFDS does it."""
    if _TFDS in sys.modules:
        _import_builders()
    else:
        sys.meta_path.insert(0, _AfterTfds())


def _import_builders() -> None:
    for name in _BUILDER_MODULES:
        importlib.import_module(name)


class _AfterTfds(importlib.abc.MetaPathFinder):
    """Finds TFDS as usual, once, and imports the builders when it has been executed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _TFDS:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            _run_after(spec.loader)
        return spec


def _run_after(loader: importlib.abc.Loader) -> None:
    execute = loader.exec_module

    def execute_then_register(module: ModuleType) -> None:
        execute(module)
        _import_builders()

    # Of this one loader: another object around it would lack what importlib.resources asks of the real one.
    loader.exec_module = execute_then_register  # type: ignore[method-assign]

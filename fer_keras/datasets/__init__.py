"""Faces with labels: FER2013 from any of its layouts, trees of class folders, and synthetic ones.

Importing this imports no TensorFlow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .registration import register_builders

if TYPE_CHECKING:
    from .face_folder import FaceFolder
    from .faces import FaceDataset, Split, fingerprint
    from .fer2013 import Fer2013
    from .labels.label_sets import select_classes
    from .loading import load_faces
    from .synthetic.builder import SyntheticFaces

__all__ = [
    "FaceDataset",
    "FaceFolder",
    "Fer2013",
    "Split",
    "SyntheticFaces",
    "fingerprint",
    "load_faces",
    "select_classes",
]

_HOME = {
    "FaceDataset": "faces",
    "FaceFolder": "face_folder",
    "Fer2013": "fer2013",
    "Split": "faces",
    "SyntheticFaces": "synthetic.builder",
    "fingerprint": "faces",
    "load_faces": "loading",
    "select_classes": "labels.label_sets",
}

register_builders()


def __getattr__(name: str) -> Any:
    """Import a public name at first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)

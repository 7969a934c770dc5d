"""A ``.keras`` file as a network. Imports Keras when it is called."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ModelFileError

if TYPE_CHECKING:
    import keras


def load_model_file(path: Path) -> keras.Model:
    """Load a ``.keras`` file of this project for inference (not compiled, no code from the file is run).

    Raises:
        ModelFileError: missing, no Keras archive, damaged, or of layers that this version does not know.
    """
    import keras  # with the layers of this project, see fer_keras/__init__.py

    if not path.is_file():
        raise ModelFileError(f"{path} is missing", hint="Train the run to its end")
    if not zipfile.is_zipfile(path):
        raise ModelFileError(f"{path} is truncated or no .keras file", hint="Restore it from a copy of the run")
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # damaged archives raise at least eight unrelated types
        reason = str(error).strip().partition("\n")[0][:200]
        raise ModelFileError(f"cannot load {path}: {type(error).__name__}: {reason}") from error

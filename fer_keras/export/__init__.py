"""Export of trained models to files that run without this package, each proven against Keras.

Importing this folder imports neither TensorFlow nor Keras, nor what an export needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .formats import FORMATS

if TYPE_CHECKING:
    from .run_export import export_run

__all__ = ["FORMATS", "export_run"]


def __getattr__(name: str) -> Any:
    """Import ``export_run`` at first use (PEP 562)."""
    if name != "export_run":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .run_export import export_run

    return export_run

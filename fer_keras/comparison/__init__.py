"""Runs side by side: what may be compared is, what may not is named and left empty."""

from .collect import Comparison, compare_runs
from .document import describe

__all__ = ["Comparison", "compare_runs", "describe"]

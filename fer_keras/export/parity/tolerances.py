"""How far an exported file may be from the Keras model, by format. No TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from ...errors import InputError, nearest_hint

TIE = 1e-4


@dataclass(frozen=True)
class Tolerance:
    """Limits of one format; None is no limit.

    Attributes:
        agreement: least share of faces with the same top class.
        difference: largest absolute difference of any probability.
        accuracy: largest absolute difference of the accuracies, as a share; one face is always allowed, since a small
            split has no finer step. Needs labels.
    """

    agreement: float | None = None
    difference: float | None = None
    accuracy: float | None = None

    def failures(self, entry: Mapping) -> list[str]:
        """Say in which respects a measured entry is out of the limits; a value that is not a number always is."""
        found = []
        if self.agreement is not None and not entry["top1_agreement"] >= self.agreement:
            found.append(
                f"the same top class on {entry['top1_agreement']:.3%} of the faces (least {self.agreement:.3%})"
            )
        if self.difference is not None and not entry["max_abs_probability_difference"] <= self.difference:
            measured = entry["max_abs_probability_difference"]
            found.append(f"a probability differs by {measured:.3g} (tolerance {self.difference:g})")
        if self.accuracy is not None:
            found += self._accuracy_failures(entry)
        return found

    def _accuracy_failures(self, entry: Mapping) -> list[str]:
        allowed = max(self.accuracy, 1.0 / entry["n"])
        if abs(entry["accuracy_difference"]) <= allowed + 1e-12:
            return []
        points, limit = 100 * entry["accuracy_difference"], 100 * allowed
        return [f"the accuracy differs by {points:+.2f} points (tolerance {limit:.2f})"]

    def as_dict(self) -> dict:
        """For ``parity.json``: the limits that are set."""
        return {name: value for name, value in asdict(self).items() if value is not None}


_EXACT = Tolerance(agreement=1.0, difference=1e-4)
_INTEGER = Tolerance(accuracy=0.005)
TOLERANCES = {
    "savedmodel": _EXACT,
    "tflite": _EXACT,
    "tflite_float16": Tolerance(agreement=0.999),
    "tflite_dynamic": _INTEGER,
    "tflite_int8": _INTEGER,
    "onnx": _EXACT,
    "torch": _EXACT,
}


def read_tolerances(texts: Sequence[str]) -> dict[str, Tolerance]:
    """Return the default tolerances with those of ``FORMAT=VALUE`` changed.

    VALUE is what the format is judged by: the largest probability difference of a float32 format (``1e-4``), the least
    agreement of ``tflite_float16`` in percent (``99.9``), the largest accuracy difference of ``tflite_dynamic`` and
    ``tflite_int8`` in points (``0.5``). A float32 format with another difference need not agree on every face.

    Raises:
        InputError: no such format, or no number in 0..100 (0..1 for a difference).
    """
    changed = dict(TOLERANCES)
    for text in texts:
        name, _, value = text.partition("=")
        if name not in TOLERANCES:
            hint = nearest_hint(name, TOLERANCES)
            raise InputError("unknown format in a tolerance", allowed=", ".join(TOLERANCES), received=text, hint=hint)
        changed[name] = _change(TOLERANCES[name], value, text)
    return changed


def _change(default: Tolerance, value: str, text: str) -> Tolerance:
    limit = 1.0 if default.difference is not None else 100.0
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number <= limit:
        raise InputError("a tolerance is no number in its range", allowed=f"FORMAT=0..{limit:g}", received=text)
    if default.difference is not None:
        return Tolerance(difference=number)
    if default.accuracy is not None:
        return Tolerance(accuracy=number / 100)
    return Tolerance(agreement=number / 100)

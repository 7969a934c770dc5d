"""The table of formats, and the class names and faces that all of them take. No TensorFlow."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ..emotions import FACE_SIZE
from ..errors import InputError, nearest_hint


@dataclass(frozen=True)
class Tolerance:
    """Limits of one format; None is no limit.

    Attributes:
        agreement: least share of faces with the same top class.
        difference: largest absolute difference of any probability.
        accuracy: largest absolute difference of the accuracies, as a share. A larger one counts where the paired
            interval excludes that both are equally often right: a few faces more or less on a small split are chance,
            and one face always is. Needs labels.
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
        allowed, difference = max(self.accuracy, 1.0 / entry["n"]), entry["accuracy_difference"]
        low, high = entry.get("accuracy_difference_ci95", (difference, difference))
        if abs(difference) <= allowed + 1e-12 or low <= 0 <= high:
            return []
        return [
            f"the accuracy differs by {100 * difference:+.2f} points (tolerance {100 * allowed:.2f}), "
            f"{100 * low:+.2f} to {100 * high:+.2f} of {entry['n']:,} faces (paired, 95 %)"
        ]

    def doubts(self, entry: Mapping) -> list[str]:
        """Say what so few faces cannot show: an accuracy within the tolerance. Where n faces agree, 3 / n may not.

        (The rule of three: with no event among n the 95 % bound of its rate is 3 / n.)
        """
        if self.accuracy is None or self.failures(entry):
            return []
        low, high = entry["accuracy_difference_ci95"]
        widest = max(-low, high, 3 / entry["n"])
        if widest <= self.accuracy + 1e-12:
            return []
        return [
            f"{entry['n']:,} faces cannot show that the accuracy is the same within {100 * self.accuracy:.2g} points: "
            f"it may differ by {100 * widest:.1f}"
        ]

    def as_dict(self) -> dict:
        """For ``parity.json``: the limits that are set."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Format:
    """One export format; where to add another.

    Attributes:
        file: name of its file or folder in ``exports``.
        writer: ``module:function`` in this room, called with (model, path, contract, faces); imported then.
        loader: the same, called with (path, threads=, trust=): what an ``ExportedModel`` is made of. Files are told by
            their suffix; empty for a state dict, which holds no network.
        tolerance: how far the file may be from the Keras model.
        kind: of a TFLite file.
        companions: what it writes beside it.
        packages: that it needs beyond those of this package.
        in_all: whether ``all`` stands for it, where its packages are installed.
    """

    file: str
    writer: str
    loader: str
    tolerance: Tolerance
    kind: str = ""
    companions: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    in_all: bool = True


def _tflite(kind: str, tolerance: Tolerance) -> Format:
    return Format(f"model_{kind}.tflite", f"tflite.convert:write_{kind}", "tflite.load:load_tflite", tolerance, kind)


_EXACT = Tolerance(agreement=1.0, difference=1e-4)
_INTEGER = Tolerance(accuracy=0.005)
TABLE = {
    "savedmodel": Format("savedmodel", "savedmodel.write:write", "savedmodel.load:load_serving_default", _EXACT),
    "tflite": _tflite("float32", _EXACT),
    "tflite_float16": _tflite("float16", Tolerance(agreement=0.999)),
    "tflite_dynamic": _tflite("dynamic", _INTEGER),
    "tflite_int8": _tflite("int8", _INTEGER),
    "onnx": Format(
        "model.onnx", "onnx.write:write", "onnx.load:load_onnx", _EXACT, packages=("onnx", "onnxruntime", "tf2onnx")
    ),
    "torch": Format("model_torch.pth", "torch_file:write", "", _EXACT, companions=("model_torch.py",), in_all=False),
}
FORMATS = {name: row.file for name, row in TABLE.items()}
TFLITE_KINDS = {name: row.kind for name, row in TABLE.items() if row.kind}
COMPANIONS = {name: row.companions for name, row in TABLE.items() if row.companions}
# What needs nothing but the package's own dependencies.
DEFAULT_FORMATS = tuple(name for name, row in TABLE.items() if row.in_all and not row.packages)
# Class names beside every export, one a line, in the order of the probabilities.
LABELS = "labels.txt"


def check_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """Return the formats without repetitions; ``all`` stands for every one that can be written here but ``torch``.

    Raises:
        InputError: none at all, or an unknown one (with the nearest valid name).
    """
    names = tuple(dict.fromkeys([formats] if isinstance(formats, str) else formats))
    for name in names or ("",):
        if name not in (*FORMATS, "all"):
            hint = nearest_hint(name, FORMATS)
            allowed = ", ".join((*FORMATS, "all"))
            raise InputError("unknown export format", allowed=allowed, received=repr(name), hint=hint)
    return tuple(dict.fromkeys(part for name in names for part in (_all() if name == "all" else (name,))))


def _all() -> tuple[str, ...]:
    installed = {name: all(map(importlib.util.find_spec, row.packages)) for name, row in TABLE.items() if row.in_all}
    return tuple(name for name, found in installed.items() if found)


def find_function(place: str) -> Callable:
    """Import a writer or loader of the table, ``module:function`` in this room."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(f".{module}", __package__), name)


def size_in_bytes(path: Path) -> int:
    """Size of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def labels_text(classes: Sequence[str]) -> str:
    """Return the content of ``labels.txt``."""
    return "".join(f"{name}\n" for name in classes)


def check_classes(classes: Sequence[str], n_logits: int) -> None:
    """Refuse class names that do not fit the model or that a file with one name a line cannot hold.

    Raises:
        InputError: no names, a name that is empty, padded, broken over lines or given twice, or another count.
    """
    if isinstance(classes, str) or not classes:
        raise InputError("an export needs class names", allowed="a list such as angry, happy", received=repr(classes))
    for name in classes:
        if not isinstance(name, str) or name != name.strip() or len(name.splitlines()) != 1:
            raise InputError("unusable class name", allowed="one line of text without padding", received=repr(name))
    doubled = sorted({name for name in classes if list(classes).count(name) > 1})
    if doubled:
        raise InputError("a class name stands twice", received=", ".join(doubled))
    if len(classes) != n_logits:
        allowed = f"{n_logits} names, one for each logit"
        received = f"{len(classes)} ({', '.join(classes)})"
        raise InputError("the class names do not fit the model", allowed=allowed, received=received)


def check_images(images: np.ndarray, size: int = FACE_SIZE) -> None:
    """Refuse anything but (n, size, size, 1) uint8 or float32 with n > 0.

    Raises:
        InputError: naming the shape and dtype received.
    """
    shape: tuple[int, ...] = getattr(images, "shape", ())
    dtype = getattr(images, "dtype", type(images).__name__)
    if len(shape) != 4 or shape[0] < 1 or shape[1:] != (size, size, 1) or dtype not in (np.uint8, np.float32):
        raise InputError(
            "unusable array of faces",
            allowed=f"(n, {size}, {size}, 1) uint8 or float32 with n of at least 1",
            received=f"{tuple(shape)} {dtype}",
        )

"""Expressions of the faces in pictures: the Python API of ``fer-keras predict``."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ..errors import InputError, ModelFileError
from ..export.exported_model import ExportedModel, load_exported
from ..export.formats import check_images
from .boxes import DEFAULT_MARGIN, Box, crop_face, fit_whole
from .detection.detectors import make_detector, notice_of
from .detection.protocol import Detector, is_thread_safe
from .model_files import ModelCard, open_model, read_card
from .pictures import read_picture
from .results import Prediction, Predictions

TTA = ("none", "flip")


class Predictor:
    """A model and a face detector, loaded once; many threads may use them at the same time.

    Attributes:
        classes: names of the expressions, in the order of the probabilities.
        image_size: side of the model's input in pixels.
        threshold: confidence below which a prediction is called uncertain; None where the model has none.
        detector: None takes every picture as a face.
        margin: share of a box's side added at each edge before the face is cut out.
        run: name of the run that the model comes from; empty where unknown.
        notice: what a user should know of the model's file and of the detector; empty for nothing.
        runtime: library that computes, and its version.

    Example:
        predictor = fer_keras.Predictor("mine", detector=None)
        predictions = predictor.predict(list(dataset.splits["test"].images[:4, ..., 0]))
        predictions[0].expression, predictions[0].confidence
        predictions.to_frame()
        predictions[0].plot()
    """

    def __init__(
        self,
        model: Path | str | None = None,
        *,
        detector: str | Detector | None = "auto",
        margin: float = DEFAULT_MARGIN,
        tta: str = "none",
        threads: int | None = None,
        trust: bool = False,
        threshold: float | None = None,
    ):
        """Load.

        Args:
            model: run folder, ``.tflite``, ``.onnx``, SavedModel folder, or None for the model in the package.
            detector: name for :func:`fer_keras.inference.detection.detectors.make_detector`, or a detector.
            margin: above -0.5; see ``docs/predict.md`` for how the default was found.
            tta: ``flip`` averages the probabilities of a face and its mirror image.
            threads: on which faces are classified at the same time; as many as usable cores when None.
            trust: also load a model file that carries no checksum of this package.
            threshold: 0..1, instead of the model's own.

        Raises:
            InputError: an option, or a package that is missing.
            RunFolderError: a run that is not finished.
            ModelFileError: a file that is damaged, changed or without class names.
        """
        _check_options(margin, tta, threshold)
        with open_model(model) as path:
            self._run, card = _load(path, threads, trust)
        self.image_size, self.runtime, self.tta, self.margin = self._run.image_size, self._run.runtime, tta, margin
        self.classes, self.run, self.notice = card.classes, card.run, card.notice
        self.threshold = card.threshold if threshold is None else threshold
        self.detector = make_detector(detector) if isinstance(detector, str) else detector
        self._turn = threading.Lock()
        if isinstance(detector, str):
            self.notice = " ".join(filter(None, (self.notice, notice_of(detector))))
        columns = self.classify(np.zeros((1, self.image_size, self.image_size, 1), np.uint8)).shape[1]
        if columns != len(self.classes):
            raise ModelFileError(f"the model has {columns} outputs for {len(self.classes)} class names")

    def classify(self, crops: np.ndarray) -> np.ndarray:
        """Classify ready-made crops.

        Args:
            crops: (n, S, S, 1) uint8, pixels 0..255, S = ``image_size``, n of at least 1.

        Returns:
            (n, classes) float32; rows sum to 1, for a full int8 file within a few 1/256.

        Raises:
            InputError: other shape or dtype.
            ModelFileError: the runtime gives up on the file.
        """
        check_images(crops, self.image_size)
        return self._run.in_shares(self._score, crops)

    def _score(self, crops: np.ndarray) -> np.ndarray:
        probabilities = self._run.predict_batch(crops.astype(np.float32))  # (n, classes)
        if self.tta == "none":
            return probabilities
        mirrored = np.ascontiguousarray(crops[:, :, ::-1], np.float32)
        return (probabilities + self._run.predict_batch(mirrored)) / np.float32(2)

    def crop(self, image: np.ndarray, box: Box | None) -> np.ndarray:
        """Cut one face out, or take the whole picture where ``box`` is None.

        Args:
            image: (H, W) uint8 gray or (H, W, 3) uint8 RGB.
            box: as found, without margin.

        Returns:
            (S, S, 1) uint8.
        """
        size = self.image_size
        face = fit_whole(image, size) if box is None else crop_face(image, box, self.margin, size)  # (S, S)
        return face[..., None]  # (S, S, 1)

    def predict_boxes(self, image: np.ndarray, boxes: Sequence[Box | None]) -> np.ndarray:
        """Classify the faces in given boxes of one picture.

        Args:
            image: (H, W) uint8 gray or (H, W, 3) uint8 RGB.
            boxes: without margin; None is the whole picture, and an empty list gives no rows.

        Returns:
            (n, classes) float32.
        """
        if not boxes:
            return np.zeros((0, len(self.classes)), np.float32)
        return self._run.in_shares(lambda share: self._score(np.stack([self.crop(image, box) for box in share])), boxes)

    def find(self, image: np.ndarray) -> list[Box | None]:
        """Boxes of the faces of one picture; ``[None]``, the whole picture, without a detector."""
        if self.detector is None:
            return [None]
        with contextlib.nullcontext() if is_thread_safe(self.detector) else self._turn:
            return list(self.detector.detect(image))

    def predict(
        self,
        images: Iterable[Path | str | bytes | np.ndarray] | Path | str | bytes | np.ndarray,
        *,
        crops: bool = False,
    ) -> Predictions:
        """Find and classify the faces of pictures, all in one go; see ``batch.predict_files`` for thousands of files.

        Args:
            images: paths, contents of image files, or (H, W) gray or (H, W, 3) RGB uint8 arrays; or one of these.
            crops: every picture is a ready-made crop of one face: no detection, the whole picture is scored.

        Returns:
            A list with one prediction for each face, in the order of the pictures, largest face first; one with
            ``face_found=False`` and without an expression for a picture in which no face was found.

        Raises:
            InputError: no such file, or an array of another shape or type.
            ImageDecodeError: not an image within the limits.
        """
        pictures = [images] if isinstance(images, (str, Path, bytes, np.ndarray)) else list(images)
        files = [str(item) if isinstance(item, (str, Path)) else f"image {at}" for at, item in enumerate(pictures)]
        boxes: list[list[Box | None]] = []
        rows: list[np.ndarray] = []
        for item in pictures:
            pixels = read_picture(item)
            boxes.append([None] if crops else self.find(pixels))
            rows.extend(self.predict_boxes(pixels, boxes[-1]))
        return Predictions(self.assemble(files, boxes, rows), self.classes)

    def assemble(
        self, files: Sequence[str], boxes: Sequence[Sequence[Box | None]], probabilities: Iterable[np.ndarray]
    ) -> list[Prediction]:
        """Put names, boxes and rows of probabilities together, in order.

        Args:
            files: name of each picture.
            boxes: of the faces of each picture; None is the whole picture, no entry is no face.
            probabilities: (classes,) for each entry of ``boxes``.
        """
        rows, predictions = iter(probabilities), []
        for file, found in zip(files, boxes, strict=True):
            if not found:
                predictions.append(Prediction(file))
            predictions += [self.describe(next(rows), file=file, face=face, box=box) for face, box in enumerate(found)]
        return predictions

    def describe(
        self,
        probabilities: np.ndarray,
        *,
        file: str,
        frame: int | None = None,
        timestamp: float | None = None,
        face: int | None = None,
        box: Box | None = None,
    ) -> Prediction:
        """Make the prediction of one face.

        Args:
            probabilities: (classes,).
            file, frame, timestamp, face, box: of the prediction.
        """
        best = int(np.argmax(probabilities))
        confidence = float(probabilities[best])
        uncertain = None if self.threshold is None else confidence < self.threshold
        return Prediction(
            file=file,
            frame=frame,
            timestamp=timestamp,
            face=face,
            face_found=box is not None,
            box=box,
            expression=self.classes[best],
            confidence=confidence,
            uncertain=uncertain,
            probabilities=dict(zip(self.classes, map(float, probabilities), strict=True)),
        )


def _load(path: Path, threads: int | None, trust: bool) -> tuple[ExportedModel, ModelCard]:
    if (path / "recipe.yaml").is_file():
        from .keras_run import load_keras_run

        return load_keras_run(path)
    return load_exported(path, threads=threads, trust=trust), read_card(path)


def _check_options(margin: float, tta: str, threshold: float | None) -> None:
    if not -0.5 < margin <= 2:
        raise InputError("margin out of range", allowed="above -0.5, at most 2", received=margin)
    if tta not in TTA:
        raise InputError("unknown test-time augmentation", allowed=", ".join(TTA), received=repr(tta))
    if threshold is not None and not 0 <= threshold <= 1:
        raise InputError("threshold out of range", allowed="0 to 1", received=threshold)

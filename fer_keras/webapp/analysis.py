"""One uploaded picture: bytes in, faces and what to show of them out. Nothing is kept here."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..errors import FerKerasError
from ..imaging import decode_rgb
from ..inference.boxes import Box
from ..inference.predictor import Predictor
from ..inference.results import CsvWriter, Prediction
from ..reporting.page import png_data_uri
from .settings import FACES_SHOWN, MEBIBYTE, UPLOAD_MB

# Longer side of a preview in pixels: sharp on a phone's screen, a few hundred kilobytes at most.
PREVIEW_SIDE, SMALLEST_SIDE = 1120, 320
_QUALITY = 85


@dataclass(frozen=True)
class Face:
    """One face as the page shows it.

    Attributes:
        number: from 0, as in the CSV file.
        box: as found; None where the whole picture was scored.
        crop: data URI of what the first model saw.
        predictions: one per model, in their order.
    """

    number: int
    box: Box | None
    crop: str
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True)
class PictureResult:
    """What became of one picture.

    Attributes:
        name: of the file.
        error: why it cannot be used, for the visitor; empty where it can.
        size: width and height in pixels of the upright picture; 0 where it cannot be used.
        preview: data URI of the upright picture, reduced, without metadata.
        faces: the largest ones, in the order of size.
        rows: predictions of all faces, one list per model; a picture without a face has one row in each.
    """

    name: str
    error: str = ""
    size: tuple[int, int] = (0, 0)
    preview: str = ""
    faces: tuple[Face, ...] = ()
    rows: tuple[list[Prediction], ...] = ()

    @property
    def without_face(self) -> bool:
        """The picture is sound, and no face was found in it."""
        return not self.error and not self.faces


def analyse_picture(
    content: bytes, name: str, predictors: Sequence[Predictor], *, whole: bool = False
) -> PictureResult:
    """Find the faces of one picture and classify each with every model.

    Args:
        content: of the file, whatever it is.
        name: shown, and written into the rows.
        predictors: at least one; the first one's detector finds the faces for all.
        whole: take the whole picture as one face instead of searching.

    Raises:
        ModelFileError: a model fails. What is wrong with the picture is in its result.
    """
    try:
        pixels = decode_rgb(content, max_bytes=UPLOAD_MB * MEBIBYTE)  # (H, W) or (H, W, 3)
        boxes: list[Box | None] = [None] if whole else predictors[0].find(pixels)
        crops = [[predictor.crop(pixels, box) for box in boxes] for predictor in predictors]
    except MemoryError:
        return PictureResult(name, "the picture needs more memory than this server has left")
    except FerKerasError as error:
        return PictureResult(name, _with_commas(for_visitors(error)))
    rows = tuple(_predict(*pair, name, boxes) for pair in zip(predictors, crops, strict=True))
    faces = tuple(
        Face(at, box, _crop_uri(crops[0][at]), tuple(of_model[at] for of_model in rows))
        for at, box in enumerate(boxes[:FACES_SHOWN])
    )
    return PictureResult(name, "", (pixels.shape[1], pixels.shape[0]), _preview_uri(pixels), faces, rows)


def _predict(predictor: Predictor, crops: list[np.ndarray], name: str, boxes: list[Box | None]) -> list[Prediction]:
    return predictor.assemble([name], [boxes], predictor.classify(np.stack(crops)) if crops else [])


def _with_commas(text: str) -> str:
    return re.sub(r"\d{5,}", lambda number: f"{int(number[0]):,}", text)


def _preview_uri(pixels: np.ndarray) -> str:
    """Reduce a picture, or enlarge one in which nothing could be recognised, and encode it as JPEG.

    Args:
        pixels: (H, W) uint8 gray or (H, W, 3) uint8 RGB.
    """
    picture = Image.fromarray(pixels)
    longest = max(picture.size)
    factor = min(PREVIEW_SIDE / longest, 1.0) if longest >= SMALLEST_SIDE else SMALLEST_SIDE / longest
    if factor != 1:
        size = [max(1, round(side * factor)) for side in picture.size]
        picture = picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def _crop_uri(crop: np.ndarray) -> str:
    stream = io.BytesIO()
    Image.fromarray(crop[..., 0]).save(stream, "PNG")
    return png_data_uri(stream.getvalue())


def for_visitors(error: FerKerasError) -> str:
    """One sentence, without what only somebody at a shell could do."""
    return error.problem.rstrip(".") + (f" (allowed: {error.allowed})" if error.allowed else "")


def to_csv(rows: Sequence[Prediction], classes: Sequence[str]) -> str:
    """The same columns as ``fer-keras predict --csv``."""
    stream = io.StringIO()
    with CsvWriter(stream, classes) as writer:
        writer.write(rows)
    return stream.getvalue()

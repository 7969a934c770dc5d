"""What is said about one face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .boxes import Box


@dataclass(frozen=True, slots=True)
class Prediction:
    """One face of a picture or frame; a picture in which no face was found gives one too.

    Attributes:
        file: path as given, or ``image 0``, ``image 1``, ... for bytes and arrays.
        frame: number of the video frame, from 0; None for pictures.
        timestamp: seconds since the start of the video; None for pictures.
        face: number of the face, from 0: in a picture by size, largest first, in a video one number per track; None
            where there is none.
        face_found: a detector found the face, or the user gave its box. False with an expression: the whole picture
            was scored as it is (``crops``), and nobody looked for a face.
        box: of the face as found, without margin, in pixels of the upright picture; None unless ``face_found``.
        expression: class with the highest probability; None where there is no face.
        confidence: that probability; None where there is no face.
        uncertain: whether the confidence is below the model's threshold; None where no threshold is known or there is
            no face.
        probabilities: by class, in the model's order, sum 1; empty where there is no face.
    """

    file: str
    frame: int | None = None
    timestamp: float | None = None
    face: int | None = None
    face_found: bool = False
    box: Box | None = None
    expression: str | None = None
    confidence: float | None = None
    uncertain: bool | None = None
    probabilities: Mapping[str, float] = field(default_factory=dict)

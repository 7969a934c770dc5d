"""Pictures that the tests compose from synthetic faces, in which Haar finds them."""

import numpy as np
from PIL import Image

from fer_keras.datasets.synthetic.drawing import draw_faces
from fer_keras.inference.boxes import Box

SIDE, AROUND = 160, 60


def compose(places=((100, 80),), size=(640, 480), label=0) -> np.ndarray:
    """(H, W, 3) uint8: a face of 160 pixels at each (left, top), its edges drawn out over 60 pixels more."""
    canvas = Image.new("L", size, 118)
    for number, (left, top) in enumerate(places):
        face = Image.fromarray(draw_faces(np.array([label]), number + 1)[0, ..., 0])
        wide = np.pad(np.asarray(face.resize((SIDE, SIDE), Image.Resampling.BICUBIC)), AROUND, mode="edge")
        canvas.paste(Image.fromarray(wide), (left - AROUND, top - AROUND))
    return np.repeat(np.asarray(canvas)[..., None], 3, axis=-1)  # (H, W, 3)


def box_at(left, top) -> Box:
    """The box of a face in :func:`compose`."""
    return Box(left, top, SIDE, SIDE)


class FixedDetector:
    """Finds the same boxes in every picture."""

    name = "fixed"

    def __init__(self, *boxes):
        self.boxes = list(boxes)

    def detect(self, image):
        return self.boxes

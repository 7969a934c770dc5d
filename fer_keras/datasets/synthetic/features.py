"""The parts of a schematic face, back to front. Each draws one part of every face of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .soft_shapes import bump, ellipse, fill, paint, stroke


@dataclass(frozen=True)
class Faces:
    """A batch of faces being drawn.

    Attributes:
        canvas: (n, 48, 48) float32, gray, 0..1, painted in place.
        x, y: (n, 48, 48) float32 head coordinates in half head heights, y down.
        side: (n, 48, 48) float32, -1 left of the nose and 1 right of it.
        m, v: (n, 48, 48) float32 feature coordinates: distance from the middle line of the features, and y.
        values: quantity name (see ``synthetic_people.RANGES``) to (n, 1, 1) float32.
    """

    canvas: np.ndarray
    x: np.ndarray
    y: np.ndarray
    side: np.ndarray
    m: np.ndarray
    v: np.ndarray
    values: dict[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values[name]

    @property
    def pixels(self) -> np.ndarray:
        return self.values["scale"]

    def paint(self, coverage: np.ndarray, tone: np.ndarray | float) -> None:
        paint(self.canvas, coverage, tone)

    def crease(self, offset: np.ndarray, beyond: np.ndarray, opacity: np.ndarray | float) -> None:
        """A thin line in the skin."""
        self.paint(stroke(offset, 0.03, beyond, self.pixels) * opacity, self["skin_tone"] * 0.5)


def draw_hair_behind(face: Faces) -> None:
    """The hair seen round the head: an ellipse cut off at the length of the hair."""
    width = face["head_width"] + face["hair_volume"]
    outline = ellipse(face.x, face.y + 0.05, width, 1.0 + face["hair_volume"])
    cut = face.y - face["hair_length"]
    long_hair = np.maximum(np.abs(face.x) - width, -face.y)  # falls straight from the ears down
    face.paint(fill(np.maximum(np.minimum(outline, long_hair), cut), face.pixels), face["hair_tone"])


def draw_body(face: Faces) -> None:
    """Neck and shoulders."""
    neck = np.maximum(np.abs(face.x) - face["head_width"] * 0.55, 0.3 - face.y)
    face.paint(fill(neck, face.pixels), face["skin_tone"] * 0.7)
    face.paint(fill(ellipse(face.x, face.y - 1.85, 1.35, 0.65), face.pixels), face["clothes_tone"])


def draw_head(face: Faces) -> None:
    """Ears and the head itself, darker towards its edge as a round thing is."""
    ears = ellipse(np.abs(face.x) - face["head_width"], face.y, face["ear_size"] * 0.7, face["ear_size"] * 1.4)
    face.paint(fill(ears, face.pixels), face["skin_tone"] * 0.85)
    below = np.maximum(face.y, 0.0)
    across = face.x / (face["head_width"] * (1.0 - face["head_taper"] * below * below))
    along = np.where(face.y > 0, face.y / (1.0 + face["jaw"]), face.y)
    square = across * across + along * along
    outline = (np.sqrt(square) - 1.0) * face["head_width"]
    face.paint(fill(outline, face.pixels), face["skin_tone"] * (1.0 - 0.3 * np.minimum(square * square, 1.0)))


def draw_hair_in_front(face: Faces) -> None:
    """The hair on top of the head, down to the hairline."""
    from_parting = face.x - face["hair_parting"]
    below_hairline = face.y - face["hairline"] - face["hairline_curve"] * from_parting * from_parting
    cap = ellipse(face.x, face.y + 0.05, face["head_width"] + 0.03, 1.02)
    face.paint(fill(np.maximum(cap, below_hairline), face.pixels), face["hair_tone"])


def draw_beard(face: Faces) -> None:
    """A shadow over the jaw, before the mouth is drawn over it."""
    opacity = np.maximum(face["beard"], 0.0)
    jaw = ellipse(face.x, face.y - 0.5, face["head_width"] * 0.85, 0.55 + face["jaw"])
    shadow = np.clip((face.v - 0.22) * 4.0, 0.0, 1.0) * fill(jaw, face.pixels * 0.4)
    face.paint(shadow * opacity, face["hair_tone"])


def draw_eyes(face: Faces) -> None:
    """Sockets, whites, irises, lashes and the crease of the upper lid."""
    from_center = face.m - face["eye_x"]
    v = face.v - face["eye_y"]
    face.paint(bump(from_center, v + 0.03, 0.26, 0.2) * face["eye_shadow"], face["skin_tone"] * 0.4)
    s = from_center / face["eye_width"]  # -1 at the inner corner, 1 at the outer
    v = v - face["eye_tilt"] * s
    arch = 1.0 - s * s
    above = v + face["upper_lid"] * arch  # distance below the upper lid
    below = v - face["lower_lid"] * arch
    opening = fill(np.maximum(-above, below), face.pixels)
    face.paint(opening, face["skin_tone"] * 0.35 + 0.6)
    _draw_iris(face, from_center, opening)
    ends = np.abs(from_center) - face["eye_width"] * 1.05
    face.paint(stroke(above, face["lash_thickness"], ends, face.pixels), 0.08)
    face.crease(below, ends, 0.5)
    face.crease(above + face["lid_crease"], ends, 0.45)
    _draw_cheek_lines(face, from_center, v)


def _draw_iris(face: Faces, from_center: np.ndarray, opening: np.ndarray) -> None:
    x = from_center - face["gaze"] * face.side
    y = face.v - face["eye_y"] + 0.01
    disc = fill(ellipse(x, y, face["iris_radius"], face["iris_radius"]), face.pixels)
    face.paint(disc * opening, face["iris_tone"])


def _draw_cheek_lines(face: Faces, from_center: np.ndarray, v: np.ndarray) -> None:
    """The bag under the eye and the crow's foot beside it, as the raised cheek makes them."""
    s = from_center / face["eye_width"]
    bag = v - 0.15 + 0.05 * s * s
    face.crease(bag, np.abs(from_center) - face["eye_width"], face["cheek_lines"])
    out = from_center - face["eye_width"] - 0.09
    face.crease(np.abs(v) - 0.35 * (out + 0.09), np.abs(out) - 0.05, face["cheek_lines"])


def draw_brows(face: Faces) -> None:
    """A brow is the quadratic through its inner, middle and outer landmark."""
    length = face["brow_end"] - face["brow_gap"]
    t = (face.m - face["brow_gap"]) / length
    height = (
        face["brow_inner"] * (1.0 - t) * (1.0 - 2.0 * t)
        + face["brow_middle"] * 4.0 * t * (1.0 - t)
        + face["brow_outer"] * t * (2.0 * t - 1.0)
    )
    thickness = face["brow_thickness"] * (1.25 - 0.6 * t)
    ends = (np.abs(t - 0.5) - 0.5) * length
    tone = face["hair_tone"] + face["brow_lightness"] * (face["skin_tone"] * 0.8 - face["hair_tone"])
    face.paint(stroke(face.v - face["brow_y"] - height, thickness, ends, face.pixels), tone)


def draw_forehead(face: Faces) -> None:
    """Two lines across the forehead and the two upright ones between the brows."""
    ends = face.m - 0.32
    for rise in (0.26, 0.36):
        line = face.v - face["brow_y"] + rise - 0.25 * face.m * face.m
        face.crease(line, ends, face["forehead_lines"] * 0.7)
    beyond = np.abs(face.v - face["brow_y"] - 0.06) - 0.11
    face.crease(face.m - 0.055, beyond, face["glabella_lines"])


def draw_nose(face: Faces) -> None:
    """Shaded side, nostrils, wings and the wrinkles over the bridge."""
    length, width = face["nose_length"], face["nose_width"]
    shaded = np.where(face.side * face["light_x"] < 0, np.float32(0.35), np.float32(0.08))
    bridge = face.m - 0.045 - 0.25 * np.maximum(face.v, 0.0) * width * 4.0
    face.crease(bridge, np.abs(face.v - length * 0.5 + 0.1) - length * 0.5 - 0.06, shaded)
    nostrils = ellipse(face.m - width * 0.55, face.v - length, width * 0.38, 0.03)
    face.paint(fill(nostrils, face.pixels) * 0.8, face["skin_tone"] * 0.3)
    wings = np.abs(ellipse(face.m - width * 0.7, face.v - length + 0.03, width * 0.5, 0.07))
    face.crease(wings, width * 0.8 - face.m, 0.45)
    for height in (0.02, 0.09):
        wrinkle = face.v - height + 0.5 * face.m
        face.crease(wrinkle, np.abs(face.m - 0.06) - 0.06, face["nose_wrinkles"])


def draw_furrows(face: Faces) -> None:
    """The nasolabial furrows, from the wings of the nose to beside the corners of the mouth."""
    top, bottom = face["nose_length"] - 0.05, face["mouth_y"] + face["mouth_corner"] * 0.5
    t = (face.v - top) / (bottom - top)
    start = face["nose_width"] + 0.05
    course = start + (face["mouth_width"] + 0.07 - start) * t * (1.6 - 0.6 * t)
    face.crease((face.m - course) * 0.8, (np.abs(t - 0.5) - 0.5) * (bottom - top), face["furrows"])


def draw_mouth(face: Faces) -> None:
    """Lips round an opening: dark inside, with the upper teeth where it is wide enough."""
    s = face.m / face["mouth_width"]
    arch = 1.0 - s * s
    v = face.v - face["mouth_y"] - face["mouth_corner"] * (s * s - 0.35)
    oval = np.sqrt(np.maximum(arch, 0.0))
    upper, lower = face["upper_lip"] * oval, face["lower_lip"] * oval  # edges of the opening
    thickness = np.maximum(face["lip_thickness"], 0.01) * arch
    beyond = (np.abs(s) - 1.0) * face["mouth_width"]
    lips = np.maximum(np.maximum(upper - thickness * 0.8 - v, v - lower - thickness), beyond)
    face.paint(fill(lips, face.pixels), face["skin_tone"] * (1.0 - face["lip_darkness"]))
    inside = fill(np.maximum(np.maximum(upper - v, v - lower) - 0.012, beyond), face.pixels)
    face.paint(inside, face["skin_tone"] * 0.18)
    wide = np.clip((face["lower_lip"] - face["upper_lip"]) * 12.0 - 0.5, 0.0, 1.0)
    teeth = fill(np.maximum(np.maximum(upper + 0.005 - v, v - upper - 0.06), beyond + 0.05), face.pixels)
    face.paint(teeth * wide * 0.85, 0.85)
    chin = face.v - face["mouth_y"] - face["lower_lip"] - 0.2 + 2.0 * face.m * face.m
    face.crease(chin, face.m - 0.12, 0.3)


def draw_glasses(face: Faces) -> None:
    """Two rims and a bridge, on the faces that wear them."""
    worn = (face["glasses"] > 0).astype(np.float32)
    radius = face["glasses_radius"]
    y = face.v - face["eye_y"]
    rims = ellipse(face.m - face["eye_x"], y - 0.02, radius, radius * 0.85)
    bridge = np.maximum(np.abs(y + 0.03) - 0.02, face.m - face["eye_x"] + radius)
    rim = fill(np.abs(rims) - 0.022, face.pixels)
    face.paint(np.maximum(rim, fill(bridge, face.pixels)) * worn, 0.1)


# Painter's order: each part covers the ones before it.
PARTS = (
    draw_hair_behind,
    draw_body,
    draw_head,
    draw_beard,
    draw_forehead,
    draw_hair_in_front,
    draw_nose,
    draw_furrows,
    draw_eyes,
    draw_mouth,
    draw_brows,
    draw_glasses,
)

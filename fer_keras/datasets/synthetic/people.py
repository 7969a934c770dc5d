"""The people of the synthetic data set: who they are, how they hold the head, how they are lit. No emotion here.

Every quantity is uniform in a literal range and drawn without looking at the label, so nothing in these tables can
give a class away.
"""

from __future__ import annotations

import numpy as np

from .action_units import ACTION_UNITS, expression_displacements

# Lengths in half head heights, origin at the middle of the head, y down. Tones 0 (black) to 1 (white).
PERSON: dict[str, tuple[float, float]] = {
    "head_width": (0.66, 0.82),
    "head_taper": (0.04, 0.26),  # how much narrower the chin is
    "jaw": (-0.03, 0.03),  # chin below 1.0
    "skin_tone": (0.45, 0.9),
    "ear_size": (0.10, 0.16),
    # hair
    "hair_tone": (0.04, 0.62),
    "hair_volume": (0.03, 0.20),
    "hair_length": (-0.3, 1.3),  # y where the hair beside the head ends
    "hairline": (-0.78, -0.58),
    "hair_parting": (-0.35, 0.35),
    "hairline_curve": (-0.3, 0.7),
    "beard": (-1.6, 0.45),  # opacity; below 0 is none
    # brows: inner, middle and outer are heights over brow_y
    "brow_y": (-0.40, -0.32),
    "brow_inner": (-0.02, 0.03),
    "brow_middle": (-0.07, -0.02),
    "brow_outer": (-0.02, 0.04),
    "brow_gap": (0.13, 0.18),
    "brow_end": (0.55, 0.64),
    "brow_thickness": (0.025, 0.055),
    "brow_lightness": (0.0, 0.5),  # share of the way from hair tone to skin tone
    "forehead_lines": (0.0, 0.25),
    "glabella_lines": (0.0, 0.25),
    # eyes: lids are distances from the line through the eye corners
    "eye_x": (0.31, 0.39),
    "eye_y": (-0.13, -0.06),
    "eye_width": (0.155, 0.195),
    "eye_tilt": (-0.03, 0.02),
    "upper_lid": (0.065, 0.09),
    "lower_lid": (0.045, 0.065),
    "lid_crease": (0.05, 0.07),
    "lash_thickness": (0.02, 0.045),
    "iris_radius": (0.065, 0.08),
    "iris_tone": (0.04, 0.35),
    "gaze": (-0.04, 0.04),
    "eye_shadow": (0.0, 0.3),
    "cheek_lines": (0.0, 0.25),
    "glasses": (-1.0, 0.18),  # worn when above 0
    "glasses_radius": (0.19, 0.25),
    # nose
    "nose_length": (0.17, 0.27),
    "nose_width": (0.09, 0.14),
    "nose_wrinkles": (0.0, 0.1),
    "furrows": (0.0, 0.35),  # nasolabial
    # mouth
    "mouth_y": (0.47, 0.55),
    "mouth_width": (0.26, 0.33),
    "mouth_corner": (-0.035, 0.02),
    "lip_thickness": (0.06, 0.11),
    "upper_lip": (0.0, 0.0),
    "lower_lip": (0.0, 0.012),
    "lip_darkness": (0.14, 0.42),
}

POSE: dict[str, tuple[float, float]] = {
    "roll": (-0.10, 0.10),  # tangent of half the angle: 11 degrees either way
    "scale": (18.5, 22.5),  # half head height in pixels
    "shift_x": (-2.5, 2.5),  # pixels
    "shift_y": (-2.5, 2.5),
    "yaw": (-0.11, 0.11),  # shift of the features across the head
    "pitch": (-0.07, 0.05),
}

LIGHT: dict[str, tuple[float, float]] = {
    "background_tone": (0.05, 0.95),
    "background_slope": (-0.25, 0.25),
    "clothes_tone": (0.05, 0.9),
    "light_x": (-0.3, 0.3),  # change of brightness from the middle to the edge of the image
    "light_y": (-0.2, 0.2),
    "contrast": (0.7, 1.1),
    "brightness": (-0.10, 0.12),
    "blur": (0.0, 0.22),  # weight of each neighbour in a three-tap filter
    "noise": (0.005, 0.035),  # standard deviation
}

# How strongly a face shows its emotion, and how strongly each unit takes part.
EXPRESSION_INTENSITY = (0.5, 1.1)
UNIT_INTENSITY = (0.7, 1.2)

RANGES = {**PERSON, **POSE, **LIGHT}


def sample_faces(labels: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw the quantities of every face and displace its landmarks by its emotion's action units.

    A face takes one row of one uniform matrix, so the first faces stay the same when more are asked for.

    Args:
        labels: (n,) integer index into ``emotions.FER7``.
        rng: advanced by n * (quantities + units + 1) numbers, whatever the labels.

    Returns:
        Name to (n,) float64, with the names of ``RANGES``.
    """
    uniform = rng.random((len(labels), len(RANGES) + 1 + len(ACTION_UNITS)))
    faces = {name: _between(uniform[:, i], RANGES[name]) for i, name in enumerate(RANGES)}
    overall = _between(uniform[:, len(RANGES)], EXPRESSION_INTENSITY)  # (n,)
    units = _between(uniform[:, len(RANGES) + 1 :], UNIT_INTENSITY)  # (n, units)
    for name, displacement in expression_displacements(labels, overall[:, None] * units).items():
        faces[name] = faces[name] + displacement
    return faces


def _between(uniform: np.ndarray, bounds: tuple[float, float]) -> np.ndarray:
    return bounds[0] + uniform * (bounds[1] - bounds[0])

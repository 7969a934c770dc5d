"""Facial action units as displacements of named landmarks, and the emotions as sets of action units.

The action units are those of the Facial Action Coding System (Ekman & Friesen 1978); the sets of units per emotion
are the prototypes of EMFACS (Friesen & Ekman 1983). An emotion changes a drawn face through these two tables only.
"""

from __future__ import annotations

import numpy as np

from ...emotions import FER7

# Unit number -> displacement at full intensity of the landmarks and marks named in ``synthetic_people.PERSON``.
# Lengths are in half head heights, y points down; marks (lines in the skin) are opacities.
ACTION_UNITS: dict[int, dict[str, float]] = {
    # inner brow raiser
    1: {"brow_inner": -0.20, "brow_middle": -0.09, "forehead_lines": 0.35},
    # outer brow raiser
    2: {"brow_outer": -0.14, "brow_middle": -0.14, "forehead_lines": 0.35},
    # brow lowerer: down and together
    4: {"brow_inner": 0.13, "brow_middle": 0.10, "brow_outer": 0.02, "brow_gap": -0.05, "glabella_lines": 0.8},
    # upper lid raiser
    5: {"upper_lid": 0.08, "lid_crease": -0.03},
    # cheek raiser: lower lid up, lines beside and below the eye
    6: {"lower_lid": -0.045, "upper_lid": -0.01, "cheek_lines": 0.8},
    # lid tightener: both lids close in
    7: {"lower_lid": -0.03, "upper_lid": -0.03},
    # nose wrinkler
    9: {"nose_wrinkles": 0.9, "nose_length": -0.03, "upper_lip": -0.06, "furrows": 0.5, "brow_inner": 0.06},
    # lip corner puller
    12: {"mouth_corner": -0.17, "mouth_width": 0.10, "furrows": 0.7},
    # lip corner depressor
    15: {"mouth_corner": 0.12, "mouth_width": 0.01},
    # lower lip depressor
    16: {"lower_lip": 0.09},
    # lip stretcher
    20: {"mouth_width": 0.15, "mouth_corner": 0.07, "lip_thickness": -0.015},
    # lip tightener
    23: {"lip_thickness": -0.045, "mouth_width": -0.06},
    # lips part
    25: {"upper_lip": -0.02, "lower_lip": 0.05},
    # jaw drop
    26: {"jaw": 0.14, "upper_lip": -0.05, "lower_lip": 0.20, "mouth_width": -0.07, "mouth_corner": 0.05},
}

# EMFACS prototypes. Neutral is the face at rest.
EMOTION_ACTION_UNITS: dict[str, tuple[int, ...]] = {
    "angry": (4, 5, 7, 23),
    "disgust": (9, 15, 16),
    "fear": (1, 2, 4, 5, 20, 26),
    "happy": (6, 12),
    "sad": (1, 4, 15),
    "surprise": (1, 2, 5, 26),
    "neutral": (),
}


def expression_displacements(labels: np.ndarray, intensities: np.ndarray) -> dict[str, np.ndarray]:
    """Sum the displacements of the action units of each face's emotion.

    Args:
        labels: (n,) integer index into ``emotions.FER7``.
        intensities: (n, len(ACTION_UNITS)) float, in table order; 1 is full intensity. The column of a unit that the
            emotion of a face does not use has no effect on that face.

    Returns:
        Landmark name to (n,) float64 displacement, for every landmark that any unit moves.
    """
    moved = {name: np.zeros(len(labels)) for unit in ACTION_UNITS.values() for name in unit}
    for column, (number, unit) in enumerate(ACTION_UNITS.items()):
        active = np.array([number in EMOTION_ACTION_UNITS[emotion] for emotion in FER7])[labels]  # (n,)
        for name, displacement in unit.items():
            moved[name] += active * intensities[:, column] * displacement
    return moved

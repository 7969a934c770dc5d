"""Emotions reach the drawing through the table of action units, and through nothing else."""

import numpy as np
import pytest

from fer_keras.datasets.synthetic.action_units import ACTION_UNITS, EMOTION_ACTION_UNITS, expression_displacements
from fer_keras.datasets.synthetic.people import LIGHT, PERSON, POSE, RANGES, sample_faces
from fer_keras.emotions import FER7


def sample(emotion, n=50, seed=3):
    return sample_faces(np.full(n, FER7.index(emotion)), np.random.default_rng(seed))


def test_every_emotion_has_its_own_set_of_known_units():
    assert set(EMOTION_ACTION_UNITS) == set(FER7)
    assert len({frozenset(units) for units in EMOTION_ACTION_UNITS.values()}) == len(FER7)
    assert all(unit in ACTION_UNITS for units in EMOTION_ACTION_UNITS.values() for unit in units)


def test_units_displace_only_quantities_of_the_face_itself():
    moved = {name for unit in ACTION_UNITS.values() for name in unit}
    assert moved <= set(PERSON)
    assert not set(PERSON) & set(POSE) | set(PERSON) & set(LIGHT) | set(POSE) & set(LIGHT)


def test_neutral_has_no_unit_and_no_displacement():
    assert EMOTION_ACTION_UNITS["neutral"] == ()
    labels = np.full(4, FER7.index("neutral"))
    moved = expression_displacements(labels, np.ones((4, len(ACTION_UNITS))))
    assert all((displacement == 0).all() for displacement in moved.values())


def test_displacement_is_the_sum_over_the_units_of_the_emotion():
    moved = expression_displacements(np.array([FER7.index("sad")]), np.full((1, len(ACTION_UNITS)), 0.5))
    expected = 0.5 * (ACTION_UNITS[1]["brow_inner"] + ACTION_UNITS[4]["brow_inner"])
    assert moved["brow_inner"][0] == pytest.approx(expected)
    assert moved["mouth_corner"][0] == pytest.approx(0.5 * ACTION_UNITS[15]["mouth_corner"])
    assert moved["jaw"][0] == 0


@pytest.mark.parametrize("emotion", FER7)
def test_an_emotion_changes_exactly_what_its_units_name(emotion):
    neutral, shown = sample("neutral"), sample(emotion)
    changed = {name for name in RANGES if (neutral[name] != shown[name]).any()}
    assert changed == {name for unit in EMOTION_ACTION_UNITS[emotion] for name in ACTION_UNITS[unit]}


def test_people_stay_in_their_ranges_and_differ():
    faces = sample("neutral", n=500)
    assert set(faces) == set(RANGES)
    for name, (low, high) in RANGES.items():
        assert faces[name].min() >= low, name
        assert faces[name].max() <= high, name
        assert high == low or len(np.unique(faces[name])) > 400, name

"""Faces of one person or sequence stay in one split."""

import numpy as np
import pytest

from fer_keras.datasets.sources.folder_tree import TreeFile
from fer_keras.datasets.sources.groups import find_groups
from fer_keras.datasets.sources.splits import cut_splits
from fer_keras.errors import InputError


def files(*names):
    return [TreeFile(name, "", 0) for name in names]


@pytest.mark.parametrize(
    ("names", "keys"),
    [
        (
            ("happy/S005_001_00000011.png", "sad/S005_002_00000009.png", "sad/S010_001_00000001.png"),
            ("S005", "S005", "S010"),
        ),
        (("x/AF01ANS.JPG", "x/BF01HAS.JPG", "x/AM02SAHL.JPG"), ("F01", "F01", "M02")),
        (("x/KA.AN1.39.tiff", "x/KA.HA1.29.tiff", "x/MK.SA2.9.tiff"), ("KA", "KA", "MK")),
        (
            ("x/Rafd090_01_C_f_angry_f.jpg", "x/Rafd045_01_C_f_sad_f.jpg", "x/Rafd090_02_C_m_sad_f.jpg"),
            ("01", "01", "02"),
        ),
        (("x/subject_3_a.png", "x/subject_3_b.png", "x/subject_4_a.png"), ("subject_3", "subject_3", "subject_4")),
        (("x/talk_frame_001.png", "x/talk_frame_002.png", "x/walk_frame_1.png"), ("talk", "talk", "walk")),
        (("x/1.png", "x/2.png", "y/1.png"), ("", "", "")),
        (("x/S005_001_00000011.png", "x/S006_001_00000011.png"), ("", "")),  # nobody twice
        (("x/S005_001_00000011.png", "x/other.png", "x/S005_001_00000012.png"), ("", "", "")),  # not all
    ],
)
def test_names_as_public_data_sets_have_them(names, keys):
    groups = find_groups(files(*names), None)
    assert groups.keys == keys
    assert ("stay together" in groups.notice) is any(keys)


def test_a_pattern_of_the_users_own():
    groups = find_groups(files("x/anna-1.png", "y/anna-2.png", "y/bob-1.png", "y/noise.png"), r"/([a-z]+)-\d")
    assert groups.keys == ("anna", "anna", "bob", "")
    assert "1 pictures have none" in groups.notice
    with pytest.raises(InputError, match="no regular expression"):
        find_groups(files("a"), "(")
    with pytest.raises(InputError, match="found in no path"):
        find_groups(files("a/b.png"), "person")


def cut(labels, groups, images=None, given=(), seed=0):
    digests = images or [str(i).encode() for i in range(len(labels))]
    return cut_splits(np.asarray(labels), digests, given, fractions=(0.8, 0.1, 0.1), seed=seed, groups=groups)


def test_no_group_is_in_two_splits_and_shares_are_met():
    random = np.random.default_rng(0)
    persons, labels = random.integers(0, 60, 1200), random.integers(0, 7, 1200)
    split = cut(labels, [f"S{person}" for person in persons])
    for person in range(60):
        assert len(set(split[persons == person])) <= 1
    assert [0.05 < (split == held).mean() < 0.15 for held in (1, 2)] == [True, True]
    assert all((split[labels == label] == held).any() for label in range(7) for held in range(3))
    assert (split == cut(labels, [f"S{person}" for person in persons])).all()
    assert (split != cut(labels, [f"S{person}" for person in persons], seed=1)).any()


def test_copies_join_groups():
    images = [str(i).encode() for i in range(40)]
    images[39] = images[0]  # persons 0 and 9 share a picture
    groups = [f"p{i // 4}" for i in range(40)]
    for seed in range(10):
        split = cut([i % 2 for i in range(40)], groups, images, seed=seed)
        assert len({*split[:4], *split[36:]}) == 1


def test_a_class_of_one_person_stays_in_train():
    labels = [0] * 40 + [1] * 4
    split = cut(labels, [f"p{i // 4}" for i in range(44)])
    assert set(split[40:]) == {0}

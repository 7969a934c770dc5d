import numpy as np
import own_faces
import pytest

from fer_keras.emotions import FER7


def test_faces_are_drawn_once_under_names_that_nothing_knows(tiny_dataset):
    dataset = own_faces.draw(tiny_dataset.splits["train"], FER7, 2, seed=0, test_faces=1)
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 10, "validation": 10, "test": 5}
    assert len({identity for split in dataset.splits.values() for identity in split.ids}) == 25
    assert not set(dataset.classes) & set(FER7)
    assert np.bincount(dataset.splits["train"].labels).tolist() == [2] * 5
    assert own_faces.draw(tiny_dataset.splits["train"], FER7, 2, seed=1, test_faces=1).sha256 != dataset.sha256


def test_copies_of_training_faces_are_left_out(tiny_dataset):
    from dataclasses import replace

    split = tiny_dataset.splits["test"]
    images = np.concatenate([tiny_dataset.splits["train"].images[:3], split.images[3:]])
    splits = tiny_dataset.splits | {"test": replace(split, images=images)}
    assert len(own_faces.unlearned(replace(tiny_dataset, splits=splits, sha256="other"))) == 14 + 11


@pytest.mark.parametrize("arm", ["scratch", "from"])
def test_an_arm_is_trained_and_scored(arm, tiny_dataset, tmp_path, capsys):
    dataset = own_faces.draw(tiny_dataset.splits["train"], FER7, 2, seed=0, test_faces=1)
    row = own_faces.measure(own_faces.arm_recipe(arm, 0, 1), dataset, tmp_path / arm)
    assert 0 <= row["accuracy"] <= 1
    own_faces.print_table([{"arm": arm, "faces": 2, "seed": 0, **row}])
    assert f"| 2 | {arm} | 1 |" in capsys.readouterr().out

"""Exact groups, and which rows leak."""

from dataclasses import replace

import numpy as np
import pytest

from fer_keras.datasets.copies import duplicates
from fer_keras.datasets.copies.duplicates import exact_copies, exact_groups, find_duplicates, leaking_rows, near_copies
from fer_keras.datasets.faces import FaceDataset, Split, fingerprint
from fer_keras.datasets.labels.label_sets import select_classes
from fer_keras.emotions import FER7


def make_split(images, labels):
    return Split(images, np.array(labels, np.int64), np.array([f"row {i}" for i in range(len(labels))]))


@pytest.fixture(scope="module")
def dataset(pictures):
    """Known copies: validation 0 = train 0, test 1 = validation 5, test 2 near train 3, train 7 = train 8."""
    train, validation, test = pictures(300, 1), pictures(20, 2), pictures(20, 3)
    validation[0] = train[0]
    test[1] = validation[5]
    test[2] = np.clip(train[3, :, ::-1].astype(int) + 9, 0, 255)
    train[8] = train[7]
    labels = [0] * 20
    splits = {
        "train": make_split(train, [0] * 8 + [1] + [0] * 291),
        "validation": make_split(validation, [2, *labels[1:]]),
        "test": make_split(test, labels),
    }
    return FaceDataset("made", FER7, splits, "nowhere", "")


def test_exact_groups_carry_the_first_number(pictures):
    images = pictures(5, 0)
    images[3] = images[1]
    assert exact_groups(images).tolist() == [0, 1, 2, 1, 4]
    assert exact_groups(images, images[4:]).tolist() == [0, 1, 2, 1, 4, 4]


def test_one_changed_pixel_is_no_exact_copy(pictures):
    images = pictures(6, 0)
    changed = images.copy()
    changed[2, 47, 47, 0] ^= 1
    assert exact_copies(changed, images).tolist() == [True, True, False, True, True, True]
    assert near_copies(changed, images).all()


def test_what_is_where(dataset):
    found = find_duplicates(dataset)
    assert found.distinct == 340 - 3
    assert len(found.repeated()) == 3
    assert [found.members(group) for group in found.repeated()] == [
        [("train", 0), ("validation", 0)],
        [("train", 7), ("train", 8)],
        [("validation", 5), ("test", 1)],
    ]
    assert found.conflicting().tolist() == [0, 7]
    assert found.conflicting(without="validation").tolist() == [7]
    near = found.near_copy_in("train") & found.in_split("test")
    assert found.row[near].tolist() == [2]
    assert (found.near_copy_in("train", mirrored=True) & found.in_split("test")).sum() == 1
    assert not (found.near_copy_in("validation") & found.in_split("test")).any()


def test_near_copies_can_be_left_out(dataset):
    assert len(find_duplicates(dataset, near=False).near) == 0


def test_leaking_rows(dataset):
    def rows(*arguments, **options):
        return np.flatnonzero(leaking_rows(dataset, *arguments, **options)).tolist()

    assert rows("validation") == [0]
    assert rows("test") == [2]
    assert rows("test", near=False) == []
    assert rows("test", reference="validation") == [1]
    assert rows("train", reference="test") == [3]


def test_large_images_are_compared_small(dataset):
    def enlarge(split):
        return replace(split, images=split.images.repeat(3, axis=1).repeat(3, axis=2))

    found = find_duplicates(replace(dataset, splits={name: enlarge(s) for name, s in dataset.splits.items()}))
    assert found.distinct == 340 - 3
    assert found.row[found.near_copy_in("train") & found.in_split("test")].tolist() == [2]


def test_an_empty_split(dataset):
    splits = {**dataset.splits, "test": dataset.splits["test"].take(np.zeros(20, bool))}
    empty = replace(dataset, splits=splits)
    assert find_duplicates(empty).distinct == 320 - 2
    assert leaking_rows(empty, "test").shape == (0,)


@pytest.fixture
def searches(monkeypatch):
    """The data sets that were searched; nothing is remembered from before."""
    searched, original = [], duplicates.search_copies
    monkeypatch.setattr(duplicates, "_searched", {})
    monkeypatch.setattr(
        duplicates, "search_copies", lambda dataset, **kw: searched.append(dataset) or original(dataset, **kw)
    )
    return searched


def as_lists(found):
    near = found.near
    return [values.tolist() for values in (found.group, near.first, near.second, near.correlation, near.mirrored)]


def test_one_search_a_process_whatever_the_faces_are_called(dataset, searches):
    found = find_duplicates(dataset)
    renamed = {name: replace(split, labels=split.labels * 0 + 3) for name, split in dataset.splits.items()}
    again = find_duplicates(replace(dataset, name="other", splits=renamed))
    assert len(searches) == 1
    assert as_lists(again) == as_lists(found)
    assert (again.label == 3).all()


def test_other_pixels_are_searched_again_whatever_the_sha256_says(dataset, searches, pictures):
    find_duplicates(dataset)
    test = replace(dataset.splits["test"], images=pictures(20, 8))
    assert find_duplicates(replace(dataset, splits={**dataset.splits, "test": test})).distinct == 340 - 2
    assert len(searches) == 2


def test_the_result_is_kept_beside_the_prepared_copy(dataset, searches, tmp_path, monkeypatch):
    kept = replace(dataset, folder=tmp_path)
    found = find_duplicates(kept)
    monkeypatch.setattr(duplicates, "_searched", {})  # another process
    assert as_lists(find_duplicates(kept)) == as_lists(found)
    assert len(searches) == 1
    assert [path.name for path in tmp_path.iterdir()] == [duplicates.FILE]


DAMAGE = {
    "missing": lambda file: file.unlink(),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-100]),
    "flipped bits": lambda file: file.write_bytes(
        bytes(b ^ 255 if i % 50 == 0 else b for i, b in enumerate(file.read_bytes()))
    ),
    "no archive": lambda file: file.write_text("{}"),
    "another version": lambda file: rewrite(file, version=duplicates.SEARCH_VERSION + 1),
    "other faces": lambda file: rewrite(file, pixels_sha256="0" * 64),
    "something missing": lambda file: rewrite(file, without="first"),
}


def rewrite(file, without="", **changes):
    arrays = {**np.load(file), **changes}
    arrays.pop(without, None)
    np.savez(file, **arrays)


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_what_cannot_be_used_is_made_again(dataset, searches, tmp_path, monkeypatch, damage):
    kept = replace(dataset, folder=tmp_path)
    found = find_duplicates(kept)
    damage(tmp_path / duplicates.FILE)
    for _ in range(2):
        monkeypatch.setattr(duplicates, "_searched", {})
        assert as_lists(find_duplicates(kept)) == as_lists(found)
    assert len(searches) == 2


def test_a_cache_that_cannot_be_written_costs_time_only(dataset, searches, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    found = find_duplicates(replace(dataset, folder=tmp_path / "file"))
    assert found.distinct == 340 - 3
    assert "not kept" in caplog.text


def slices(dataset, rows):
    splits = {name: split.take(np.asarray(rows(len(split)))) for name, split in dataset.splits.items()}
    return replace(dataset, splits=splits, sha256=fingerprint(splits, FER7), origin=dataset)


PARTS = {
    "the first": lambda n: np.arange(min(n, 15)),
    "in another order": lambda n: np.random.default_rng(n).permutation(n),
    "every other": lambda n: np.arange(0, n, 2),
}


@pytest.mark.parametrize("rows", PARTS.values(), ids=PARTS.keys())
def test_a_part_takes_its_copies_from_the_whole(dataset, searches, rows):
    part = slices(dataset, rows)
    found = find_duplicates(part)
    assert [searched.origin for searched in searches] == [None]
    alone = duplicates.search_copies(replace(part, origin=None))
    assert as_lists(found)[0] == as_lists(alone)[0]
    assert set(zip(*as_lists(found)[1:3], strict=True)) == set(zip(*as_lists(alone)[1:3], strict=True))
    assert (found.split.tolist(), found.row.tolist()) == (alone.split.tolist(), alone.row.tolist())


def test_a_part_of_a_part_and_other_classes(dataset, searches):
    """Test row 2 is a near copy of train row 3; train row 8 has another label than its copy, train row 7."""
    labels = np.arange(300) % 7
    train = replace(dataset.splits["train"], labels=labels)
    whole = replace(dataset, splits={**dataset.splits, "train": train})
    chosen = select_classes(slices(whole, PARTS["the first"]), ["angry", "happy", "fear"])
    assert np.flatnonzero(leaking_rows(chosen, "test")).tolist() == [2]
    assert np.flatnonzero(leaking_rows(chosen, "train", reference="test")).tolist() == [2]  # of 0, 2, 3, 7, ...
    assert len(searches) == 1


def test_faces_that_cannot_be_traced_are_searched(dataset, searches, pictures):
    other = replace(dataset, origin=dataset, splits={**dataset.splits, "test": make_split(pictures(20, 8), [0] * 20)})
    assert not leaking_rows(other, "test").any()
    assert searches == [other]
    nameless = {name: replace(split, ids=np.full(len(split), "?")) for name, split in dataset.splits.items()}
    copied = {name: replace(split, images=split.images.copy()) for name, split in nameless.items()}
    again = replace(dataset, splits=copied, origin=replace(dataset, splits=nameless))
    assert np.flatnonzero(leaking_rows(again, "test")).tolist() == [2]
    assert len(searches) == 2

"""Near copies are found whatever was done to them, and other pictures are not."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from scipy.fft import dctn, idctn

from fer_keras.datasets.copies.candidates import find_candidates
from fer_keras.datasets.copies.correlation import correlate
from fer_keras.datasets.copies.near_copies import CANDIDATE_SIMILARITY, near_pairs, search_pairs
from fer_keras.datasets.copies.perceptual_hash import HASH_LENGTH, PHOTOGRAPHS, low_frequencies, mirror
from fer_keras.datasets.copies.pictures import Pictures
from fer_keras.datasets.synthetic.drawing import draw_faces

COPIES = 40


def each(images, change):
    return np.stack([np.asarray(change(Image.fromarray(image))) for image in images[..., 0]])[..., None]


def as_jpeg(image):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=40)
    return Image.open(buffer)


def turned(images, angle):
    return ndimage.rotate(images, angle, axes=(2, 1), reshape=False, order=1, mode="nearest")


CHANGES = {
    "jpeg": lambda x: each(x, as_jpeg),
    "rescaled 44": lambda x: each(x, lambda image: image.resize((44, 44)).resize((48, 48))),
    "rescaled 24": lambda x: each(x, lambda image: image.resize((24, 24)).resize((48, 48))),
    "shifted": lambda x: ndimage.shift(x, (0, 1, -2, 0), order=0, mode="nearest"),
    "brighter": lambda x: np.clip(x * 1.1 + 12, 0, 255).astype(np.uint8),
    "gamma": lambda x: (255 * (x / 255.0) ** 0.7).astype(np.uint8),
    "noisy": lambda x: np.clip(x + np.random.default_rng(0).normal(0, 8, x.shape), 0, 255).astype(np.uint8),
    "turned by 3 degrees": lambda x: turned(x, 3),
    "mirrored": lambda x: x[:, :, ::-1],
    "mirrored and rescaled": lambda x: each(x[:, :, ::-1], lambda image: image.resize((40, 40)).resize((48, 48))),
}


@pytest.fixture(scope="module")
def some(pictures):
    return pictures(400, 0)


@pytest.mark.parametrize("name", CHANGES)
def test_changed_copies_are_found(some, name):
    pairs = near_pairs(CHANGES[name](some[:COPIES]), some)
    assert pairs.first.tolist() == pairs.second.tolist() == list(range(COPIES))
    assert pairs.mirrored.all() == ("mirrored" in name)


def test_pictures_that_are_no_copies_are_not_found(some):
    assert len(near_pairs(some)) == 0


def test_the_same_layout_with_other_details_is_no_copy(some, pictures):
    """As two people before the same background: the hash is alike, the correlation has to tell them apart."""
    layout, other = (
        dctn(x[:COPIES, ..., 0].astype(float), axes=(1, 2), norm="ortho") for x in (some, pictures(COPIES, 9))
    )
    other[:, :8, :8] = layout[:, :8, :8]
    images = np.clip(idctn(other, axes=(1, 2), norm="ortho"), 0, 255).astype(np.uint8)[..., None]
    similarity = (low_frequencies(images) * low_frequencies(some[:COPIES])).sum(axis=1)
    assert (similarity > CANDIDATE_SIMILARITY).all()
    assert len(near_pairs(images, some)) < COPIES / 8


def test_drawn_faces_that_look_alike_are_no_copies():
    assert len(near_pairs(draw_faces(np.arange(700) % 7, 3))) == 0


def test_pairs_within_a_set_come_once(some):
    images = np.concatenate([some[:100], some[10:20], some[50:52, :, ::-1]])
    pairs = near_pairs(images)
    expected = [(i, i + 90, False) for i in range(10, 20)] + [(50, 110, True), (51, 111, True)]
    assert list(zip(pairs.first, pairs.second, pairs.mirrored, strict=True)) == expected
    assert pairs.correlation == pytest.approx(1, abs=1e-4)


def test_blocks_do_not_matter(some, monkeypatch):
    images = np.concatenate([some, CHANGES["rescaled 44"](some[:COPIES])])
    whole = near_pairs(images)
    monkeypatch.setattr("fer_keras.datasets.copies.candidates._BLOCK", 3700)
    monkeypatch.setattr("fer_keras.datasets.copies.correlation._PAIR_BLOCK", 11)
    parts = near_pairs(images)
    assert len(whole) == COPIES
    assert (parts.first.tolist(), parts.second.tolist()) == (whole.first.tolist(), whole.second.tolist())
    np.testing.assert_allclose(parts.correlation, whole.correlation, atol=1e-5)


def test_few_images_larger_images_and_none(pictures):
    two = pictures(2, 3)
    both = near_pairs(np.concatenate([two, CHANGES["rescaled 44"](two[:1])]))
    assert (both.first.tolist(), both.second.tolist()) == ([0], [2])
    large = each(two, lambda image: image.resize((112, 112)))
    shifted = np.roll(large, 3, axis=1)
    assert near_pairs(shifted, large).second.tolist() == [0, 1]
    assert len(near_pairs(two[:0])) == len(near_pairs(two, two[:0])) == len(near_pairs(two[:1])) == 0


def test_flat_images_are_copies_of_nothing(some):
    flat = np.full((3, 48, 48, 1), 7, np.uint8)
    assert len(near_pairs(np.concatenate([some[:300], flat]))) == 0


def test_a_picture_that_is_there_many_times_is_bounded(some):
    many = np.repeat(some[:1], 120, axis=0)
    pairs = near_pairs(np.concatenate([many, some[1:100]]))
    assert set(pairs.first) | set(pairs.second) >= set(range(120))
    assert len(pairs) < 120 * 30


def test_a_picture_that_is_there_many_times_is_found_in_every_split(some):
    """300 near copies in train and one in test: each of them is a copy of a test face, however similar they are."""
    many = np.clip(some[:1] + np.random.default_rng(0).normal(0, 4, (301, 48, 48, 1)), 0, 255).astype(np.uint8)
    many[300] = CHANGES["shifted"](some[:1])[0]  # the least similar
    kinds = (np.arange(301) == 300).astype(int)
    pairs, _ = search_pairs(Pictures([many]), np.arange(301), kinds)
    assert set(pairs.first[pairs.second == 300]) == set(range(300))
    assert len(pairs) < 301 * 48


def in_any_order(pairs, numbers=None):
    """The pairs as a set of (number, number, mirrored), whichever came first."""
    first, second = (pairs.first, pairs.second) if numbers is None else (numbers[pairs.first], numbers[pairs.second])
    return {(min(a, b), max(a, b), m) for a, b, m in zip(first, second, pairs.mirrored, strict=True)}


@pytest.fixture(scope="module")
def borderline(some):
    """Pictures with copies of every strength around both thresholds: 400 and 360 that were changed more and more."""
    random, changed = np.random.default_rng(1), []
    for row in range(360):
        noise = ndimage.gaussian_filter(random.normal(size=(48, 48)), 1.5)
        strength = random.uniform(0, 0.8) * some[row].std() / noise.std()
        shift = (*random.integers(-2, 3, 2), 0)
        image = ndimage.shift(some[row].astype(float), shift, order=0, mode="nearest")[..., 0] + strength * noise
        changed.append(image[:, ::-1] if row % 3 == 0 else image)
    return np.concatenate([some, np.clip(changed, 0, 255).astype(np.uint8)[..., None]])


def test_no_order_of_the_pictures_matters(borderline):
    order = np.random.default_rng(2).permutation(len(borderline))
    found = near_pairs(borderline)
    assert 100 < len(found) < 300  # the others are changed too much
    assert in_any_order(near_pairs(borderline[order]), order) == in_any_order(found)


def test_two_sets_hold_the_same_pairs_from_either_side(borderline):
    one, two = borderline[:400], borderline[400:]
    there, back = near_pairs(one, two), near_pairs(two, one)
    assert len(there) > 100
    assert set(zip(there.first, there.second, strict=True)) == set(zip(back.second, back.first, strict=True))


def test_the_correlation_is_the_same_from_either_side(borderline):
    pairs = np.stack([np.arange(360), np.arange(400, 760), np.arange(360) % 3 == 0], axis=1).astype(np.int64)
    there, back = (correlate(Pictures([borderline]), some) for some in (pairs, pairs[:, [1, 0, 2]]))
    np.testing.assert_allclose(there, back, atol=1e-6)
    assert (there > 0.82).any()
    assert (there < 0.82).any()


def test_a_pair_is_a_copy_or_not_whatever_else_is_there(borderline):
    rows = np.flatnonzero(np.arange(760) % 400 % 2 == 0)  # every other picture, with its copy
    part = in_any_order(near_pairs(borderline[rows]), rows)
    assert part == {pair for pair in in_any_order(near_pairs(borderline)) if pair[0] in rows and pair[1] in rows}
    assert len(part) > 40


def test_the_index_finds_what_all_pairs_find(borderline, monkeypatch):
    monkeypatch.setattr("fer_keras.datasets.copies.candidates._PROBES", 24)  # of 110 lists
    hashes, kinds = PHOTOGRAPHS.hash(low_frequencies(borderline)), np.zeros(len(borderline), int)
    everything = find_candidates(hashes, kinds, CANDIDATE_SIMILARITY)
    indexed = find_candidates(hashes, kinds, CANDIDATE_SIMILARITY, exact=0)
    assert len(everything) > 150
    assert {tuple(pair) for pair in indexed.tolist()} == {tuple(pair) for pair in everything.tolist()}


def test_a_long_search_says_how_far_it_is(borderline, monkeypatch, caplog):
    monkeypatch.setattr("fer_keras.datasets.copies.threads._LINE_EVERY", 0)
    near_pairs(borderline)
    assert any(line.startswith("looking for copies among 760 faces: 100 % after") for line in caplog.messages)
    assert re.fullmatch(r"comparing \d+ pairs of faces: 100 % after 0 s", caplog.messages[-1])


def test_the_hash_of_the_mirror_image(some):
    hashes = low_frequencies(some[:20])
    assert hashes.shape == (20, HASH_LENGTH)
    np.testing.assert_allclose(mirror(hashes), low_frequencies(some[:20, :, ::-1]), atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(hashes, axis=1), 1, atol=1e-5)

"""The gate names what was done to a copy. The original is a small set of drawn pictures with FER2013's faults."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageOps
from scipy import ndimage

from fer_keras.datasets.copies.duplicates import find_duplicates
from fer_keras.datasets.faces import SPLITS, FaceDataset, Split, fingerprint
from fer_keras.datasets.quality.counts import count_classes
from fer_keras.datasets.quality.gate import KNOWN_LEAKS, OFFICIAL, UNKNOWN, check_quality, judge, report_refused
from fer_keras.datasets.quality.official import OfficialFigures
from fer_keras.datasets.quality.report import Finding, QualityReport
from fer_keras.datasets.quality.statistics import image_statistics
from fer_keras.datasets.synthetic.drawing import draw_faces
from fer_keras.emotions import FER7

COUNTS = {"train": (80, 12, 82, 140, 96, 63, 99), "validation": (23, 6, 25, 44, 33, 20, 30)}
COUNTS["test"] = (24, 5, 26, 43, 30, 21, 31)
DISGUST = 1


def make_dataset(splits, name="fer2013"):
    return FaceDataset(name, FER7, splits, "made for the test", fingerprint(splits, FER7))


def make_split(images, labels):
    return Split(images, labels, np.array([f"row {i}" for i in range(len(labels))]))


@pytest.fixture(scope="module")
def clean(pictures):
    """572 + 181 + 180 pictures; 20 validation and 22 test rows, and 30 train rows, repeat a training row."""
    random = np.random.default_rng(0)
    labels = {name: random.permutation(np.repeat(np.arange(7), counts)) for name, counts in COUNTS.items()}
    images = {name: pictures(len(labels[name]), seed) for seed, name in enumerate(SPLITS)}
    for name, copies in (("validation", 20), ("test", 22), ("train", 30)):
        for row in range(copies):
            source = np.flatnonzero(labels["train"] == labels[name][row])[-1 - row // 7]
            images[name][row] = images["train"][source]
    return make_dataset({name: make_split(images[name], labels[name]) for name in SPLITS})


@pytest.fixture(scope="module")
def original(clean):
    copies = find_duplicates(clean, near=False)
    leaks = (("validation", "train"), ("test", "train"), ("test", "validation"))
    return OfficialFigures(
        name="fer2013",
        title="Original",
        classes=FER7,
        counts=COUNTS,
        statistics=image_statistics(clean.splits["train"].images).median(),
        distinct=copies.distinct,
        leaks={(a, b): int((copies.in_split(a) & copies.exact_copy_in(b)).sum()) for a, b in leaks},
        nearly_empty=0,
        conflicting=len(copies.conflicting()),
    )


def change(dataset, **splits):
    return make_dataset({**dataset.splits, **splits}, dataset.name)


def each_split(dataset, function):
    return change(dataset, **{name: function(split) for name, split in dataset.splits.items()})


def pixels(split, function):
    return replace(split, images=np.stack([np.asarray(function(image)) for image in split.images[..., 0]])[..., None])


def with_pillow(function):
    return lambda image: function(Image.fromarray(image))


BLUR = lambda image: ndimage.gaussian_filter(image, 3)  # noqa: E731
EQUALISE = with_pillow(ImageOps.equalize)
RESCALE = with_pillow(lambda image: image.resize((44, 44)).resize((48, 48)))
RESCALE_40 = with_pillow(lambda image: image.resize((40, 40)).resize((48, 48)))


def multiply(split, label, times, function=lambda image, number: image):
    rows = np.repeat(np.flatnonzero(split.labels == label), times - 1)
    extra = np.stack([function(image, i) for i, image in enumerate(split.images[rows, ..., 0])])[..., None]
    return make_split(np.concatenate([split.images, extra]), np.concatenate([split.labels, split.labels[rows]]))


def augment(image, number):
    turned = ndimage.rotate(image, (number * 37) % 9 - 4, reshape=False, order=1, mode="nearest")
    return turned[:, ::-1] if number % 2 else turned


def shuffle(split):
    return replace(split, labels=np.random.default_rng(5).permutation(split.labels))


def equalised_and_multiplied(d):
    return each_split(d, lambda split: multiply(pixels(split, EQUALISE), DISGUST, 9))


def augmented_in_validation(d):
    split = d.splits["validation"]
    for label in range(7):
        split = multiply(split, label, 3, augment)
    return change(d, validation=split)


# What was done to the copy, and all that the verdict has to say about it.
DAMAGES = {
    "training blurred": (lambda d: change(d, train=pixels(d.splits["train"], BLUR)), ["train blurred"]),
    "equalised, one class multiplied": (
        equalised_and_multiplied,
        ["disgust multiplied by 9 in every split", "every split contrast-equalised"],
    ),
    "rescaled": (lambda d: each_split(d, lambda s: pixels(s, RESCALE)), ["every split rescaled"]),
    "validation rescaled": (
        lambda d: change(d, validation=pixels(d.splits["validation"], RESCALE_40)),
        ["validation rescaled"],
    ),
    "cut down": (
        lambda d: each_split(d, lambda s: s.take(np.arange(len(s) * 3 // 4))),
        ["143 rows of train missing", "46 rows of validation missing", "45 rows of test missing"],
    ),
    "one class multiplied by augmentation": (
        lambda d: each_split(d, lambda s: multiply(s, DISGUST, 9, augment)),
        ["disgust multiplied by 9 in every split", "validation augmented", "test augmented"],
    ),
    "validation augmented": (augmented_in_validation, ["every class multiplied by 3 in validation", "augmented"]),
    "labels off by one": (
        lambda d: each_split(d, lambda s: replace(s, labels=(s.labels + 1) % 7)),
        ["labels in another order", "disgust is angry", "angry is neutral"],
    ),
    "labels shuffled": (lambda d: each_split(d, shuffle), ["labels of every split do not go with the images"]),
    "test labels shuffled": (
        lambda d: change(d, test=shuffle(d.splits["test"])),
        ["labels of test do not go with the images"],
    ),
    "train and test swapped": (
        lambda d: change(d, train=d.splits["test"], test=d.splits["train"]),
        ["train holds the Original test", "test holds the Original train"],
    ),
    "validation and test swapped": (
        lambda d: change(d, validation=d.splits["test"], test=d.splits["validation"]),
        ["validation holds the Original test"],
    ),
    "a little noise": (
        lambda d: each_split(d, lambda s: replace(s, images=s.images ^ NOISE[: len(s)])),
        ["single images changed or replaced"],
    ),
    "more leaks": (
        lambda d: change(
            d, test=replace(d.splits["test"], images=d.splits["train"].images[:180], labels=d.splits["test"].labels)
        ),
        ["test rows are also in train"],
    ),
}
NOISE = np.random.default_rng(9).integers(0, 2, (600, 48, 48, 1), dtype=np.uint8)


@pytest.mark.parametrize("name", DAMAGES)
def test_the_damage_is_named(clean, original, name):
    damage, expected = DAMAGES[name]
    report = check_quality(damage(clean), original)
    assert report.verdict.startswith("altered: ")
    for text in expected:
        assert text in report.verdict
    assert not report.is_sound
    assert report.findings[0].severity == "serious"


@pytest.mark.parametrize("name", ["training blurred", "validation rescaled", "labels shuffled", "cut down"])
def test_nothing_else_is_named(clean, original, name):
    damage, expected = DAMAGES[name]
    assert check_quality(damage(clean), original).verdict.count(";") == len(expected) - 1


def test_the_original_itself(clean, original):
    report = check_quality(clean, original)
    assert report.verdict == KNOWN_LEAKS
    assert report.is_sound
    assert report.copies["rows"] == 572 + 181 + 180
    assert report.copies["distinct"] == original.distinct
    assert report.copies["test rows in train"] == 22
    assert report.copies["conflicting groups"] == 0
    assert report.copies["near pairs"] == 0
    (leak,) = [
        finding for finding in report.findings if finding.kind == "leak" and "22 of 180 test" in finding.sentence
    ]
    assert leak.rows == {"test": list(range(22))}
    for (split, row), (other, other_row) in leak.examples:
        assert (split, other) == ("test", "train")
        assert (clean.splits[split].images[row] == clean.splits[other].images[other_row]).all()


def test_without_any_leak_it_is_official():
    assert judge([Finding("counts", "note", "")], official=True) == OFFICIAL
    assert judge([Finding("leak", "warning", "")], official=True) == KNOWN_LEAKS
    assert judge([Finding("leak", "serious", "", "x"), Finding("pixels", "serious", "", "y")], official=True) == (
        "altered: x; y"
    )


def test_a_jpeg_copy_is_no_alteration(clean, original):
    import io

    def jpeg(image):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=95)
        return Image.open(buffer)

    assert check_quality(each_split(clean, lambda s: pixels(s, with_pillow(jpeg))), original).verdict == KNOWN_LEAKS


def test_other_data_sets_are_unknown_and_what_applies_is_found(clean, original):
    other = replace(change(clean, test=pixels(clean.splits["test"], BLUR)), name="my_faces")
    report = check_quality(other, original)
    assert report.verdict == UNKNOWN
    kinds = {finding.kind: finding for finding in report.findings}
    assert "blurred" in kinds["pixels"].sentence
    assert "20 of 181 validation rows are pixel-identical" in kinds["leak"].sentence


def test_a_small_part_of_the_original_is_unknown(clean, original):
    part = each_split(clean, lambda split: split.take(np.arange(10)))
    assert check_quality(part, original).verdict == UNKNOWN


def test_no_false_alarm_on_synthetic_faces():
    splits = {}
    for seed, (name, n) in enumerate({"train": 1000, "validation": 200, "test": 200}.items()):
        labels = np.arange(n) % 7
        splits[name] = make_split(draw_faces(labels, seed), labels)
    report = check_quality(make_dataset(splits, "synthetic"))
    assert report.verdict == UNKNOWN
    assert report.findings == ()


def test_empty_images_are_found(clean, original):
    split = clean.splits["train"]
    images = split.images.copy()
    images[100], images[200] = 0, images[200] // 16 + 100
    report = check_quality(change(clean, train=replace(split, images=images)), original)
    (finding,) = [finding for finding in report.findings if finding.kind == "empty"]
    assert finding.rows == {"train": [100, 200]}
    assert "1 of them have one grey level" in finding.sentence


def test_missing_classes_of_an_unknown_set_are_named(clean):
    split = clean.splits["test"]
    dataset = replace(change(clean, test=split.take(split.labels != DISGUST)), name="mine")
    assert "no face of disgust in test" in [finding.sentence for finding in check_quality(dataset).findings]


def test_refused_rows_are_counted():
    refused = {"count": 30_000, "reasons": {"wrong image size": 30_000}, "examples": ["a.png: wrong image size"] * 20}
    report = report_refused("copy.zip", refused)
    assert report.verdict == "altered: 30,000 of 30,000 rows or files: wrong image size (30,000)"
    assert report.findings[0].sentence.count("a.png") == 3
    assert report_refused("copy.zip", {**refused, "count": 10}).verdict == UNKNOWN


def test_a_report_survives_json(clean, original):
    import json

    report = check_quality(clean, original)
    assert QualityReport.from_dict(json.loads(json.dumps(report.as_dict(), allow_nan=False))) == report


def test_counts_are_those_of_the_labels(clean):
    assert count_classes(clean).tolist() == [list(COUNTS[name]) for name in SPLITS]

"""The gate on the real data set, where a copy lies beside the checkout: its known faults, and damaged copies."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageOps
from scipy import ndimage

from fer_keras.datasets.quality.counts import check_counts
from fer_keras.datasets.quality.gate import check_quality
from fer_keras.datasets.quality.official import FER2013
from fer_keras.datasets.quality.pixels import check_statistics
from fer_keras.datasets.quality.statistics import image_statistics

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_the_known_faults(fer2013):
    report = check_quality(fer2013)
    assert report.verdict == "official with known leaks"
    assert report.counts == {name: list(counts) for name, counts in FER2013.counts.items()}
    copies = report.copies
    assert (copies["rows"], copies["distinct"]) == (35_887, 34_032)
    assert (copies["test rows in train"], copies["validation rows in train"]) == (288, 280)
    assert copies["test rows in validation"] == 44
    assert (copies["conflicting groups"], copies["conflicting groups without test"]) == (58, 48)
    # Near copies depend on rounding at the threshold, and that on the matrix library.
    assert copies["test rows near train"] == pytest.approx(412, abs=2)
    assert copies["validation rows near train"] == pytest.approx(403, abs=2)


def worked_over(split, function):
    images = np.stack([np.asarray(function(Image.fromarray(image))) for image in split.images[..., 0]])
    return replace(split, images=images[..., None])


def resized(side, method):
    return lambda image: image.resize((side, side), method).resize((48, 48), method)


DAMAGES = {
    "blurred": lambda image: ndimage.gaussian_filter(np.asarray(image), 3),
    "contrast-equalised": ImageOps.equalize,
    "rescaled or slightly blurred": resized(44, Image.Resampling.BILINEAR),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_validation_images_are_named(fer2013, damage):
    split = worked_over(fer2013.splits["validation"], DAMAGES[damage])
    dataset = replace(fer2013, splits={**fer2013.splits, "validation": split})
    medians = {name: image_statistics(dataset.splits[name].images).median() for name in ("validation", "test")}
    (finding,) = check_statistics(medians, dataset, FER2013)
    assert finding.cause == f"validation {damage}"
    if damage == "blurred":
        assert "median Laplacian variance 6 " in finding.sentence


# Enlarging and then reducing by a good filter changes next to nothing, so those two are left out.
RESIZINGS = [(side, method) for side in (36, 40, 44) for method in ("BILINEAR", "BICUBIC", "LANCZOS")]


@pytest.mark.parametrize(("side", "method"), [*RESIZINGS, (64, "BILINEAR"), (96, "BILINEAR")])
def test_every_way_of_rescaling_is_noticed(fer2013, side, method):
    split = fer2013.splits["test"].take(np.arange(1000))
    change = resized(side, Image.Resampling[method])
    dataset = replace(fer2013, splits={**fer2013.splits, "test": split})
    medians = {"test": image_statistics(worked_over(split, change).images).median()}
    (finding,) = check_statistics(medians, dataset, FER2013)
    assert finding.cause == "test rescaled or slightly blurred"


def test_disgust_multiplied_by_nine_in_every_split(fer2013):
    splits = {}
    for name, split in fer2013.splits.items():
        rows = np.concatenate([np.arange(len(split)), np.repeat(np.flatnonzero(split.labels == 1), 8)])
        splits[name] = split.take(rows)
    (finding,) = check_counts(replace(fer2013, splits=splits), FER2013)
    assert finding.cause == "disgust multiplied by 9 in every split"

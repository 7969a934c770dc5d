"""The page shows every finding with its pictures, escapes names, and needs nothing beside itself."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fer_keras.datasets.quality.gate import check_quality, report_refused
from fer_keras.datasets.quality.page import render_quality, verdict_tone
from fer_keras.datasets.quality.report import Finding


@pytest.fixture(scope="module")
def leaky(tiny_dataset):
    """The test split begins with three training faces, one of them with another label and a hostile name."""
    test, train = tiny_dataset.splits["test"], tiny_dataset.splits["train"]
    images, labels, ids = test.images.copy(), test.labels.copy(), test.ids.astype(object)
    images[:3] = train.images[:3]
    labels[2] = 5
    ids[0] = "<script>alert(1)</script>"
    return replace(
        tiny_dataset, splits={**tiny_dataset.splits, "test": replace(test, images=images, labels=labels, ids=ids)}
    )


def test_findings_and_pictures(leaky):
    report = check_quality(leaky)
    page = render_quality(report, leaky)
    for finding in report.findings:
        assert finding.sentence[1:] in page
    assert "3 of 14 test rows are pixel-identical" in page
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert len(pictures) >= 6
    first = np.asarray(Image.open(io.BytesIO(base64.b64decode(pictures[0]))))
    assert any((first == image[..., 0]).all() for image in leaky.splits["train"].images)


def test_the_page_is_safe_and_self_contained(leaky):
    page = render_quality(check_quality(leaky), leaky)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_a_copy_of_which_nothing_could_be_read():
    refused = {"count": 30_000, "reasons": {"wrong image size": 30_000}, "examples": ["a.png: wrong image size"]}
    page = render_quality(report_refused("copy.zip", refused), None)
    assert "wrong image size" in page
    assert "no face could be read" in page


def test_the_colour_of_the_verdict(tiny_dataset):
    report = replace(check_quality(tiny_dataset), findings=())
    assert verdict_tone(report) == "good"
    assert verdict_tone(replace(report, findings=(Finding("leak", "warning", ""),))) == "warn"
    assert verdict_tone(replace(report, findings=(Finding("pixels", "serious", ""),))) == "bad"

"""The base of every HTML page: self-contained, escaped, and clear about what is missing."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from fer_keras.errors import DataError
from fer_keras.plotting.style import new_figure
from fer_keras.reporting import figure_data_uri, image_data_uri, render_page
from fer_keras.reporting.page import breaks


def decode(uri):
    head, content = uri.split(",")
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


def luminance(color):
    values = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_a_page_escapes_its_values_and_fetches_nothing():
    page = render_page("base.html.j2", title="<script>x</script>", summary='a & "b"')
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|//|url\(|@import|<link", page)


def test_a_forgotten_value_is_an_error():
    with pytest.raises(Exception, match="summary"):
        render_page("base.html.j2", title="x")


def test_names_break_at_their_signs_and_options_not_at_all():
    assert breaks("augmentation.rotation_range") == "augmentation.<wbr>rotation_<wbr>range"
    assert breaks("fer-keras train --data a") == 'fer-keras train <span class="whole">--data</span> a'
    assert breaks("<b>_x --<i>") == '&lt;b&gt;_<wbr>x <span class="whole">--&lt;i&gt;</span>'


def test_text_has_enough_contrast_in_light_and_dark():
    page = render_page("base.html.j2", title="x", summary="y")
    light, dark = re.findall(r":root \{(.*?)\}", page, re.DOTALL)
    for block in (light, dark):
        color = dict(re.findall(r"--([\w-]+): (#\w{6})", block))
        for ground in ("ground", "card", "pale"):
            for text in ("ink", "muted", "accent"):
                assert contrast(color[text], color[ground]) >= 4.5, (text, ground)
        for tone in ("good", "warn", "bad"):
            assert contrast(color[tone], color[f"{tone}-pale"]) >= 4.5, tone
        assert contrast(color["ink"], color["warn-pale"]) >= 4.5


def test_pictures_keep_their_pixels():
    gray = np.random.default_rng(0).integers(0, 256, (5, 7, 1), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(decode(image_data_uri(gray))), gray[..., 0])
    rgb = np.repeat(gray, 3, axis=-1)
    np.testing.assert_array_equal(np.asarray(decode(image_data_uri(rgb))), rgb)
    assert decode(figure_data_uri(new_figure(2, 1, "x"))).size[0] >= 300


@pytest.mark.parametrize("wrong", [np.zeros((4, 4)), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4), np.uint8)])
def test_what_is_no_picture_is_refused(wrong):
    with pytest.raises(DataError, match="not a picture"):
        image_data_uri(wrong)

"""Fill one template into one HTML file with every picture inside it.

A page starts with ``{% extends "base.html.j2" %}`` and takes its tables, facts and figures from ``parts.html.j2``.
Nothing is fetched: styles are inline, pictures are data URIs, and a Content-Security-Policy forbids everything else.
"""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import jinja2
import markupsafe
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from .. import __version__
from ..errors import DataError
from ..plotting.style import DPI, INK, VALIDATION


def render_page(template: str, **context: Any) -> str:
    """Return the HTML text of one page.

    Every value is escaped unless a template marks it safe; a name that the template uses and the caller forgot is an
    error, never an empty place.

    Args:
        template: file name in ``fer_keras/reporting/templates``, such as ``explore.html.j2``.
        **context: what the template asks for; every page asks for ``title`` and ``summary`` (one sentence each).
    """
    environment = _make_environment()
    palette = {"ink": INK, "accent": VALIDATION}
    page = environment.get_template(template)
    return page.render(version=__version__, palette=palette, **context)


def _make_environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fer_keras.reporting", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breaks"] = breaks
    return environment


def breaks(text: str) -> markupsafe.Markup:
    """Escape a text, and let its long names break where they have a sign, and its options not at all."""
    words = []
    for word in str(text).split(" "):
        if word.startswith("--"):
            words.append(markupsafe.Markup('<span class="whole">{}</span>').format(word))
        else:
            parts = re.split(r"(?<=[._/])", word)
            words.append(markupsafe.Markup("<wbr>").join(parts))
    return markupsafe.Markup(" ").join(words)


def figure_data_uri(figure: Figure) -> str:
    """Return a figure as a PNG data URI, at the resolution and on the white ground of :func:`.save_figure`.

    White also on a dark page: the templates put figures on a light card, since faces must not be inverted.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white")
    return png_data_uri(buffer.getvalue())


def image_data_uri(array: np.ndarray) -> str:
    """Return one picture as a PNG data URI, pixel for pixel; the page enlarges it.

    Args:
        array: (H, W), (H, W, 1) gray or (H, W, 3) RGB, uint8.

    Raises:
        DataError: another shape or type.
    """
    pixels = np.asarray(array)
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]  # (H, W)
    is_rgb = pixels.ndim == 3 and pixels.shape[-1] == 3
    if pixels.dtype != np.uint8 or pixels.size == 0 or not (pixels.ndim == 2 or is_rgb):
        raise DataError(
            "not a picture",
            allowed="uint8 (H, W), (H, W, 1) or (H, W, 3)",
            received=f"{pixels.dtype} {pixels.shape}",
        )
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return png_data_uri(buffer.getvalue())


def png_data_uri(content: bytes) -> str:
    """Return the bytes of a PNG file as a data URI."""
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")

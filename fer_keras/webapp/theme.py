"""Colours of the page: those of the project's figures, in a light and a dark set."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.colors import to_rgb

from ..inference.timeline.figure import class_colors
from ..plotting.style import INK, RULE, VALIDATION, ink_on

_BOTH = {"baseRadius": "0.6rem"}
_LIGHT = {
    "primaryColor": VALIDATION,
    "backgroundColor": "#f6f8fa",
    "secondaryBackgroundColor": "#ffffff",
    "textColor": INK,
    "borderColor": RULE,
    "linkColor": VALIDATION,
}
_DARK = {
    "primaryColor": "#5a9bd8",
    "backgroundColor": "#0f151c",
    "secondaryBackgroundColor": "#18212b",
    "textColor": "#e4eaf0",
    "borderColor": "#2c3844",
    "linkColor": "#7db4e6",
}
_SIDEBAR = {"light": "#eef2f6", "dark": "#131b24"}


def theme_options() -> dict[str, str]:
    """Streamlit's options of the theme; which of the two sets is shown follows the visitor's system."""
    options = {f"theme.{name}": value for name, value in _BOTH.items()}
    for kind, colors in (("light", _LIGHT), ("dark", _DARK)):
        options |= {f"theme.{kind}.{name}": value for name, value in colors.items()}
        options[f"theme.{kind}.sidebar.backgroundColor"] = _SIDEBAR[kind]
    return options


def paint(classes: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Class to its colour, as in the figures, and to the colour of text on it."""
    return {
        name: (color, "#ffffff" if ink_on(to_rgb(color)) == "white" else INK)
        for name, color in zip(classes, class_colors(classes), strict=True)
    }


def percent(share: float, digits: int = 0) -> str:
    """Such as ``93 %``."""
    return f"{100 * share:.{digits}f} %"

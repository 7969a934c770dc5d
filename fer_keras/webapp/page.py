"""The page from top to bottom; its parts are modules of their own."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from . import session
from .choices import Choices, choose
from .facts import facts_line
from .settings import AppSettings
from .views.live import show_live
from .views.pictures import show_camera, show_pictures
from .views.video import show_video

_HERE = Path(__file__).parent
_SOURCES = {
    "Pictures": (":material/image:", show_pictures),
    "Camera": (":material/photo_camera:", show_camera),
    "Live": (":material/videocam:", show_live),
    "Video": (":material/movie:", show_video),
}
_HERO = """<header class="fk-hero"><p class="fk-brand">fer_keras</p><h1>Apparent facial expressions</h1>
<p>What a face looks like to people who label photographs. Not what a person feels.</p>{chips}</header>"""


def show(settings: AppSettings) -> None:
    """Draw the page for one visitor."""
    st.set_page_config(page_title="Apparent facial expressions", page_icon=str(_HERE / "icon.png"), layout="wide")
    st.html(_HERE / "style.css")
    choices = choose(settings)
    st.html(_HERO.format(chips=facts_line(choices.facts)))
    _show_source(choices)
    st.html('<hr class="fk-rule">')
    _show_notes()


def _show_source(choices: Choices) -> None:
    """Only the chosen source is drawn: a camera that nobody asked for must not be opened."""
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    icons = {name: f"{icon} {name}" for name, (icon, _) in _SOURCES.items()}
    name = left.segmented_control(
        "Source", list(icons), format_func=icons.__getitem__, default="Pictures", label_visibility="collapsed"
    )
    right.button("Clear everything", on_click=session.clear, icon=":material/delete:", width="stretch")
    if name != "Live":
        session.forget_live()
    _SOURCES[name or "Pictures"][1](choices)


def _show_notes() -> None:
    notes = (_HERE / "honest_use.md").read_text(encoding="utf-8").split("\n\n")
    st.subheader("Before you point this at people", anchor=False)
    for column, note in zip(st.columns(len(notes)), notes, strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(note)

"""The live view: the browser sends one small picture at a time, and the next one after each answer.

Nothing but this page takes part: no WebRTC, so no relay or address server outside.
"""

from __future__ import annotations

import base64
import binascii
import time
from pathlib import Path

import numpy as np
import streamlit as st

from ...errors import FerKerasError
from ...imaging import decode_rgb
from ...inference.results import Prediction
from ...inference.video.predict import FrameAnalysis
from ...inference.video.reader import Frame
from .. import session
from ..choices import Choices
from ..markup import label
from ..settings import MEBIBYTE
from ..theme import paint

_HERE = Path(__file__).parent
_KEY = "fk_live"
_PREFIX = "data:image/jpeg;base64,"
# The browser sends at most 640x480; anything larger was not sent by it.
_MAX_BYTES, _MAX_PIXELS = MEBIBYTE, 1280 * 960
_HTML = """<div class="view"><div><div class="stage"><video autoplay muted playsinline></video>
<div class="boxes"></div><p class="status" role="status">The camera is off.</p></div>
<div class="controls"><button type="button">Start the camera</button><span class="rate"></span></div></div>
<div class="people"></div></div>"""

_component = st.components.v2.component(
    "fer_keras_live_view",
    html=_HTML,
    css=(_HERE / "live_view.css").read_text(encoding="utf-8"),
    js=(_HERE / "live_view.js").read_text(encoding="utf-8"),
)


@st.fragment
def show_live(choices: Choices) -> None:
    """Draw the live view; each picture of the camera runs this part of the page again, and only this."""
    st.caption("Only the newest picture of your camera is held, to follow its faces. Values are smoothed over 0.3 s.")
    state = st.session_state.get(session.LIVE)
    if state is None or state["signature"] != choices.signature:
        state = {"signature": choices.signature, "answer": {"seq": 0, "faces": []}, "analysis": None}
        st.session_state[session.LIVE] = state
    _component(key=_KEY, data=state["answer"], on_frame_change=lambda: _answer(state, choices))


def _answer(state: dict, choices: Choices) -> None:
    """Score the picture that has just come; a wrong one is answered without faces."""
    frame = st.session_state[_KEY].get("frame") or {}
    number, image = frame.get("seq"), frame.get("image")
    if not isinstance(number, int) or not isinstance(image, str):
        return
    try:
        pixels = decode_rgb(_bytes_of(image), max_bytes=_MAX_BYTES, max_pixels=_MAX_PIXELS)
        faces = _follow(state, pixels, choices)
        state["answer"] = {"seq": number, "faces": faces, "error": ""}
    except (FerKerasError, binascii.Error) as error:
        problem = getattr(error, "problem", "the picture was damaged on its way")
        state["answer"] = {"seq": number, "faces": [], "error": problem}


def _bytes_of(image: str) -> bytes:
    return base64.b64decode(image.removeprefix(_PREFIX), validate=True)


def _follow(state: dict, pixels: np.ndarray, choices: Choices) -> list[dict]:
    """Faces keep their numbers and are smoothed, as in videos."""
    now = time.monotonic()
    if state["analysis"] is None:
        analysis = FrameAnalysis(choices.predictors[0], "live view", detect_every=0.0)
        state.update(analysis=analysis, start=now, count=0)
    frame = Frame(state["count"], now - state["start"], pixels)
    state["count"] += 1
    found = [row for row in state["analysis"].add(frame).predictions if row.expression is not None]
    return [_describe(row, pixels.shape[1], pixels.shape[0]) for row in found]


def _describe(row: Prediction, width: int, height: int) -> dict:
    """Plain values for the browser: the box in shares of the picture, names, colours."""
    colors, box = paint(tuple(row.probabilities)), row.box
    color, ink = ("#8d99a5", "#17202b") if row.uncertain or row.expression is None else colors[row.expression]
    place = (
        (0, 0, 1, 1) if box is None else (box.left / width, box.top / height, box.width / width, box.height / height)
    )
    return {
        "face": row.face,
        "box": [float(share) for share in place],
        "label": label(row),
        "color": color,
        "ink": ink,
        "bars": [[name, float(share), colors[name][0]] for name, share in row.probabilities.items()],
    }

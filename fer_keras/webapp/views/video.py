"""A short video: analysed once, shown with boxes, drawn over time, offered as CSV and MP4."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from ...errors import FerKerasError
from .. import session
from ..choices import Choices
from ..markup import problem_card
from ..models import gate
from ..settings import UPLOAD_MB, VIDEO_FPS, VIDEO_SECONDS, VIDEO_TYPES
from ..theme import paint
from ..video_analysis import FaceCurve, VideoResult, analyse_video

_LIMITS = (
    f"The first {VIDEO_SECONDS:g} seconds are analysed, about {VIDEO_FPS:g} frames of each. Longer ones: "
    "`fer-keras predict`."
)


def show_video(choices: Choices) -> None:
    """Draw the upload and what became of it."""
    file = st.file_uploader(
        "Video",
        type=list(VIDEO_TYPES),
        max_upload_size=UPLOAD_MB,
        key=session.widget_key("video"),
        label_visibility="collapsed",
    )
    st.caption(_LIMITS)
    if file is None:
        session.keep_only([])
        return
    key = (file.file_id, choices.signature)
    session.keep_only([key])
    if key not in session.results():
        try:
            session.results()[key] = _analyse(file, choices)
        except FerKerasError as error:
            st.error(f"The video cannot be analysed: {error.problem}.", icon=":material/error:")
            return
    _show_result(session.results()[key])


def _analyse(file, choices: Choices) -> VideoResult:
    """One video at a time for all visitors, since each takes a core."""
    bar = st.progress(0.0, "Waiting for another video to end …")

    def show(share: float) -> None:
        bar.progress(share, "Following faces …")

    with gate("video"):
        result = analyse_video(file.getvalue(), file.name, choices.predictors[0], show)
    bar.empty()
    return result


def _show_result(result: VideoResult) -> None:
    summary = result.summary
    if summary is None:
        st.html(problem_card(result.name, result.error))
        return
    for notice in result.notices:
        st.warning(notice, icon=":material/content_cut:")
    left, right = st.columns([1, 1], gap="medium")
    left.video(result.annotated, format="video/mp4", muted=True)
    with right:
        numbers = {
            "seconds": f"{summary.seconds:.1f}",
            "frames analysed": f"{summary.frames_analysed:,}",
            "with a face": f"{summary.frames_with_face:,}",
            "faces followed": f"{summary.faces:,}",
        }
        cells = "".join(f"<div><b>{value}</b><span>{name}</span></div>" for name, value in numbers.items())
        st.html(f'<div class="fk-numbers" data-frames="{summary.frames_analysed}">{cells}</div>')
        st.caption(f"Smoothed: half of a sudden change shows after {summary.lag:.2f} s. Numbers recognise nobody.")
        _offer_files(result)
    if result.curves:
        _draw(result)
    else:
        st.info("No face was found in this video.", icon=":material/face:")


def _offer_files(result: VideoResult) -> None:
    stem = result.name.rpartition(".")[0] or result.name
    button = partial(st.download_button, on_click="ignore", icon=":material/download:", width="stretch")
    button("Download CSV", result.csv, f"{stem}.csv", "text/csv", key="csv-video")
    button("Video with boxes", result.annotated, f"{stem}-marked.mp4", "video/mp4")


def _draw(result: VideoResult) -> None:
    curves = {f"Face {curve.face}, seen for {curve.seconds_seen:.1f} s": curve for curve in result.curves}
    name = next(iter(curves))
    if len(curves) > 1:
        name = st.selectbox("Face", list(curves))
    st.subheader("Apparent expression over time", anchor=False)
    st.area_chart(
        _table(curves[name], result.classes),
        y=list(result.classes),
        color=[color for color, _ in paint(result.classes).values()],
        x_label="seconds",
        y_label="probability",
        stack=True,
        height=280,
    )


def _table(curve: FaceCurve, classes: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(curve.means, columns=list(classes), index=pd.Index(curve.times.round(2), name="seconds"))

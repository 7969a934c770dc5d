"""Pictures: uploaded or from the camera, analysed, shown, and offered as CSV."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from ...errors import FerKerasError
from .. import session
from ..analysis import PictureResult, analyse_picture, to_csv
from ..choices import Choices
from ..markup import problem_card, result_card
from ..models import gate
from ..sample import sample_picture
from ..settings import PICTURE_TYPES, UPLOAD_MB, describe_limits, within_limits


@dataclass(frozen=True)
class Upload:
    """One picture of the visitor's: its name, what tells it from others, its bytes."""

    name: str
    key: str
    content: bytes


def show_pictures(choices: Choices) -> None:
    """Draw the upload and what became of it."""
    files = st.file_uploader(
        "Pictures",
        type=list(PICTURE_TYPES),
        accept_multiple_files=True,
        max_upload_size=UPLOAD_MB,
        key=session.widget_key("pictures"),
        help=describe_limits(),
        label_visibility="collapsed",
    )
    if not files:
        _offer_sample(choices)
        return
    count, notice = within_limits([file.size for file in files])
    if notice:
        st.warning(notice, icon=":material/filter_alt:")
    show_uploads([Upload(file.name, file.file_id, file.getvalue()) for file in files[:count]], choices)


def show_camera(choices: Choices) -> None:
    """Draw the camera and what became of its picture."""
    picture = st.camera_input(
        "Take a picture", key=session.widget_key("camera"), label_visibility="collapsed", width=560
    )
    if picture is None:
        session.keep_only([])
        st.caption("The browser asks before it opens the camera. Away from this computer that needs HTTPS.")
        return
    content = picture.getvalue()
    show_uploads([Upload("camera.jpg", hashlib.sha256(content).hexdigest(), content)], choices)


def _offer_sample(choices: Choices) -> None:
    if not st.session_state.get(session.SAMPLE):
        session.keep_only([])
        st.caption(describe_limits())
        if st.button("Try it with drawn faces", icon=":material/draw:"):
            st.session_state[session.SAMPLE] = True
            st.rerun()
        return
    st.caption("Three drawn faces. What a model says about drawings tells nothing about photographs.")
    show_uploads([Upload("drawn faces.png", "sample", sample_picture())], choices)


def show_uploads(uploads: Sequence[Upload], choices: Choices) -> None:
    """Analyse what is new, let go of what is old, draw all."""
    keys = [(upload.key, session.is_whole(upload.key), choices.signature) for upload in uploads]
    session.keep_only(keys)
    try:
        _analyse_missing(uploads, keys, choices)
    except FerKerasError as error:
        st.error(f"The model failed: {error.problem}.", icon=":material/error:")
        return
    results = [session.results()[key] for key in keys]
    _offer_csv(results, choices)
    for upload, result in zip(uploads, results, strict=True):
        _show_result(upload, result, choices)


def _analyse_missing(uploads: Sequence[Upload], keys: Sequence[tuple], choices: Choices) -> None:
    known = session.results()
    missing = [(upload, key) for upload, key in zip(uploads, keys, strict=True) if key not in known]
    if not missing:
        return
    bar = st.progress(0.0, "Looking for faces …")
    for done, (upload, key) in enumerate(missing):
        bar.progress(done / len(missing), f"Looking for faces … {done + 1} of {len(missing)}")
        with gate("picture"):
            known[key] = analyse_picture(upload.content, upload.name, choices.predictors, whole=key[1])
    bar.empty()


def _show_result(upload: Upload, result: PictureResult, choices: Choices) -> None:
    if result.error:
        st.html(problem_card(result.name, result.error))
        return
    st.html(result_card(result, choices.names))
    if result.without_face:
        st.button(
            "Score the whole picture as one face",
            key=f"fk_score-{upload.key}",
            on_click=session.take_as_whole,
            args=(upload.key,),
            icon=":material/crop_free:",
        )


def _offer_csv(results: Sequence[PictureResult], choices: Choices) -> None:
    usable = [result for result in results if not result.error]
    if not usable:
        return
    faces = sum(len(result.rows[0]) for result in usable if not result.without_face)
    left, right = st.columns([3, 2], vertical_alignment="center")
    words = {"picture": len(results), "face": faces, "not usable": len(results) - len(usable)}
    parts = [f"**{count}** {word}{'s' if count != 1 and word != 'not usable' else ''}" for word, count in words.items()]
    left.markdown(" · ".join(part for part, count in zip(parts, words.values(), strict=True) if count))
    for place, (name, predictor) in enumerate(zip(choices.names, choices.predictors, strict=True)):
        label = "Download CSV" if len(choices.names) == 1 else f"CSV of {name}"
        rows = [row for result in usable for row in result.rows[place]]
        right.download_button(
            label, to_csv(rows, predictor.classes), f"faces-{name}.csv", "text/csv", key=f"csv-{place}",
            on_click="ignore", icon=":material/download:", width="stretch",
        )  # fmt: skip

"""The sidebar: model, comparison, detector and how faces are cut out; and what is known about the model."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from ..errors import FerKerasError
from ..inference.boxes import DEFAULT_MARGIN
from ..inference.detection.detectors import default_name
from ..inference.predictor import Predictor
from .facts import ModelFacts, facts_card
from .models import LoadedModel, configured, load_detector, load_model
from .settings import AppSettings

_NO_OTHER = "nothing"
_DETECTORS = {
    "blazeface": "BlazeFace: faces at many angles",
    "blazeface:24": "BlazeFace, faces from 24 px on: slower",
    "haar": "Haar: frontal faces",
    "haar:1600": "Haar at 1600 px: smaller faces, slower",
    "none": "None: each picture is a crop of one face",
}


@dataclass(frozen=True)
class Choices:
    """What a visitor has chosen.

    Attributes:
        names: of the models, as they are shown.
        predictors: the same models with the visitor's settings.
        facts: what is known about them.
        signature: tells apart all that changes a result.
    """

    names: tuple[str, ...]
    predictors: tuple[Predictor, ...]
    facts: tuple[ModelFacts, ...]
    signature: tuple


def choose(settings: AppSettings) -> Choices:
    """Draw the sidebar; stops the page where the model cannot be loaded."""
    with st.sidebar:
        paths = settings.choices()
        first = st.selectbox("Model", list(paths), help="Given with --model when the page was started.")
        others = [name for name in paths if name != first]
        second = _NO_OTHER
        if others:
            second = st.selectbox("Compare with", [_NO_OTHER, *others], help="Both answer on the same faces.")
        names = (first,) if second == _NO_OTHER else (first, second)
        models = [_load(name, paths[name]) for name in names]
        st.html("".join(facts_card(model.facts) for model in models))
        detector, margin, flip = _ways(settings)
    found, tta = load_detector(detector), "flip" if flip else "none"
    predictors = tuple(configured(model.predictor, detector=found, margin=margin, tta=tta) for model in models)
    facts = tuple(model.facts for model in models)
    return Choices(_shown(names, facts), predictors, facts, (names, detector, margin, flip))


def _load(name: str, path: str | None) -> LoadedModel:
    try:
        return load_model(path)
    except FerKerasError as error:
        st.error(f"The model {name} cannot be used: {error.problem}.", icon=":material/error:")
        st.stop()


def _shown(names: tuple[str, ...], facts: tuple[ModelFacts, ...]) -> tuple[str, ...]:
    """Names of the runs, where they tell the models apart."""
    runs = tuple(item.name for item in facts)
    return runs if len(set(runs)) == len(runs) else names


def _ways(settings: AppSettings) -> tuple[str, float, bool]:
    with st.expander("How faces are found and cut out", icon=":material/tune:"):
        default = default_name()
        names = dict(_DETECTORS)
        if default != "blazeface":  # its package is not installed
            names = {name: words for name, words in names.items() if not name.startswith("blazeface")}
        given = default if settings.detector == "auto" else settings.detector
        names.setdefault(given, f"{given.partition(':')[0]}, given by the command line")
        detector = st.selectbox(
            "Face detector", list(names), index=list(names).index(given), format_func=names.__getitem__
        )
        margin = st.slider(
            "Margin", -0.2, 0.4, DEFAULT_MARGIN, 0.05, help="Share of a box's side that is added at each edge."
        )
        flip = st.toggle("Average with the mirror image", help="Flip test-time augmentation: twice the time.")
    return detector, margin, flip

"""HTML of results. Everything that comes from a file or a model is escaped here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from ..inference.boxes import Box
from ..inference.results import Prediction
from .analysis import Face, PictureResult
from .theme import paint, percent

# Labels of boxes that start further to the right than this share of the picture grow to the left; above the upper one
# there is no room for a label.
_RIGHT, _TOP = 0.6, 0.09


def result_card(result: PictureResult, models: Sequence[str]) -> str:
    """One picture: name, the picture with its boxes, a card for each face.

    Args:
        result: of a picture that could be read.
        models: names, in the order of the predictions.
    """
    width, height = result.size
    count = f"{len(result.rows[0])} faces" if len(result.rows[0]) > 1 else "1 face"
    state = "no face found" if result.without_face else "whole picture scored" if _is_whole(result) else count
    kind = "none" if result.without_face else "found"
    heading = (
        f'<header><h3>{escape(result.name)}</h3><span class="fk-meta">{width:,} × {height:,} px</span>'
        f'<span class="fk-state fk-{kind}" data-state="{kind}">{state}</span></header>'
    )
    faces = "".join(face_card(face, models) for face in result.faces)
    more = len(result.rows[0]) - len(result.faces)
    if result.faces and more > 0:
        faces += f'<p class="fk-more">{more} smaller faces are in the CSV file.</p>'
    layout = ("fk-split" if len(result.faces) < 2 else "fk-stack") + (" fk-pair" if len(models) > 1 else "")
    body = f'<div class="{layout}">{picture(result)}<div class="fk-faces">{faces or _NOTHING}</div></div>'
    return f'<article class="fk-card fk-result" aria-label="Result">{heading}{body}</article>'


_NOTHING = (
    '<div class="fk-empty"><strong>No face found.</strong> The search finds upright faces that look towards the '
    "camera. If this picture is a close crop of one face, score the whole picture.</div>"
)


def _is_whole(result: PictureResult) -> bool:
    return bool(result.faces) and result.faces[0].box is None


def picture(result: PictureResult) -> str:
    """The picture with a numbered box on each face, in shares of its size so that it can shrink."""
    alone = len(result.faces) == 1
    boxes = "".join(_box(face, face.box, result.size, alone) for face in reversed(result.faces) if face.box is not None)
    words = ", ".join(f"face {face.number}: {label(face.predictions[0])}" for face in result.faces)
    alt = escape(f"{result.name}; {words or 'no face found'}", quote=True)
    return f'<figure class="fk-picture"><div><img src="{result.preview}" alt="{alt}">{boxes}</div></figure>'


def label(prediction: Prediction) -> str:
    """Such as ``happy 93 %`` or ``uncertain``."""
    expression, confidence = _said(prediction)
    return "uncertain" if prediction.uncertain else f"{expression} {percent(confidence)}"


def _said(prediction: Prediction) -> tuple[str, float]:
    """Expression and confidence, which only the prediction of a picture without a face lacks; no page draws that."""
    assert prediction.expression is not None
    assert prediction.confidence is not None
    return prediction.expression, prediction.confidence


def _box(face: Face, box: Box, size: tuple[int, int], alone: bool) -> str:
    inside = box.clipped(*size)
    if inside is None:
        return ""
    left, top = inside.left / size[0], inside.top / size[1]
    place = f"left:{left:.2%};top:{top:.2%};width:{inside.width / size[0]:.2%};height:{inside.height / size[1]:.2%}"
    prediction = face.predictions[0]
    kinds = {"fk-box": True, "fk-alone": alone, "fk-low": top < _TOP, "fk-left": left > _RIGHT}
    classes = " ".join(name for name, holds in kinds.items() if holds)
    words = f"<b>{'' if alone else face.number}<em>{escape(label(prediction))}</em></b>"
    return f'<span class="{classes}" style="{place};{_colors(prediction)}">{words}</span>'


def _colors(prediction: Prediction) -> str:
    if prediction.uncertain:
        return "--c:#8d99a5;--on:#17202b"
    color, text = paint(tuple(prediction.probabilities))[_said(prediction)[0]]
    return f"--c:{color};--on:{text}"


def face_card(face: Face, models: Sequence[str]) -> str:
    """What the models say about one face, side by side."""
    columns = "".join(
        f'<div class="fk-model">{_model_name(name, models)}{answer(prediction)}{bars(prediction.probabilities)}</div>'
        for name, prediction in zip(models, face.predictions, strict=True)
    )
    title = "Whole picture" if face.box is None else f"Face {face.number}"
    said = {prediction.expression for prediction in face.predictions}
    verdict = "" if len(models) == 1 else f'<span class="fk-badge">{"agree" if len(said) == 1 else "differ"}</span>'
    crop = f'<img class="fk-crop" src="{face.crop}" alt="What the model sees of {title.lower()}">'
    head = f'<div class="fk-face-head">{crop}<span class="fk-title">{title}{verdict}</span></div>'
    return f'<section class="fk-face" data-face="{face.number}">{head}<div class="fk-models">{columns}</div></section>'


def _model_name(name: str, models: Sequence[str]) -> str:
    return "" if len(models) == 1 else f'<p class="fk-model-name">{escape(name)}</p>'


def answer(prediction: Prediction) -> str:
    """The expression in large letters, or that the model is not certain."""
    expression, confidence = _said(prediction)
    name, share = escape(expression, quote=True), percent(confidence)
    if prediction.uncertain:
        nearest = f"<small>nearest: {name} {share}</small>"
        return f'<p class="fk-answer fk-unsure" data-expression="uncertain">uncertain{nearest}</p>'
    return (
        f'<p class="fk-answer" data-expression="{name}" style="{_colors(prediction)}"><i></i>{name}'
        f"<small>{share} · apparent expression</small></p>"
    )


def bars(probabilities: Mapping[str, float]) -> str:
    """One bar for each class, in the model's order, the highest in bold."""
    colors, best = paint(tuple(probabilities)), max(probabilities, key=probabilities.__getitem__)
    rows = "".join(
        f'<li class="{"fk-top" if name == best else ""}"><span>{escape(name)}</span>'
        f'<span class="fk-track"><i style="width:{share:.1%};--c:{colors[name][0]}"></i></span>'
        f"<span>{percent(share)}</span></li>"
        for name, share in probabilities.items()
    )
    return f'<ul class="fk-bars" aria-label="Probabilities">{rows}</ul>'


def problem_card(name: str, reason: str) -> str:
    """A file that cannot be used, with the reason."""
    return (
        f'<article class="fk-card fk-problem" role="alert"><header><h3>{escape(name)}</h3>'
        f'<span class="fk-state fk-broken" data-state="broken">not usable</span></header>'
        f"<p>{escape(reason[:1].upper() + reason[1:])}.</p></article>"
    )

"""The ``distill`` section of a recipe. No TensorFlow."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .section import Section


class DistillSection(Section):
    """Learning from the answers of a finished run as well, see ``fer_keras.training.distillation``; off without one.

    ``weight`` is the share of the teacher in the loss, ``temperature`` divides the logits of both before they are
    compared, ``views`` is the number of epochs of augmented pictures that the teacher answers and that are cycled.
    """

    teacher: Annotated[str, Field(min_length=1)] | None = None
    weight: Annotated[float, Field(gt=0, le=1)] = 0.5
    temperature: Annotated[float, Field(gt=0, le=100)] = 2.0
    views: Annotated[int, Field(ge=1, le=10_000)] = 10

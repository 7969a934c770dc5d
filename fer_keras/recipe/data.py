"""The ``data`` section of a recipe. No TensorFlow."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from ..emotions import FACE_SIZE
from ..errors import ConfigError
from .section import Section

MIN_IMAGE_SIZE, MAX_IMAGE_SIZE = 32, 512  # sides in pixels
Share = Annotated[float, Field(gt=0, lt=1)]


class DataSection(Section):
    """Where the faces come from."""

    source: str | None = None
    limit: Annotated[int, Field(ge=1)] | None = None
    on_bad: Literal["refuse", "skip"] = "refuse"
    image_size: Annotated[int, Field(ge=MIN_IMAGE_SIZE, le=MAX_IMAGE_SIZE)] = FACE_SIZE
    split_fractions: tuple[Share, Share, Share] = (0.8, 0.1, 0.1)
    split_seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    group_by: str | None = None
    fit: Literal["stretch", "crop", "pad"] = "stretch"
    classes: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()
    merge: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    labels: Literal["fer2013", "ferplus"] = "fer2013"
    ferplus: str | None = None
    ferplus_mode: Literal["majority", "strict_majority", "soft"] = "majority"
    ferplus_classes: Literal[8, 7] = 8
    train_without_leaks: bool = False
    check: Literal["on", "off"] = "on"

    @field_validator("split_fractions")
    @classmethod
    def _must_sum_to_one(cls, value):
        if abs(sum(value) - 1) > 1e-6:
            raise ValueError("allowed: fractions of train, validation and test with the sum 1")
        return value

    @model_validator(mode="after")
    def _refuse_leaks_nobody_looks_for(self):
        if self.train_without_leaks and self.check == "off":
            raise ConfigError(
                "data.train_without_leaks needs the copies that data.check=off does not look for",
                hint="Set data.check=on or data.train_without_leaks=false",
            )
        return self

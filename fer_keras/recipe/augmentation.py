"""The ``augmentation`` section of a recipe. No TensorFlow."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from ..emotions import FACE_SIZE
from .section import Section

Fraction = Annotated[float, Field(ge=0, le=1)]
Range = tuple[float, float]

# Options in pixels: as many as the side of the faces.
PIXEL_OPTIONS = frozenset(("width_shift_range", "height_shift_range", "crop", "cutout"))
MIN_CROP = 16


class AugmentationSection(Section):
    """Option names and meanings of Keras' ``ImageDataGenerator``; see ``fer_keras.augmentation.batch``.

    The descriptions are the allowed ranges that an error names.
    """

    rotation_range: float = Field(0.0, ge=0, le=180, description="0 to 180 (degrees)")
    width_shift_range: float = Field(0.0, ge=0, description="0 to {side} (below 1 a part of the width, else pixels)")
    height_shift_range: float = Field(0.0, ge=0, description="0 to {side} (below 1 a part of the height, else pixels)")
    shear_range: float = Field(0.0, ge=0, lt=90, description="0 to below 90 (degrees)")
    zoom_range: Annotated[float, Field(ge=0, lt=1)] | Range = Field(
        0.0, description="0 to below 1, or [lower, upper] with 0 < lower <= upper <= 10"
    )
    horizontal_flip: bool = Field(False, description="true or false")
    vertical_flip: bool = Field(False, description="true or false")
    crop: int | float = Field(
        0, ge=0, description="0, a part of the side below 1, or a whole number to {side} (pixels); at least 16 pixels"
    )
    brightness_range: Range | None = Field(None, description="[lower, upper] with 0 < lower <= upper <= 10, or null")
    contrast_range: Range | None = Field(None, description="[lower, upper] with 0 < lower <= upper <= 10, or null")
    channel_shift_range: float = Field(0.0, ge=0, le=255, description="0 to 255 (grey levels)")
    blur: float = Field(0.0, ge=0, le=8, description="0 to 8 (largest sigma, in pixels of a face of 48 pixels)")
    low_resolution: float = Field(0.0, ge=0, lt=1, description="0, or the smallest part of the side, below 1")
    noise: float = Field(0.0, ge=0, le=128, description="0 to 128 (largest sigma, in grey levels)")
    fill_mode: Literal["constant", "nearest", "reflect", "wrap"] = Field(
        "nearest", description="constant, nearest, reflect or wrap"
    )
    cval: float = Field(0.0, ge=0, le=255, description="0 to 255 (grey level)")
    random_erasing: Fraction = Field(0.0, description="0 to 1 (probability)")
    cutout: int = Field(0, ge=0, description="a whole number from 0 to {side} (side in pixels)")
    mixup: float = Field(0.0, ge=0, le=10, description="0 to 10 (alpha of the Beta distribution)")

    @property
    def is_active(self) -> bool:
        """Whether any option changes an image; how borders are filled does not, by itself."""
        return bool(self.model_dump(exclude_defaults=True, exclude={"fill_mode", "cval"}))

    @property
    def only_mirrors(self) -> bool:
        """Whether an image can become nothing but itself or its mirror image."""
        return not self.model_copy(update={"horizontal_flip": False}).is_active

    def crop_side(self, side: int) -> int:
        """Side in pixels of the crops of faces of ``side`` pixels; 0 without cropping."""
        return _crop_side(self.crop, side)

    @field_validator("*", mode="wrap")
    @classmethod
    def _name_the_range(cls, value, handler, info):
        side = (info.context or {}).get("image_size", FACE_SIZE)
        try:
            result = handler(value)
            if isinstance(result, tuple) and not 0 < result[0] <= result[1] <= 10:
                raise ValueError("not an ordered range")
            if info.field_name in PIXEL_OPTIONS and result > side:
                raise ValueError("farther than the side of a face")
            if info.field_name == "crop" and result and not _can_be_cut(result, side):
                raise ValueError("no side, or smaller than networks can pool")
        except ValueError as error:  # a pydantic ValidationError is one too
            allowed = cls.model_fields[info.field_name].description.replace("{side}", str(side))
            raise ValueError(f"allowed: {allowed}") from error
        return result


def _crop_side(crop: float, side: int) -> int:
    return round(crop * side) if 0 < crop < 1 else int(crop)


def _can_be_cut(crop: float, side: int) -> bool:
    return (crop < 1 or isinstance(crop, int)) and _crop_side(crop, side) >= MIN_CROP

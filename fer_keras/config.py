"""A recipe as strict models: defaults, YAML file, ``--set`` overrides, dump. No TensorFlow."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from .errors import ConfigError, nearest_hint

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Range = tuple[float, float]


class Section(BaseModel):
    """Base of all sections: unknown keys and silent type coercion are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class CnnModel(Section):
    """The project's own network."""

    name: Literal["cnn"] = "cnn"
    width: Annotated[int, Field(ge=8, le=512)] = 64
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3


class MobileNetV2Model(Section):
    """MobileNetV2 (Sandler et al. 2018) behind a grayscale-repeat layer."""

    name: Literal["mobilenetv2"] = "mobilenetv2"
    weights: str = "imagenet"
    input_size: Annotated[int, Field(ge=32, le=448)] = 96
    head_units: Annotated[int, Field(ge=0, le=4096)] = 256
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    fine_tune_from: str | None = None


ModelSection = Annotated[CnnModel | MobileNetV2Model, Field(discriminator="name")]


class AugmentationSection(Section):
    """Option names and meanings of Keras' ``ImageDataGenerator``; see ``fer_keras.augmentation``.

    The descriptions are the allowed ranges that an error names.
    """

    rotation_range: float = Field(0.0, ge=0, le=180, description="0 to 180 (degrees)")
    width_shift_range: float = Field(0.0, ge=0, le=48, description="0 to 48 (below 1 a part of the width, else pixels)")
    height_shift_range: float = Field(
        0.0, ge=0, le=48, description="0 to 48 (below 1 a part of the height, else pixels)"
    )
    shear_range: float = Field(0.0, ge=0, lt=90, description="0 to below 90 (degrees)")
    zoom_range: Annotated[float, Field(ge=0, lt=1)] | Range = Field(
        0.0, description="0 to below 1, or [lower, upper] with 0 < lower <= upper <= 10"
    )
    horizontal_flip: bool = Field(False, description="true or false")
    vertical_flip: bool = Field(False, description="true or false")
    brightness_range: Range | None = Field(None, description="[lower, upper] with 0 < lower <= upper <= 10, or null")
    contrast_range: Range | None = Field(None, description="[lower, upper] with 0 < lower <= upper <= 10, or null")
    channel_shift_range: float = Field(0.0, ge=0, le=255, description="0 to 255 (grey levels)")
    fill_mode: Literal["constant", "nearest", "reflect", "wrap"] = Field(
        "nearest", description="constant, nearest, reflect or wrap"
    )
    cval: float = Field(0.0, ge=0, le=255, description="0 to 255 (grey level)")
    random_erasing: Fraction = Field(0.0, description="0 to 1 (probability)")
    cutout: int = Field(0, ge=0, le=48, description="a whole number from 0 to 48 (side in pixels)")
    mixup: float = Field(0.0, ge=0, le=10, description="0 to 10 (alpha of the Beta distribution)")

    @field_validator("*", mode="wrap")
    @classmethod
    def _name_the_range(cls, value, handler, info):
        try:
            result = handler(value)
            if isinstance(result, tuple) and not 0 < result[0] <= result[1] <= 10:
                raise ValueError("not an ordered range")
        except ValueError as error:  # a pydantic ValidationError is one too
            raise ValueError(f"allowed: {cls.model_fields[info.field_name].description}") from error
        return result


class DataSection(Section):
    """Where the faces come from."""

    source: str | None = None
    limit: Annotated[int, Field(ge=1)] | None = None


class TrainSection(Section):
    """Everything the optimisation needs."""

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 30
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 128
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: Positive = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    schedule: Literal["cosine", "plateau", "constant"] = "cosine"
    warmup_epochs: Annotated[float, Field(ge=0)] = 1.0
    plateau_factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    plateau_patience: Annotated[int, Field(ge=1)] = 5
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    gradient_clip: Annotated[float, Field(ge=0)] = 0.0
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    imbalance: Literal["none", "class_weights", "balanced_sampling"] = "none"
    early_stop_patience: Annotated[int, Field(ge=0)] = 0
    monitor: Literal["val_accuracy", "val_loss"] = "val_accuracy"
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "auto"
    deterministic: bool = False


class EvaluateSection(Section):
    """How a finished model is scored."""

    tta: Literal["none", "flip"] = "none"
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 256


class Recipe(Section):
    """One resolved recipe. ``recipe.train.epochs`` and ``--set train.epochs=5`` are the same key."""

    model: ModelSection = CnnModel()
    data: DataSection = DataSection()
    augmentation: AugmentationSection = AugmentationSection()
    train: TrainSection = TrainSection()
    evaluate: EvaluateSection = EvaluateSection()


class _StrictLoader(yaml.SafeLoader):
    """YAML as people expect it: ``1e-3`` is a number, ``on`` is text, a repeated key is an error."""


def _unique_mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    doubled = sorted({str(key) for key in keys if keys.count(key) > 1})
    if doubled:
        line = node.start_mark.line + 1
        raise ConfigError(f"key {doubled[0]!r} stands twice in the mapping at line {line}")
    return loader.construct_mapping(node, deep=True)


_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in pairs if not tag.endswith((":bool", ":float", ":int", ":timestamp"))]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_constructor("tag:yaml.org,2002:map", _unique_mapping)
_StrictLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))
_StrictLoader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(0|[1-9]\d*)$"), list("-+0123456789"))
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?$"),
    list("-+.0123456789"),
)


def parse_yaml(text: str, where: str) -> Any:
    """Parse YAML strictly.

    Raises:
        ConfigError: not YAML, or a key stands twice.
    """
    try:
        return yaml.load(text, Loader=_StrictLoader)  # a SafeLoader subclass
    except yaml.YAMLError as error:
        raise ConfigError(f"{where} is not valid YAML: {error}") from error


def _key_names(path: tuple[str, ...], data: Any) -> list[str]:
    """Valid keys at a place in the recipe, for the nearest-name offer."""
    section: Any = Recipe
    for part in path:
        if part == "model":
            name = data.get("model", {}).get("name", "cnn") if isinstance(data, dict) else "cnn"
            section = {"cnn": CnnModel, "mobilenetv2": MobileNetV2Model}.get(name, CnnModel)
        elif isinstance(section, type) and part in section.model_fields:
            section = section.model_fields[part].annotation
    return list(section.model_fields)


def _explain(error: ValidationError, data: Any, where: str) -> ConfigError:
    first = error.errors()[0]
    path = tuple(str(part) for part in first["loc"] if part not in ("cnn", "mobilenetv2"))
    key = ".".join(path)
    if first["type"] == "extra_forbidden":
        names = _key_names(path[:-1], data)
        return ConfigError(
            f"{where}: unknown recipe key '{key}'", allowed=", ".join(names), hint=nearest_hint(path[-1], names)
        )
    message = first["msg"].removeprefix("Value error, ")
    return ConfigError(f"{where}: '{key}': {message}", received=repr(first.get("input")))


def _tuples(value: Any) -> Any:
    """YAML has lists only; strict models want tuples."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


def make_recipe(data: dict | None, where: str = "recipe") -> Recipe:
    """Validate plain data into a recipe.

    Raises:
        ConfigError: unknown key (with the nearest valid name), wrong type or value out of range.
    """
    data = {} if data is None else data
    if not isinstance(data, dict):
        raise ConfigError(f"{where} must be a mapping of sections", received=type(data).__name__)
    if isinstance(data.get("model"), dict):  # the union needs a name to choose by
        data = {**data, "model": {"name": "cnn", **data["model"]}}
    try:
        return Recipe.model_validate(_tuples(data))
    except ValidationError as error:
        raise _explain(error, data, where) from error


def apply_overrides(data: dict, overrides: tuple[str, ...]) -> dict:
    """Return a copy of ``data`` with each ``section.key=value`` set; values are read as YAML."""
    result = {key: dict(value) if isinstance(value, dict) else value for key, value in data.items()}
    for text in overrides:
        key, sign, value = text.partition("=")
        parts = key.strip().split(".")
        if not sign or len(parts) != 2 or not all(parts):
            raise ConfigError(
                "cannot read --set", allowed="section.key=value, such as train.epochs=5", received=repr(text)
            )
        if not isinstance(result.setdefault(parts[0], {}), dict):
            raise ConfigError(f"'{parts[0]}' is not a section of the recipe")
        result[parts[0]][parts[1]] = parse_yaml(value, f"--set {key}")
    return result


def load_yaml_file(path: Path) -> dict:
    """Read a recipe file as plain data.

    Raises:
        ConfigError: missing, unreadable, not UTF-8 or not a mapping.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError(f"cannot read recipe {path}: {reason}") from error
    data = parse_yaml(text, str(path))
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must be a mapping of sections", received=type(data).__name__)
    return data


def dump_recipe(recipe: Recipe) -> str:
    """Return the resolved recipe as YAML that :func:`make_recipe` reads back to an equal recipe."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False)

"""A recipe as strict models: defaults, YAML file, ``--set`` overrides, dump. No TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError, model_validator

from ..emotions import FACE_SIZE
from ..errors import ConfigError, nearest_hint
from .augmentation import AugmentationSection
from .data import MAX_IMAGE_SIZE, MIN_IMAGE_SIZE, DataSection
from .distill import DistillSection
from .model import SECTIONS, CnnModel, ModelSection, TransferModel
from .pruning import PruningSection
from .section import Section
from .strict_yaml import MAX_CHARACTERS, parse_yaml
from .train import BalanceSection, EvaluateSection, FineTuneSection, TrainSection

# Keys of ``data`` that say where the data lay on some machine; which data they were is told by their sha256.
DATA_PLACES = ("source", "ferplus")


class Recipe(Section):
    """One resolved recipe. ``recipe.train.epochs`` and ``--set train.epochs=5`` are the same key."""

    model: ModelSection = CnnModel()
    data: DataSection = DataSection()
    augmentation: AugmentationSection = AugmentationSection()
    balance: BalanceSection = BalanceSection()
    train: TrainSection = TrainSection()
    distill: DistillSection = DistillSection()
    fine_tune: FineTuneSection = FineTuneSection()
    pruning: PruningSection = PruningSection()
    evaluate: EvaluateSection = EvaluateSection()

    @property
    def epochs(self) -> int:
        """Epochs of both phases."""
        return self.train.epochs + self.fine_tune.epochs

    @property
    def has_random_base(self) -> bool:
        """Whether a network that is made for a pretrained base begins without pretrained weights."""
        return isinstance(self.model, TransferModel) and self.model.weights == "none"

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences that must be shown beside any result of this recipe."""
        if not isinstance(self.model, TransferModel) or not self.has_random_base:
            return ()
        opened = self.fine_tune.from_layer if self.fine_tune.epochs else self.model.fine_tune_from
        if opened == "all":
            return ()
        part = "the base is frozen" if opened is None else f"the base is frozen below {opened}"
        return (
            f"{part} at random weights (model.weights=none), which know nothing of faces: set "
            "model.fine_tune_from=all to train it, or give pretrained weights",
        )

    @property
    def trains_batch_norm(self) -> bool:
        """Whether a batch normalisation of the network ever sees the statistics of batches."""
        if not isinstance(self.model, TransferModel):
            return True
        if self.has_random_base and self.model.fine_tune_from is not None:
            return True
        return self.fine_tune.epochs > 0 and (self.fine_tune.batch_norm == "train" or self.has_random_base)

    @property
    def caches_features(self) -> bool:
        """Whether the frozen base sees only faces and their mirror images, so that features are computed once."""
        frozen = isinstance(self.model, TransferModel) and self.model.fine_tune_from is None
        return frozen and self.train.cache_features and self.augmentation.only_mirrors

    @model_validator(mode="after")
    def _refuse_fine_tuning_without_a_base(self):
        if self.fine_tune.epochs and not isinstance(self.model, TransferModel):
            names = [name for name, section in SECTIONS.items() if issubclass(section, TransferModel)]
            raise ConfigError(
                f"fine_tune.epochs={self.fine_tune.epochs}, but {self.model.name} has no pretrained base to open",
                allowed=f"fine_tune.epochs=0, or one of {', '.join(names)}",
            )
        return self

    @model_validator(mode="after")
    def _refuse_what_does_not_go_together(self):
        if self.pruning.sparsity and self.fine_tune.epochs:
            raise ConfigError(
                "pruning does not go with a second phase of training",
                hint="Set fine_tune.epochs=0; 'fer-keras prune RUN' prunes a run that was trained in two",
            )
        if self.train.average_last and (self.fine_tune.epochs or self.pruning.sparsity):
            raise ConfigError(
                "train.average_last goes neither with a second phase of training nor with pruning",
                hint="Set train.average_last=0",
            )
        if self.balance.target and self.train.imbalance == "oversample":
            raise ConfigError(
                "balance.target and train.imbalance=oversample both fill classes up",
                hint="Set balance.target=0 or train.imbalance=none",
            )
        if self.balance.target and not self.augmentation.is_active:
            raise ConfigError(
                "balance.target fills classes with augmented copies, but augmentation is off: they would be identical",
                hint="Set an augmentation, such as augmentation.horizontal_flip=true, or train.imbalance=oversample",
            )
        if self.balance.cap and not self.balance.target:
            raise ConfigError("balance.cap needs balance.target", hint="Set balance.target, or balance.cap=false")
        return self


def _key_names(path: tuple[str, ...], data: Any) -> list[str]:
    """Valid keys at a place in the recipe, for the nearest-name offer."""
    section: Any = Recipe
    for part in path:
        if part == "model":
            name = data.get("model", {}).get("name", "cnn") if isinstance(data, dict) else "cnn"
            section = SECTIONS.get(name, CnnModel)
        elif part in section.model_fields:
            section = section.model_fields[part].annotation
    return list(section.model_fields)


def _explain(error: ValidationError, data: Any, where: str) -> ConfigError:
    first = error.errors()[0]
    path = tuple(str(part) for part in first["loc"] if part not in SECTIONS)
    key = ".".join(path)
    if first["type"] == "extra_forbidden":
        names = _key_names(path[:-1], data)
        return ConfigError(
            f"{where}: unknown recipe key '{key}'", allowed=", ".join(names), hint=nearest_hint(path[-1], names)
        )
    if first["type"] == "union_tag_invalid":
        name = str(first["input"].get("name"))
        return ConfigError(
            f"{where}: no network 'model.name={name}'", allowed=", ".join(SECTIONS), hint=nearest_hint(name, SECTIONS)
        )
    message = first["msg"].removeprefix("Value error, ")
    return ConfigError(f"{where}: '{key}': {message}", received=repr(first.get("input")))


def _image_size(data: dict) -> int:
    """The side that pixel options are held against; a wrong one is reported by its own section."""
    section = data.get("data")
    size = section.get("image_size") if isinstance(section, dict) else None
    return size if type(size) is int and MIN_IMAGE_SIZE <= size <= MAX_IMAGE_SIZE else FACE_SIZE


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
        return Recipe.model_validate(_tuples(data), context={"image_size": _image_size(data)})
    except ValidationError as error:
        raise _explain(error, data, where) from error


def recipe_key(recipe: Recipe) -> dict:
    """Plain data that are equal for runs of one recipe, whatever their seed, wherever their data lay, checked or not.

    A crop is given in pixels, which a recipe may give as a part.
    """
    sections = recipe.model_dump(mode="json")
    del sections["train"]["seed"]
    for key in (*DATA_PLACES, "check"):
        sections["data"].pop(key, None)
    sections["augmentation"]["crop"] = recipe.augmentation.crop_side(recipe.data.image_size)
    return sections


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
        with open(path, encoding="utf-8") as handle:
            text = handle.read(MAX_CHARACTERS + 1)
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

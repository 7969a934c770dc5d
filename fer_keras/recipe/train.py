"""The sections ``balance``, ``train``, ``fine_tune`` and ``evaluate`` of a recipe. No TensorFlow."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..errors import ConfigError
from .section import Section

Positive = Annotated[float, Field(gt=0)]


class BalanceSection(Section):
    """How many training faces each class has per epoch; see ``fer_keras.training.balance``. Off at 0 or null."""

    target: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    cap: bool = False


class TrainSection(Section):
    """Everything the optimisation needs.

    ``average_last`` is the part of the epochs, at the end, whose weights are averaged; the rate stays at
    ``average_rate`` of its peak there.
    """

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 30
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 128
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    optimizer: Literal["adamw", "muon", "sgd"] = "adamw"
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
    average_last: Annotated[float, Field(ge=0, lt=1)] = 0.0
    average_rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    imbalance: Literal["none", "class_weights", "balanced_sampling", "oversample"] = "none"
    loss: Literal["cross_entropy", "focal"] = "cross_entropy"
    focal_gamma: Annotated[float, Field(ge=0, le=10)] = 2.0
    early_stop_patience: Annotated[int, Field(ge=0)] = 0
    monitor: Literal["val_accuracy", "val_loss"] = "val_accuracy"
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "auto"
    deterministic: bool = False
    cache_features: bool = True

    @property
    def falling_epochs(self) -> int:
        """Epochs before those whose weights are averaged: all of them without averaging."""
        return self.epochs - round(self.average_last * self.epochs)

    @model_validator(mode="after")
    def _refuse_what_an_average_does_not_go_with(self):
        if self.average_last and (self.schedule == "plateau" or self.early_stop_patience):
            raise ConfigError(
                "train.average_last needs a run whose last epochs are known from the start",
                allowed="train.schedule=cosine or constant and train.early_stop_patience=0",
                received=f"schedule {self.schedule}, early_stop_patience {self.early_stop_patience}",
            )
        if self.average_last and not 0 < self.falling_epochs < self.epochs:
            raise ConfigError(
                f"train.average_last={self.average_last:g} of {self.epochs} epochs is none of them, or all",
                hint="Train for more epochs, or set train.average_last=0",
            )
        return self


class FineTuneSection(Section):
    """A second phase of training that opens layers of the pretrained base; none with 0 epochs.

    ``batch_norm``: ``frozen`` keeps the base's statistics and scales, ``train`` learns both from the faces.
    """

    epochs: Annotated[int, Field(ge=0, le=10_000)] = 0
    from_layer: str = "all"
    batch_norm: Literal["frozen", "train"] = "frozen"
    learning_rate: Positive = 1e-5


class EvaluateSection(Section):
    """How a finished model is scored."""

    tta: Literal["none", "flip"] = "none"
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 256

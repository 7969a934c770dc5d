"""The sections ``balance``, ``train``, ``fine_tune`` and ``evaluate`` of a recipe. No TensorFlow."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .section import Section

Positive = Annotated[float, Field(gt=0)]


class BalanceSection(Section):
    """How many training faces each class has per epoch; see ``fer_keras.training.balance``. Off at 0 or null."""

    target: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    cap: bool = False


class TrainSection(Section):
    """Everything the optimisation needs."""

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
    imbalance: Literal["none", "class_weights", "balanced_sampling", "oversample"] = "none"
    loss: Literal["cross_entropy", "focal"] = "cross_entropy"
    focal_gamma: Annotated[float, Field(ge=0, le=10)] = 2.0
    early_stop_patience: Annotated[int, Field(ge=0)] = 0
    monitor: Literal["val_accuracy", "val_loss"] = "val_accuracy"
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "auto"
    deterministic: bool = False
    cache_features: bool = True


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

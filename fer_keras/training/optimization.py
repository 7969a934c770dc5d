"""From the recipe's ``train`` section to a compiled model: loss, rate, optimizer. Backend-neutral."""

from __future__ import annotations

import keras

from ..recipe.distill import DistillSection
from ..recipe.train import TrainSection
from .muon import ConvMuon
from .weight_average import WarmedAverage

FINAL_RATE_FRACTION = 0.01
# Decaying these only shrinks the scale that normalisation sets; it does not regularise (Goyal et al. 2017, 5.3).
UNDECAYED = ["bias", "gamma", "beta"]


class WarmedSGD(WarmedAverage, keras.optimizers.SGD):
    """SGD whose moving average warms up."""


class WarmedMuon(WarmedAverage, ConvMuon):
    """Muon whose moving average warms up."""


class WarmedAdamW(WarmedAverage, keras.optimizers.AdamW):
    """AdamW whose moving average warms up."""


class FocalCrossentropy(keras.losses.Loss):
    """Focal loss over softmax classes: the mean of -sum_c y_c (1 - p_c)^gamma log p_c.

    Lin et al. 2017, "Focal Loss for Dense Object Detection", arXiv:1708.02002, eq. 4, without its class weight alpha:
    class weights come as sample weights. Well classified faces count less; at gamma 0 it is cross-entropy. Logits of
    any size give finite values and gradients (log-softmax; probabilities are not clipped).

    Args:
        gamma: focusing parameter, 0 or more; the paper's choice is 2.
        label_smoothing: share of each label that is spread over all classes (Szegedy et al. 2016), 0 to below 1.
        name: of the loss.
        **kwargs: of ``keras.losses.Loss``.

    Called with ``y_true`` (B, classes), one-hot or soft rows that sum to 1, and ``y_pred`` (B, classes) logits.
    """

    def __init__(self, gamma: float = 2.0, label_smoothing: float = 0.0, name: str = "focal_crossentropy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.gamma, self.label_smoothing = gamma, label_smoothing

    def call(self, y_true, y_pred):
        y_true = y_true * (1 - self.label_smoothing) + self.label_smoothing / y_pred.shape[-1]
        log_p = keras.ops.log_softmax(y_pred, axis=-1)  # (B, classes)
        # 1 - p through expm1: exact where p is near 1. The floor keeps the gradient of a power below 1 finite.
        rest = keras.ops.maximum(-keras.ops.expm1(log_p), keras.config.epsilon())
        return -keras.ops.sum(y_true * rest**self.gamma * log_p, axis=-1)  # (B,)

    def get_config(self):
        return {**super().get_config(), "gamma": self.gamma, "label_smoothing": self.label_smoothing}


class DistillationLoss(keras.losses.Loss):
    """The share ``1 - weight`` of a loss on labels, and ``weight`` of the divergence from the teacher's answers.

    That is temperature squared times KL(teacher || student) of the softened probabilities, so that its gradient is of
    one size whatever the temperature (Hinton et al. 2015).

    Args:
        labels: the loss on labels.
        weight: above 0, at most 1.
        temperature: above 0.

    Called with ``y_true`` (B, 2 classes), labels and the teacher's softened probabilities side by side, and ``y_pred``
    (B, classes) logits.
    """

    def __init__(self, labels: keras.losses.Loss, weight: float, temperature: float):
        super().__init__(name="distillation")
        self.labels, self.weight, self.temperature = labels, weight, temperature

    def call(self, y_true, y_pred):
        labels, teacher = keras.ops.split(y_true, 2, axis=-1)
        student = keras.ops.log_softmax(y_pred / self.temperature, axis=-1)
        surprise = keras.ops.log(keras.ops.maximum(teacher, keras.config.epsilon())) - student
        divergence = self.temperature**2 * keras.ops.sum(teacher * surprise, axis=-1)  # (B,)
        return (1 - self.weight) * self.labels.call(labels, y_pred) + self.weight * divergence


class LabelAccuracy(keras.metrics.CategoricalAccuracy):
    """Accuracy against the labels, the first half of ``y_true`` (B, 2 classes)."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(keras.ops.split(y_true, 2, axis=-1)[0], y_pred, sample_weight)


def make_loss(train: TrainSection) -> keras.losses.Loss:
    """The loss of a recipe: softmax cross-entropy on logits, or its focal form; both with label smoothing."""
    if train.loss == "focal":
        return FocalCrossentropy(gamma=train.focal_gamma, label_smoothing=train.label_smoothing)
    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=train.label_smoothing)


def learning_rate(train: TrainSection, steps: int):
    """Return a schedule (cosine with linear warm-up, Loshchilov & Hutter 2017) or the constant base rate.

    Where the last epochs are averaged, the rate stays constant in them.
    For ``plateau`` and ``constant`` the rate is a variable that callbacks set once per epoch.
    """
    if train.schedule != "cosine":
        return train.learning_rate
    falling = train.falling_epochs * steps
    warmup = min(round(train.warmup_epochs * steps), falling - 1)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else train.learning_rate,
        warmup_target=train.learning_rate if warmup else None,
        warmup_steps=warmup,
        decay_steps=falling - warmup,
        alpha=train.average_rate if train.average_last else FINAL_RATE_FRACTION,
    )


def make_optimizer(train: TrainSection, steps: int) -> keras.optimizers.Optimizer:
    """AdamW (Loshchilov & Hutter 2019), Muon or Nesterov SGD, with decoupled weight decay; weights averaged or not."""
    common = {
        "global_clipnorm": train.gradient_clip or None,
        "use_ema": train.ema > 0,
        "ema_momentum": train.ema or 0.99,
    }
    rate = learning_rate(train, steps)
    if train.optimizer == "sgd":
        decay = train.weight_decay or None
        optimizer = WarmedSGD(rate, momentum=train.momentum, nesterov=True, weight_decay=decay, **common)
    elif train.optimizer == "muon":
        optimizer = WarmedMuon(rate, weight_decay=train.weight_decay, **common)
    else:
        optimizer = WarmedAdamW(rate, weight_decay=train.weight_decay, **common)
    if train.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=UNDECAYED)
    return optimizer


def compile_model(
    model: keras.Model, train: TrainSection, steps: int, optimizer=None, distill: DistillSection | None = None
) -> None:
    """Compile with the recipe's loss on logits and accuracy (against soft labels: that of their largest share).

    Args:
        model: built.
        train: the recipe's section.
        steps: of an epoch.
        optimizer: one to share, built for the same variables; by default a new one.
        distill: the recipe's section; with a teacher, batches hold its answers beside the labels.
    """
    loss, accuracy = make_loss(train), keras.metrics.CategoricalAccuracy(name="accuracy")
    if distill is not None and distill.teacher is not None:
        loss, accuracy = DistillationLoss(loss, distill.weight, distill.temperature), LabelAccuracy(name="accuracy")
    model.compile(
        optimizer=make_optimizer(train, steps) if optimizer is None else optimizer,
        loss=loss,
        metrics=[accuracy],
        # XLA on CPU runs convolutions several times slower than oneDNN; elsewhere Keras decides.
        jit_compile="auto",
    )
    if optimizer is None:
        model.optimizer.build(model.trainable_variables)


def set_average(model: keras.Model, kind: str) -> None:
    """Choose how a compiled model averages its weights, ``warmed`` or ``plain``, before its first step."""
    optimizer = inner_optimizer(getattr(model, "optimizer", None))
    if isinstance(optimizer, WarmedAverage):
        optimizer.warms_up = kind == "warmed"


def inner_optimizer(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """The optimizer itself, out of the loss scaling that float16 puts around it."""
    return getattr(optimizer, "inner_optimizer", optimizer)

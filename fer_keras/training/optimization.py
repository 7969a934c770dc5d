"""From the recipe's ``train`` section to a compiled model. Backend-neutral."""

from __future__ import annotations

import keras

from ..recipe.train import TrainSection
from .losses import make_loss
from .muon import ConvMuon

FINAL_RATE_FRACTION = 0.01
# Decaying these only shrinks the scale that normalisation sets; it does not regularise (Goyal et al. 2017, 5.3).
UNDECAYED = ["bias", "gamma", "beta"]


def learning_rate(train: TrainSection, steps: int):
    """Return a schedule (cosine with linear warm-up, Loshchilov & Hutter 2017) or the constant base rate.

    For ``plateau`` and ``constant`` the rate is a variable that callbacks set once per epoch.
    """
    if train.schedule != "cosine":
        return train.learning_rate
    warmup = min(round(train.warmup_epochs * steps), train.epochs * steps - 1)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else train.learning_rate,
        warmup_target=train.learning_rate if warmup else None,
        warmup_steps=warmup,
        decay_steps=train.epochs * steps - warmup,
        alpha=FINAL_RATE_FRACTION,
    )


def make_optimizer(train: TrainSection, steps: int) -> keras.optimizers.Optimizer:
    """AdamW (Loshchilov & Hutter 2019), Muon or Nesterov SGD, with decoupled weight decay; weights averaged or not."""
    common = {
        "weight_decay": train.weight_decay or None,
        "global_clipnorm": train.gradient_clip or None,
        "use_ema": train.ema > 0,
        "ema_momentum": train.ema or 0.99,
    }
    rate = learning_rate(train, steps)
    if train.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(rate, momentum=train.momentum, nesterov=True, **common)
    elif train.optimizer == "muon":
        optimizer = ConvMuon(rate, **{**common, "weight_decay": train.weight_decay})
    else:
        optimizer = keras.optimizers.AdamW(rate, **{**common, "weight_decay": train.weight_decay})
    if train.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=UNDECAYED)
    return optimizer


def compile_model(model: keras.Model, train: TrainSection, steps: int, optimizer=None) -> None:
    """Compile with the recipe's loss on logits and accuracy (against soft labels: that of their largest share).

    Args:
        model: built.
        train: the recipe's section.
        steps: of an epoch.
        optimizer: one to share, built for the same variables; by default a new one.
    """
    model.compile(
        optimizer=make_optimizer(train, steps) if optimizer is None else optimizer,
        loss=make_loss(train),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        # XLA on CPU runs convolutions several times slower than oneDNN; elsewhere Keras decides.
        jit_compile="auto",
    )
    if optimizer is None:
        model.optimizer.build(model.trainable_variables)


def inner_optimizer(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """The optimizer itself, out of the loss scaling that float16 puts around it."""
    return getattr(optimizer, "inner_optimizer", optimizer)

"""The ``pruning`` section of a recipe. No TensorFlow."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..errors import ConfigError
from .section import Section

Sparsity = Annotated[float, Field(ge=0, lt=1)]
PartOfSteps = Annotated[float, Field(ge=0, le=1)]


class PruningSection(Section):
    """Magnitude pruning while training, see ``fer_keras.training.pruning``; none with a sparsity of 0.

    Zeros rise from ``initial_sparsity`` to ``sparsity`` between the parts ``begin`` and ``end`` of all steps, every
    ``frequency`` steps.
    """

    sparsity: Sparsity = 0.0
    initial_sparsity: Sparsity = 0.0
    begin: PartOfSteps = 0.0
    end: PartOfSteps = 0.5
    frequency: Annotated[int, Field(ge=1, le=100_000)] = 10
    scope: Literal["global", "layer"] = "global"
    first_layer: bool = False
    last_layer: bool = False

    @model_validator(mode="after")
    def _refuse_a_schedule_that_goes_backwards(self):
        if self.initial_sparsity > self.sparsity or self.begin > self.end:
            raise ConfigError(
                "the pruning schedule goes backwards",
                allowed="pruning.initial_sparsity <= pruning.sparsity and pruning.begin <= pruning.end",
                received=f"sparsity {self.initial_sparsity:g} to {self.sparsity:g}, "
                f"at {self.begin:g} to {self.end:g} of the steps",
            )
        return self

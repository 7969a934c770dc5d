"""The ``start`` section of a recipe. No TensorFlow."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from ..errors import ConfigError
from .section import Section


class StartSection(Section):
    """Weights that training begins with, see ``fer_keras.training.starting``; random ones without ``source``.

    ``source`` is a finished run (path, name beside the new run, or name of a run in the package) or a ``.keras`` file
    of the recipe's network. ``freeze`` keeps all but the last layer fixed in the first phase; ``fine_tune`` opens it.
    """

    source: Annotated[str, Field(min_length=1)] | None = None
    freeze: bool = False

    @model_validator(mode="after")
    def _refuse_to_freeze_random_weights(self):
        if self.freeze and self.source is None:
            raise ConfigError(
                "start.freeze=true would freeze random weights", hint="Set start.source=RUN, or start.freeze=false"
            )
        return self

"""The ``model`` section of a recipe: one strict section per network, chosen by ``name``. No TensorFlow."""

from __future__ import annotations

import typing
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from .section import Section

Dropout = Annotated[float, Field(ge=0, lt=1)]
Units = Annotated[int, Field(ge=0, le=4096)]


class NetworkSection(Section):
    """Options of one network. ``module``: the file of ``fer_keras.models`` that builds it, with ``build_NAME``."""

    module: ClassVar[str]


class CnnModel(NetworkSection):
    """The project's own network."""

    module: ClassVar[str] = "cnn"
    name: Literal["cnn"] = "cnn"
    width: Annotated[int, Field(ge=8, le=512)] = 64
    dropout: Dropout = 0.3


Filters = Annotated[int, Field(ge=8, le=1024)]


class CnnSmallModel(NetworkSection):
    """The project's own small network: a third of the arithmetic of ``cnn``."""

    module: ClassVar[str] = "cnn"
    name: Literal["cnn_small"] = "cnn_small"
    stem: Filters = 24
    filters: tuple[Filters, Filters, Filters] = (32, 80, 160)
    dropout: Dropout = 0.3
    full: bool = False
    gates: bool = False
    head: Literal["average", "map"] = "average"


class CnnTinyModel(CnnSmallModel):
    """``cnn_small`` with fewer filters, all multiples of 16: at most 15 M multiply-accumulates."""

    name: Literal["cnn_tiny"] = "cnn_tiny"  # type: ignore[assignment]  # another network of the same options
    stem: Filters = 16
    filters: tuple[Filters, Filters, Filters] = (16, 48, 128)
    dropout: Dropout = 0.2


class ScratchCnnModel(NetworkSection):
    """The plain convolutional network of 1.06 M parameters that published comparisons train from scratch."""

    module: ClassVar[str] = "reference"
    name: Literal["scratch_cnn"] = "scratch_cnn"
    dropout: Dropout = 0.4


class SimpleCnnModel(NetworkSection):
    """Two convolutions and a dense layer, the smallest network of the usual comparison."""

    module: ClassVar[str] = "reference"
    name: Literal["simple_cnn"] = "simple_cnn"
    head_units: Units = 128
    dropout: Dropout = 0.0


class Vgg10Model(NetworkSection):
    """Eight convolutions, the first two at full resolution, and two dense layers: a teacher, not a network to ship."""

    module: ClassVar[str] = "teachers"
    name: Literal["vgg10"] = "vgg10"
    width: Filters = 32
    units: Annotated[int, Field(ge=8, le=4096)] = 512
    dropout: Dropout = 0.4


class SeResNet14Model(NetworkSection):
    """Residual blocks with squeeze-excitation behind a convolution at full resolution: a teacher of another kind."""

    module: ClassVar[str] = "teachers"
    name: Literal["se_resnet14"] = "se_resnet14"
    stem: Filters = 32
    width: Filters = 48
    dropout: Dropout = 0.4


class MiniXceptionModel(NetworkSection):
    """mini-Xception (Arriaga et al. 2017, arXiv:1710.07557)."""

    module: ClassVar[str] = "reference"
    name: Literal["mini_xception"] = "mini_xception"
    input_size: Annotated[int, Field(ge=32, le=448)] = 64


class TransferModel(NetworkSection):
    """A base trained on colour images behind a grayscale-repeat layer, with the common head."""

    module: ClassVar[str] = "transfer"
    weights: str = "imagenet"
    input_size: Annotated[int, Field(ge=32, le=448)] = 96
    head_units: Units = 256
    dropout: Dropout = 0.3
    fine_tune_from: str | None = None
    until: str | None = None
    grid: Annotated[int, Field(ge=1, le=16)] = 1


class MobileNetV2Model(TransferModel):
    """MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381)."""

    name: Literal["mobilenetv2"] = "mobilenetv2"


class Vgg16Model(TransferModel):
    """VGG16 (Simonyan & Zisserman 2015, arXiv:1409.1556)."""

    name: Literal["vgg16"] = "vgg16"


class ResNet50Model(TransferModel):
    """ResNet-50 (He et al. 2016, arXiv:1512.03385)."""

    name: Literal["resnet50"] = "resnet50"


class MobileNetV3SmallModel(TransferModel):
    """MobileNetV3 small (Howard et al. 2019, arXiv:1905.02244)."""

    name: Literal["mobilenetv3small"] = "mobilenetv3small"


class EfficientNetV2B0Model(TransferModel):
    """EfficientNetV2-B0 (Tan & Le 2021, arXiv:2104.00298)."""

    name: Literal["efficientnetv2b0"] = "efficientnetv2b0"


class ImportedModel(Section):
    """A network that came as a file: its run can be scored and exported, a recipe cannot build it."""

    name: Literal["imported"] = "imported"


class EnsembleModel(Section):
    """Finished runs whose probabilities are averaged; a recipe cannot build it."""

    name: Literal["ensemble"] = "ensemble"


Buildable = (
    CnnModel
    | CnnSmallModel
    | CnnTinyModel
    | ScratchCnnModel
    | SimpleCnnModel
    | Vgg10Model
    | SeResNet14Model
    | MiniXceptionModel
    | MobileNetV2Model
    | Vgg16Model
    | ResNet50Model
    | MobileNetV3SmallModel
    | EfficientNetV2B0Model
)
ModelSection = Annotated[Buildable | ImportedModel | EnsembleModel, Field(discriminator="name")]

# Networks that a recipe can train.
SECTIONS: dict[str, type[NetworkSection]] = {
    kind.model_fields["name"].default: kind for kind in typing.get_args(Buildable)
}

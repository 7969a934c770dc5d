"""``imported``: a network from a file, wrapped so that it takes and gives what every model of this project does."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from .layers import GrayscaleToRGB, ResizeImages, SelectOutputs
from .transfer import CAFFE, SYMMETRIC, Rescaling

# Mean and standard deviation per channel of ImageNet in the range 0..1, the convention of torchvision.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
IMAGENET: Rescaling = {
    "scale": [1 / (255 * deviation) for deviation in _DEVIATION],
    "offset": [-mean / deviation for mean, deviation in zip(_MEAN, _DEVIATION, strict=True)],
}
# What a network may want in place of pixels 0..255: name to the arguments of ``keras.layers.Rescaling``.
RESCALINGS: dict[str, Rescaling] = {
    "none": {},
    "unit": {"scale": 1 / 255, "offset": 0.0},
    "symmetric": SYMMETRIC,
    "imagenet": IMAGENET,
    "caffe": CAFFE,
}
COLOUR_ONLY = ("imagenet", "caffe")


def wrap_imported(network: keras.Model, *, image_size: int, rescale: str, outputs: Sequence[int]) -> keras.Sequential:
    """Build ``(B, image_size, image_size, 1)`` pixels 0..255 to ``(B, classes)`` logits around a network.

    Args:
        network: (B, S, S, 1 or 3) to logits in its own order.
        image_size: side of the faces that the run takes; another than S is resized inside, bilinear.
        rescale: key of ``RESCALINGS``: what it was trained on.
        outputs: for each class of the project, the output of the network that it is.
    """
    side, channels = network.input_shape[1], network.input_shape[3]
    body = [keras.Input((image_size, image_size, 1), name="images")]
    body += [ResizeImages(side, name="imported_resize")] if side != image_size else []  # (B, S, S, 1)
    body += [GrayscaleToRGB(name="imported_gray_to_rgb")] if channels == 3 else []  # (B, S, S, 3)
    body += [layers.Rescaling(name="imported_rescale", **RESCALINGS[rescale])] if RESCALINGS[rescale] else []
    body += [network]  # (B, classes)
    if list(outputs) != list(range(network.output_shape[-1])):
        body += [SelectOutputs(outputs, name="imported_class_order")]
    return keras.Sequential(body, name="imported")

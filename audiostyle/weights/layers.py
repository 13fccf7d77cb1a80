"""The sixteen convolutions of VGG-19: the one list of names and sizes that every reader is checked against."""

from typing import NamedTuple

__all__ = ["CONV_LAYERS", "POOL_AFTER", "ConvLayer", "parameter_names", "parameter_shapes"]


class ConvLayer(NamedTuple):
    """One 3 x 3 convolution: its name and its numbers of feature maps."""

    name: str
    n_out: int
    n_in: int


def _conv_layers() -> tuple[ConvLayer, ...]:
    layers, n_in = [], 3
    for block, (count, n_out) in enumerate(((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)), start=1):
        for index in range(1, count + 1):
            layers.append(ConvLayer(f"conv{block}_{index}", n_out, n_in))
            n_in = n_out
    return tuple(layers)


CONV_LAYERS = _conv_layers()

# A 2 x 2 pooling layer follows the last convolution of each block.
POOL_AFTER = {"conv1_2": "pool1", "conv2_2": "pool2", "conv3_4": "pool3", "conv4_4": "pool4", "conv5_4": "pool5"}


def parameter_shapes() -> list[tuple[int, ...]]:
    """Return the shapes of the 32 arrays W1, b1, W2, ...: W ``(n_out, n_in, 3, 3)``, b ``(n_out,)``."""
    shapes: list[tuple[int, ...]] = []
    for layer in CONV_LAYERS:
        shapes += [(layer.n_out, layer.n_in, 3, 3), (layer.n_out,)]
    return shapes


def parameter_names() -> list[str]:
    """Return names for the 32 arrays in order: ``conv1_1 W``, ``conv1_1 b``, ..."""
    return [f"{layer.name} {kind}" for layer in CONV_LAYERS for kind in "Wb"]

"""VGG-19 in Lasagne, as the authors built it (vggnet.py): zero-padded 3x3 convolutions, 2x2 pooling."""

import warnings
from typing import Any

import numpy as np
import theano
import theano.tensor as T

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Lasagne 0.1 finds its version through pkg_resources
    import lasagne

from audiostyle.errors import InputError
from audiostyle.weights.layers import CONV_LAYERS

__all__ = ["INPUT", "SamePaddedConv2DLayer", "build_vgg19", "check_size", "features", "shared_parameters"]

INPUT = "input"
_CHANNELS = (64, 128, 256, 512, 512)
_CONVOLUTIONS = (2, 2, 4, 4, 4)
_SMALLEST = 2 ** (len(_CONVOLUTIONS) - 1)


class SamePaddedConv2DLayer(lasagne.layers.Conv2DLayer):
    """A 3x3 cross-correlation of stride 1 whose padding belongs to the convolution.

    Lasagne 0.1 pads by copying the input and has no ``flip_filters``; here Theano's convolution does
    the padding and the filters are not flipped (the authors' ``flip_filters=False``), with either
    version of Lasagne.
    """

    def __init__(self, incoming: Any, num_filters: int, **kwargs: Any) -> None:
        super().__init__(incoming, num_filters, 3, pad=1, **kwargs)

    def get_output_for(self, input: Any, **kwargs: Any) -> Any:
        """Return the symbolic activation, ``(1, num_filters, height, width)``."""
        convolved = T.nnet.conv2d(
            input,
            self.W,
            input_shape=self.input_shape,
            filter_shape=self.get_W_shape(),
            border_mode=(1, 1),
            filter_flip=False,
        )
        return self.nonlinearity(convolved + self.b.dimshuffle("x", 0, "x", "x"))


def shared_parameters(parameters: list[np.ndarray], float_type: str = "float32") -> list[Any]:
    """Return the parameters as Theano's shared variables, for any number of networks.

    Parameters
    ----------
    parameters : list of 32 np.ndarray
        Filters ``(out_channels, in_channels, 3, 3)`` and biases ``(out_channels,)`` in turn, conv1_1
        to conv5_4, for blue, green, red input of 0 to 255 minus the mean.
    float_type : {'float32', 'float64'}
    """
    names = [f"{layer.name}.{kind}" for layer in CONV_LAYERS for kind in ("W", "b")]
    return [
        theano.shared(np.ascontiguousarray(array, dtype=float_type), name=name)
        for name, array in zip(names, parameters, strict=True)
    ]


def check_size(height: int, width: int) -> None:
    """Raise InputError if four poolings leave nothing of an image for the last convolutions."""
    if min(height, width) < _SMALLEST:
        raise InputError(
            f"The network's image has {height} x {width} pixels, but VGG-19 needs {_SMALLEST} each way; use a longer "
            "--duration."
        )


def build_vgg19(
    height: int | None, width: int | None, parameters: list[Any], *, pooling: str = "average",
    float_type: str = "float32",
) -> dict[str, Any]:  # fmt: skip
    """Build the network up to pool5 on given parameters.

    Parameters
    ----------
    height, width : int or None
        Size of the image in pixels; None for any.
    parameters : list of 32 shared variables
        As :func:`shared_parameters` returns them.
    pooling : {'average', 'max'}
        D4: the authors took the average; VGG itself was trained with the maximum.
    float_type : {'float32', 'float64'}

    Returns
    -------
    dict of str to lasagne.layers.Layer
        Layers by name: ``input``, ``conv1_1`` ... ``pool5``.  Pooling drops odd edges, so 854 columns
        become 427, 213, 106, 53 and 26.
    """
    mode = {"average": "average_exc_pad", "max": "max"}[pooling]
    variables = iter(parameters)
    layer = lasagne.layers.InputLayer((1, 3, height, width), input_var=T.TensorType(float_type, (False,) * 4)("image"))
    layers = {INPUT: layer}
    for block, (channels, convolutions) in enumerate(zip(_CHANNELS, _CONVOLUTIONS, strict=True), start=1):
        for index in range(1, convolutions + 1):
            name = f"conv{block}_{index}"
            filters, biases = next(variables), next(variables)
            layer = layers[name] = SamePaddedConv2DLayer(layer, channels, W=filters, b=biases, name=name)
        layer = layers[f"pool{block}"] = lasagne.layers.Pool2DLayer(layer, 2, mode=mode, name=f"pool{block}")
    return layers


def features(layers: dict[str, Any], names: tuple[str, ...], image: Any) -> dict[str, Any]:
    """Return the symbolic activations of some layers at a symbolic image.

    Parameters
    ----------
    layers : dict
        As :func:`build_vgg19` returns them.
    names : tuple of str
        Layers wanted, ``input`` among them if need be.
    image : Theano variable ``(1, 3, height, width)``

    Returns
    -------
    dict of str to Theano variable ``(1, channels, height, width)``
    """
    return dict(zip(names, lasagne.layers.get_output([layers[name] for name in names], image), strict=True))

"""MatConvNet's ``.mat``, read by scipy."""

from typing import Any, BinaryIO

import numpy as np

from audiostyle.errors import InputError
from audiostyle.weights.parameters import Found, assemble, layer_of

__all__ = ["is_matlab", "read_matlab"]


def is_matlab(head: bytes) -> bool:
    """Say whether a file begins as MATLAB's level 5 format does, in either byte order."""
    return head.startswith(b"MATLAB 5.0 MAT-file") or head[124:128] in (b"\x00\x01IM", b"\x01\x00MI")


def read_matlab(stream: BinaryIO, where: str) -> Found:
    """Read ``imagenet-vgg-verydeep-19.mat``, of the newer or the older MatConvNet.

    Kernels are stored ``(width, height, n_in, n_out)`` and take red-green-blue input.

    Raises
    ------
    InputError
        If it is not MatConvNet's VGG-19.
    """
    import scipy.io

    layers = scipy.io.loadmat(stream, variable_names=["layers"], simplify_cells=True).get("layers")
    if not isinstance(layers, (list, np.ndarray)):
        raise InputError(
            f"{where} is a MATLAB file without MatConvNet's list of layers; use imagenet-vgg-verydeep-19.mat."
        )
    found, others = {}, []
    for layer in layers:
        name, pair = _parameters(layer)
        conv = layer_of(name)
        if conv and pair:
            kernels, biases = pair
            found[f"{conv} W"] = kernels.transpose() if isinstance(kernels, np.ndarray) else kernels
            found[f"{conv} b"] = biases
        elif pair:
            others.append(name)
    return Found("MatConvNet .mat", assemble(found, others, where), channel_order="RGB")


def _parameters(layer: Any) -> tuple[str, tuple[Any, Any] | None]:
    """Return a layer's name and its kernels and biases, if it has any."""
    if not isinstance(layer, dict) or not isinstance(layer.get("name"), str):
        return "", None
    weights = layer.get("weights")
    if isinstance(weights, (list, np.ndarray)) and len(weights) == 2:
        return layer["name"], (weights[0], weights[1])
    if "filters" in layer and "biases" in layer:
        return layer["name"], (layer["filters"], layer["biases"])
    return layer["name"], None

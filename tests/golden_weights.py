"""The weights that the recorded numbers were made with."""

import hashlib
from functools import lru_cache

import h5py
import numpy as np

from audiostyle.weights.layers import CONV_LAYERS, parameter_shapes
from audiostyle.weights.normalise import normalise

GOLDEN_SHA256 = "16f25e0cd6236fd167fab4368c4123c119a90b81d2918459cbf4a8869376b08f"


@lru_cache(maxsize=1)
def _golden():
    generator = np.random.RandomState(0)
    arrays, digest = [], hashlib.sha256()
    for shape in parameter_shapes():
        if len(shape) == 4:
            array = (generator.standard_normal(shape) * np.sqrt(2 / (9 * shape[1]))).astype(np.float32)
        else:
            array = np.zeros(shape, np.float32)
        array.setflags(write=False)
        arrays.append(array)
        digest.update(array.tobytes())
    assert digest.hexdigest() == GOLDEN_SHA256
    return tuple(arrays)


def golden_weights(conv1_1_div32=False):
    """The 32 arrays of golden/README.md (read-only), with conv1_1's kernels divided by 32 if asked (T24)."""
    arrays = list(_golden())
    if conv1_1_div32:
        arrays[0] = arrays[0] / np.float32(32)
    return arrays


@lru_cache(maxsize=1)
def _imagenet(shared):
    arrays = []
    with h5py.File(shared / "vgg19" / "vgg19_imagenet_notop_8bit.h5") as file:
        for layer in CONV_LAYERS:
            name = f"block{layer.name[4]}_conv{layer.name[6]}"
            kernels = file[name][f"{name}_W_1:0"][()].transpose(3, 2, 0, 1)
            arrays += [np.ascontiguousarray(kernels), file[name][f"{name}_b_1:0"][()]]
    for array in arrays:
        array.setflags(write=False)
    return tuple(arrays)


def imagenet_raw(shared):
    """The 32 ImageNet arrays as trained (read-only), read here with h5py alone."""
    return list(_imagenet(shared))


def imagenet_weights(shared):
    """The 32 ImageNet arrays, normalised with the recorded mean activations."""
    with np.load(shared / "vgg19" / "mean_activations.npz") as means:
        return normalise(_imagenet(shared), dict(means))

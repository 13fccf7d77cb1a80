"""Arrays for the tests of oneDNN's kernels, in and out of the blocked layout."""

import numpy as np

from audiostyle.network.onednn.library import load_library


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def arrays(shape, batch=1, size=3, seed=0):
    inputs, outputs, height, width = shape
    random = np.random.RandomState(seed)
    # Activations after a ReLU: no mean of zero, so that errors of one sign show.
    source = np.maximum(random.standard_normal((batch, inputs, height, width)), 0).astype("float32")
    scale = np.sqrt(2 / (size * size * inputs))
    filters = (random.standard_normal((outputs, inputs, size, size)) * scale).astype("float32")
    gradient = random.standard_normal((batch, outputs, height, width)).astype("float32")
    return source, filters, random.standard_normal(outputs).astype("float32"), gradient


def blocked(array):
    library = load_library()
    return library.to_blocked(array) if array.shape[1] % library.block == 0 else array


def plain(array):
    return load_library().from_blocked(array) if array.ndim == 5 else array

"""HDF5 files: Keras' VGG-19 (with or without the dense layers) and this program's own form."""

import math
import re
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from audiostyle.errors import InputError
from audiostyle.weights.parameters import RECORD_KEYS, Found, assemble, known_record, layer_of, maps_first

__all__ = ["MEANS", "OWN_FORMAT", "read_hdf5"]

# The root attribute `format` of files written by audiostyle.weights.save, and the group of mean activations.
OWN_FORMAT = "audiostyle vgg19 weights 1"
MEANS = "mean_activations"

_KERNEL = re.compile(r"(?:.*_)?(?:W|W_1|kernel)(?::0)?")
_BIAS = re.compile(r"(?:.*_)?(?:b|b_1|bias)(?::0)?")
_MAX_VALUES = 512 * 512 * 9
# The group that a whole model of Keras keeps its layers in.
_MODEL = "model_weights/"


def read_hdf5(stream: BinaryIO, where: str) -> Found:
    """Read the sixteen layers of an HDF5 file; links are not followed.

    Raises
    ------
    InputError
        If it is not VGG-19, or its numbers are in another file.
    """
    import h5py

    with h5py.File(stream, "r") as file:
        attributes = {key: _text(file.attrs.get(key)) for key in ("format", *RECORD_KEYS)}
        own = attributes["format"] == OWN_FORMAT
        found: dict[str, Any] = {}
        others: set[str] = set()
        for path, dataset in _datasets(file).items():
            name, last = path.split("/")[0], path.rpartition("/")[2]
            layer = layer_of(name)
            kind = "W" if _KERNEL.fullmatch(last) else "b" if _BIAS.fullmatch(last) else None
            if layer is None:
                others.add(name)
            elif kind is None or f"{layer} {kind}" in found:
                raise InputError(f"{where} has {path[:80]!a}, which is not expected; use an unchanged file of VGG-19.")
            else:
                values = _read(dataset, f"{where} has {path[:80]!a}, which")
                found[f"{layer} {kind}"] = values if own or kind == "b" else maps_first(values)
    arrays = assemble(found, others - {MEANS} if own else others, where)
    return Found("AudioStyle .h5" if own else "Keras .h5", arrays, fixed=own, record=known_record(attributes, own))


def _datasets(file: Any) -> dict[str, Any]:
    """Return the datasets of a file by their paths; of a whole model, those of its layers."""
    import h5py

    datasets: dict[str, Any] = {}

    def note(path: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            datasets[path] = item

    file.visititems(note)
    model = {path.removeprefix(_MODEL): item for path, item in datasets.items() if path.startswith(_MODEL)}
    return model or datasets


def _read(dataset: Any, what: str) -> npt.NDArray[Any]:
    """Read a dataset that can be a layer's and lies in this file."""
    if not dataset.shape or dataset.dtype.kind not in "fiu":
        raise InputError(f"{what} holds no numbers; use an unchanged file of VGG-19.")
    if math.prod(dataset.shape) > _MAX_VALUES:
        raise InputError(
            f"{what} has the shape {dataset.shape}, larger than any convolution of VGG-19; use a file of VGG-19."
        )
    if dataset.external or dataset.is_virtual:
        raise InputError(f"{what} lies in another file; use the original file.")
    values: npt.NDArray[Any] = np.asarray(dataset[()])
    return values


def _text(value: Any) -> str | None:
    """Return a text attribute, which may be stored in two ways."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value if isinstance(value, str) else None

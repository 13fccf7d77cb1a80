"""The process that reads an HDF5 file: from standard input to an ``.npz`` on standard output.

The HDF5 library is large, written in C, and can run for ever or end the process on a file made to
that end; :mod:`audiostyle.weights.hdf5_file` therefore runs it here, with limits.
"""

import io
import json
import math
import re
import resource
import sys
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from audiostyle.weights.hdf5_file import MEANS, OTHER, OWN_FORMAT, RECORD
from audiostyle.weights.parameters import layer_of, maps_first

__all__ = ["main"]

_KERNEL = re.compile(r"(?:.*_)?(?:W|W_1|kernel)(?::0)?")
_BIAS = re.compile(r"(?:.*_)?(?:b|b_1|bias)(?::0)?")
_MAX_DEPTH = 3
_MAX_MEMBERS = 1000
_MAX_VALUES = 512 * 512 * 9
_MAX_ATTRIBUTES = 20
# The largest known file is read in two seconds.
_MAX_SECONDS = 20
# Beside the file itself; a whole network of float64 needs half of it.
_MAX_EXTRA_MEMORY = 2**29


def main() -> int:
    """Read the file on standard input; write its arrays and record, or an error's text, and return the status."""
    data = sys.stdin.buffer.read()
    _limit(resource.RLIMIT_AS, len(data) + _MAX_EXTRA_MEMORY)
    _limit(resource.RLIMIT_CPU, _MAX_SECONDS)
    try:
        arrays, record = _layers(data)
    except _Unusable as error:
        sys.stderr.write(str(error))
        return 2
    except Exception as error:
        # Whatever the library makes of a damaged file, it is a damaged file.
        sys.stderr.write((str(error).splitlines() or ["it cannot be opened"])[0][:120])
        return 3
    np.savez(sys.stdout.buffer, **arrays, **{RECORD: np.frombuffer(json.dumps(record).encode(), np.uint8)})
    return 0


def _limit(kind: int, value: int) -> None:
    """Lower a limit of this process to `value`, unless it is lower already."""
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


class _Unusable(Exception):
    """What is wrong with a file that can be read."""


def _layers(data: bytes) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """Return arrays by names as ``conv1_1 W``, names of other layers as empty arrays, and the file's record."""
    with h5py.File(io.BytesIO(data), "r") as file:
        own = _attribute(file, "format") == OWN_FORMAT
        root = file["model_weights"] if "model_weights" in _names(file) else file
        found: dict[str, npt.NDArray[Any]] = {}
        for name in _names(root):
            layer = layer_of(name)
            if layer is None:
                # Keras writes a group for each layer that has no weights, too.
                if len(root[name]) and not (own and name == MEANS):
                    found[OTHER + name] = np.empty(0)
                continue
            for path, dataset in _datasets(root[name], name):
                last = path.rpartition("/")[2]
                kind = "W" if _KERNEL.fullmatch(last) else "b" if _BIAS.fullmatch(last) else None
                if kind is None or f"{layer} {kind}" in found:
                    raise _Unusable(f"{path[:80]!a} is not expected")
                values = _read(dataset, path)
                found[f"{layer} {kind}"] = values if own or kind == "b" else maps_first(values)
        record = {key: _attribute(file, key) for key in list(file.attrs)[:_MAX_ATTRIBUTES]} if own else {}
    return found, record


def _attribute(file: Any, name: str) -> str:
    """Return a text attribute of fixed length, or an empty text."""
    if name not in file.attrs or file.attrs.get_id(name).dtype.kind != "S" or file.attrs.get_id(name).shape != ():
        return ""
    return bytes(file.attrs[name]).decode("utf-8", "replace")


def _names(group: Any) -> list[str]:
    """Return the members of a group, which must lie in this file."""
    if len(group) > _MAX_MEMBERS:
        raise _Unusable(f"it has {len(group)} groups")
    names = list(group)
    for name in names:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise _Unusable(f"{name[:80]!a} is a link to somewhere else")
    return names


def _datasets(item: Any, path: str, depth: int = 0) -> list[tuple[str, Any]]:
    """Return the datasets below a group with their paths."""
    if isinstance(item, h5py.Dataset):
        return [(path, item)]
    if depth > _MAX_DEPTH or not isinstance(item, h5py.Group):
        raise _Unusable(f"{path[:80]!a} is nested too deeply")
    members = [_datasets(item[name], f"{path}/{name}", depth + 1) for name in _names(item)]
    return [member for part in members for member in part]


def _read(dataset: Any, path: str) -> npt.NDArray[Any]:
    """Read a dataset that can be a layer's and lies in this file."""
    if not dataset.shape or dataset.dtype.kind not in "fiu" or dataset.dtype.itemsize > 8:
        raise _Unusable(f"{path[:80]!a} holds no numbers")
    if math.prod(dataset.shape) > _MAX_VALUES:
        raise _Unusable(f"{path[:80]!a} of the shape {dataset.shape} is larger than any convolution of VGG-19")
    if dataset.external or dataset.is_virtual:
        raise _Unusable(f"{path[:80]!a} lies in another file")
    values: npt.NDArray[Any] = np.asarray(dataset[()])
    return values


if __name__ == "__main__":
    sys.exit(main())

"""HDF5 files: Keras' VGG-19 (with or without the dense layers) and this program's own form."""

import io
import math
import re
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from audiostyle.errors import InputError
from audiostyle.weights.parameters import Found, assemble, layer_of, maps_first

__all__ = ["HDF5_MAGIC", "OWN_FORMAT", "read_hdf5"]

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"

# The root attribute `format` of files written by audiostyle.weights.save.
OWN_FORMAT = "audiostyle vgg19 weights 1"

_KERNEL = re.compile(r"(?:.*_)?(?:W|W_1|kernel)(?::0)?")
_BIAS = re.compile(r"(?:.*_)?(?:b|b_1|bias)(?::0)?")
_MAX_DEPTH = 3
_MAX_MEMBERS = 1000
_MAX_VALUES = 512 * 512 * 9
_MAX_CHUNKS = 2000
_DEFLATE, _SHUFFLE, _FLETCHER32 = 1, 2, 3


def read_hdf5(data: bytes, where: str) -> Found:
    """Read the sixteen layers of an HDF5 file.

    Parameters
    ----------
    data : bytes
        The file.
    where : str
        What to call it in an error.

    Raises
    ------
    InputError
        If it is damaged, refers to other files, or is not VGG-19.
    """
    import h5py

    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            own = _attribute(file, "format") == OWN_FORMAT
            root = file["model_weights"] if "model_weights" in _names(file, where) else file
            layers = {name: layer_of(name) for name in _names(root, where)}
            found: dict[str, Any] = {}
            others = []
            for name, layer in layers.items():
                if layer is None:
                    others.append(name)
                    continue
                for path, dataset in _datasets(root[name], where, name):
                    last = path.rpartition("/")[2]
                    kind = "W" if _KERNEL.fullmatch(last) else "b" if _BIAS.fullmatch(last) else None
                    if kind is None or f"{layer} {kind}" in found:
                        raise _damaged(where, f"{path[:80]!a} is not expected")
                    values = _read(dataset, where, path)
                    found[f"{layer} {kind}"] = values if own or kind == "b" else maps_first(values)
            # Keras writes a group for each layer that has no weights, too.
            others = [name for name in others if not (own and name == "mean_activations") and _has_data(root[name])]
            record = {key: _attribute(file, key) for key in list(file.attrs)[:20]} if own else {}
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError, UnicodeError, zlib.error) as error:
        raise _damaged(where, str(error).splitlines()[0][:120] if str(error) else "it cannot be opened") from None
    form = "AudioStyle .h5" if own else "Keras .h5"
    return Found(form, assemble(found, others, where), fixed=own, record=record)


def _attribute(file: Any, name: str) -> str:
    """Return a short text attribute, or an empty text."""
    if name not in file.attrs or file.attrs.get_id(name).get_storage_size() > 1000:
        return ""
    value = file.attrs[name]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _names(group: Any, where: str) -> list[str]:
    """Return the members of a group, which must lie in this file."""
    import h5py

    if len(group) > _MAX_MEMBERS:
        raise _damaged(where, f"it has {len(group)} groups")
    names = list(group)
    for name in names:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise _damaged(where, f"{name[:80]!a} is a link to somewhere else")
    return names


def _datasets(item: Any, where: str, path: str, depth: int = 0) -> list[tuple[str, Any]]:
    """Return the datasets below a group with their paths."""
    import h5py

    if isinstance(item, h5py.Dataset):
        return [(path, item)]
    if depth > _MAX_DEPTH or not isinstance(item, h5py.Group):
        raise _damaged(where, f"{path[:80]!a} is nested too deeply")
    members = [_datasets(item[name], where, f"{path}/{name}", depth + 1) for name in _names(item, where)]
    return [member for part in members for member in part]


def _has_data(item: Any) -> bool:
    return not hasattr(item, "keys") or len(item) > 0


def _read(dataset: Any, where: str, path: str) -> npt.NDArray[Any]:
    """Read a dataset that can be a layer's, after a look at how it is stored."""
    if dataset.shape is None or dataset.dtype.kind not in "fiu" or dataset.dtype.itemsize > 8:
        raise _damaged(where, f"{path[:80]!a} holds no numbers")
    if math.prod(dataset.shape) > _MAX_VALUES:
        raise InputError(
            f"{where} has {path[:80]!a} of the shape {dataset.shape}, larger than any convolution of VGG-19; "
            "use a file of VGG-19."
        )
    if dataset.external or dataset.is_virtual:
        raise _damaged(where, f"{path[:80]!a} lies in another file")
    _check_chunks(dataset, where, path)
    values: npt.NDArray[Any] = np.asarray(dataset[()])
    return values


def _check_chunks(dataset: Any, where: str, path: str) -> None:
    """Refuse filters other than the usual ones, and compressed chunks that unpack to more than their size."""
    if dataset.chunks is None:
        return
    plist = dataset.id.get_create_plist()
    filters = [plist.get_filter(index)[0] for index in range(plist.get_nfilters())]
    if not set(filters) <= {_DEFLATE, _SHUFFLE, _FLETCHER32} or len(filters) != len(set(filters)):
        raise _damaged(where, f"{path[:80]!a} is compressed in an unusual way")
    size = math.prod(dataset.chunks) * dataset.dtype.itemsize
    n_chunks = math.prod(-(-full // part) for full, part in zip(dataset.shape, dataset.chunks, strict=True))
    if size > 8 * _MAX_VALUES or n_chunks > _MAX_CHUNKS:
        raise _damaged(where, f"{path[:80]!a} is cut into unusual chunks {dataset.chunks}")
    if _DEFLATE not in filters:
        return
    skipped = 1 << filters.index(_DEFLATE)
    for index in range(dataset.id.get_num_chunks()):
        mask, raw = dataset.id.read_direct_chunk(dataset.id.get_chunk_info(index).chunk_offset)
        if mask & skipped:
            continue
        # The checksum of 4 bytes is inside or outside of the compressed data, as the filters' order has it.
        packed = raw[:-4] if filters[-1] == _FLETCHER32 and not mask & 1 << (len(filters) - 1) else raw
        unpacked = len(zlib.decompressobj().decompress(packed, size + 5))
        if unpacked not in (size, size + 4):
            raise _damaged(where, f"{path[:80]!a} does not unpack to its size")


def _damaged(where: str, what: str) -> InputError:
    return InputError(
        f"{where} is an HDF5 file, but not a readable one of VGG-19 ({what}); it is damaged or something else, "
        "so fetch or copy it again."
    )

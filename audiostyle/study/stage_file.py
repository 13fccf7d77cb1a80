"""A stages file on disk: written whole or not at all, read without trusting it.

The form is HDF5 with one dataset for each stage of :mod:`audiostyle.study.stage_names`.  A file from
elsewhere is measured before it is read: links out of it, declared sizes and kinds of numbers.
"""

import io
import json
import os
import stat
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import numpy as np

from audiostyle.errors import InputError
from audiostyle.files import reason, shown, write_bytes
from audiostyle.study.stage_names import SCHEMA, STAGES, STATISTICS, Stage

__all__ = ["Selection", "StageReader", "StageWriter", "blocks", "statistics"]

Selection = tuple[slice, ...]

_BY_NAME = {stage.name: stage for stage in STAGES}
# Above any activation of an hour's clip that fits into memory; what declares more is a trap.
_MOST_NUMBERS = 2**28
# Numbers that are read at a time, and bytes of a chunk, which HDF5 unpacks as a whole.
_BLOCK_NUMBERS = 2**20
_MOST_CHUNK_BYTES = 2**28
# What compression would make larger.
_FEW_NUMBERS = 64


def statistics(activation: np.ndarray) -> np.ndarray:
    """Return mean, standard deviation and L2 norm ``(3,)`` of an activation, summed in float64."""
    activation = np.asarray(activation)
    norm = np.sqrt(np.square(activation, dtype=np.float64).sum())
    return np.array([activation.mean(dtype=np.float64), activation.std(dtype=np.float64), norm])


class StageWriter:
    """Collects stages and writes them to a file, whole or not at all, when the block ends well.

    They are collected in memory: HDF5 does not survive a disk that becomes full under it.

    Parameters
    ----------
    path : str
        The file to make; an existing one is replaced in one step.
    attributes : dict
        Attributes of the whole file; dicts are stored as JSON.

    Raises
    ------
    RunError
        On leaving: if the system refuses to write.
    """

    def __init__(self, path: str, attributes: dict[str, Any]) -> None:
        import h5py

        self._path = path
        self._memory = io.BytesIO()
        self._file = h5py.File(self._memory, "w")
        for name, value in {"schema": SCHEMA, **attributes}.items():
            self._file.attrs[name] = json.dumps(value, sort_keys=True) if isinstance(value, dict) else value
        self.count = 0

    def __enter__(self) -> "StageWriter":
        return self

    def put(self, name: str, value: Any, **attributes: Any) -> None:
        """Store one stage with its units, its axes and further attributes."""
        stage, value = _BY_NAME[name], np.asarray(value)
        axes = "statistic" if value.ndim == 1 and name.startswith("features/") else stage.axes
        packed = {"compression": "gzip", "shuffle": True} if value.size > _FEW_NUMBERS else {}
        dataset = self._file.create_dataset(name, data=value, **packed)
        for key, text in {"units": stage.units, "axes": axes, **attributes}.items():
            dataset.attrs[key] = text
        self.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if error is not None:
            return
        write_bytes(self._path, self._memory.getvalue(), "The stages")


class StageReader:
    """A stages file of anybody's making, open for reading.

    Parameters
    ----------
    path : str

    Attributes
    ----------
    path : str
    names : tuple of str
        Known stages it holds, in the order of the pipeline.
    unknown : tuple of str
        Other names in it, which are ignored.

    Raises
    ------
    InputError
        If it is not an HDF5 file, or a stage in it is not what the name says.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._check_file()
        import h5py

        try:
            self._file = h5py.File(os.fsencode(path), "r", locking=False)
        except Exception as error:  # h5py has several kinds for a damaged file
            raise self._unusable(f"it is not a readable HDF5 file ({_first_line(error)})") from None
        found = self._walk()
        self.names = tuple(stage.name for stage in STAGES if stage.name in found)
        self.unknown = tuple(sorted(found - set(self.names)))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def is_float32(self, name: str) -> bool:
        """Say whether a stage is there and stored in float32 or less; whole numbers are not."""
        if name not in self.names:
            return False
        dtype = self._dataset(name)[0].dtype
        return bool(dtype.kind == "f" and dtype.itemsize <= 4)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a stage; a single number has the shape ``()``.

        Raises
        ------
        InputError
            If it is not a plain array of real numbers with the axes the stage has.
        """
        return self._dataset(name)[1]

    def read(self, name: str, where: Selection = ()) -> np.ndarray:
        """Return a stage, or a part of it, as float64, or int64 where it holds whole numbers.

        Parameters
        ----------
        name : str
        where : tuple of slice
            As :func:`blocks` gives them; all of it if empty.

        Raises
        ------
        InputError
            As :meth:`shape`, or if its data are damaged.
        """
        dataset, shape = self._dataset(name)
        try:
            value = np.asarray(dataset[where]).astype(np.int64 if dataset.dtype.kind in "iu" else np.float64)
        except MemoryError:
            raise self._unusable(f"{name} does not fit into memory") from None
        except Exception as error:
            raise self._unusable(f"the data of {name} are damaged ({_first_line(error)})") from None
        return value if where else value.reshape(shape)

    def attribute(self, name: str) -> Any:
        """Return an attribute of the whole file if it is a text or a number, else None; JSON is read."""
        try:
            value = self._file.attrs.get(name)
        except Exception:
            return None
        value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if isinstance(value, str) and value[:1] == "{":
            try:
                return json.loads(value)
            except (ValueError, RecursionError):
                return None
        return value if isinstance(value, (str, int, float)) else None

    def _check_file(self) -> None:
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            raise self._unusable("there is no such file") from None
        except (OSError, ValueError) as error:
            raise self._unusable(reason(error) if isinstance(error, OSError) else str(error)) from None
        if not stat.S_ISREG(found.st_mode):
            raise self._unusable("it is not a file")
        if not os.access(self.path, os.R_OK):
            raise self._unusable("this user may not read it")

    def _walk(self) -> set[str]:
        """Return the names of all datasets, without following a link out of the tree."""
        import h5py

        names: set[str] = set()
        groups = [""]
        try:
            for prefix in groups:
                group = self._file[prefix or "/"]
                for key in group:
                    name = f"{prefix}/{key}" if prefix else key
                    kind = group.get(key, getclass=True, getlink=True)
                    if kind is not h5py.HardLink:
                        if name in _BY_NAME or any(known.startswith(f"{name}/") for known in _BY_NAME):
                            raise self._unusable(f"{name} is a link to somewhere else, but the numbers are expected")
                        continue
                    is_group = group.get(key, getclass=True) is h5py.Group
                    if is_group and name in _BY_NAME:
                        raise self._unusable(f"{name} is a group, but {_form(_BY_NAME[name])} is expected")
                    if is_group and any(known.startswith(f"{name}/") for known in _BY_NAME):
                        groups.append(name)
                    else:
                        names.add(name)
        except InputError:
            raise
        except Exception as error:
            raise self._unusable(f"it is damaged ({_first_line(error)})") from None
        return names

    def _dataset(self, name: str) -> tuple[Any, tuple[int, ...]]:
        import h5py

        stage = _BY_NAME[name]
        try:
            dataset = self._file[name]
            plain = isinstance(dataset, h5py.Dataset) and not dataset.is_virtual and not dataset.external
            kind, shape = (dataset.dtype.kind, dataset.shape) if plain else ("", None)
        except Exception as error:
            raise self._unusable(f"{name} is damaged ({_first_line(error)})") from None
        if not plain or shape is None:
            raise self._unusable(f"{name} is not an array in the file itself, but {_form(stage)} is expected")
        if kind not in "fiu":
            raise self._unusable(f"{name} holds {_kind(kind)}, but {_form(stage)} is expected")
        size = int(np.prod(shape, dtype=object))
        if size > _MOST_NUMBERS:
            raise self._unusable(f"{name} declares {size} numbers, but at most {_MOST_NUMBERS} are read")
        missing = _unwritten(dataset, size)
        if missing:
            raise self._unusable(f"{name} declares {size} numbers, but {missing}")
        if not stage.n_axes and size == 1:
            shape = ()
        statistic = name.startswith("features/") and shape == (len(STATISTICS),)
        if not statistic and (len(shape) != stage.n_axes or (stage.n_axes and not size)):
            raise self._unusable(f"{name} has the shape {shape}, but {_form(stage)} is expected")
        return dataset, shape

    def _unusable(self, why: str) -> InputError:
        return InputError(f"{shown(self.path)} cannot be compared: {why}.")


def blocks(shape: tuple[int, ...]) -> Iterator[Selection]:
    """Yield selections that cover an array of this shape, in order, each of a limited number of numbers."""
    row = int(np.prod(shape[1:], dtype=object))
    if not shape:
        yield ()
    elif row > _BLOCK_NUMBERS:
        for index in range(shape[0]):
            for inner in blocks(shape[1:]):
                yield (slice(index, index + 1), *inner)
    else:
        step = max(1, _BLOCK_NUMBERS // max(1, row))
        for start in range(0, shape[0], step):
            yield (slice(start, min(start + step, shape[0])),)


def _unwritten(dataset: Any, size: int) -> str:
    """Say why a dataset's declared size is not to be believed, or nothing."""
    if dataset.chunks is None:
        return "" if dataset.id.get_storage_size() >= size * dataset.dtype.itemsize else "they were never written"
    if np.prod(dataset.chunks, dtype=object) * dataset.dtype.itemsize > _MOST_CHUNK_BYTES:
        return f"in chunks of more than {_MOST_CHUNK_BYTES} bytes; write it with smaller ones, or without chunks"
    wanted = int(np.prod([-(-n // of) for n, of in zip(dataset.shape, dataset.chunks, strict=True)], dtype=object))
    written = dataset.id.get_num_chunks()
    return "" if written == wanted else f"only {written} of its {wanted} chunks were written"


def _form(stage: Stage) -> str:
    if not stage.axes:
        return "one number"
    also = f", or the {len(STATISTICS)} numbers {', '.join(STATISTICS)}" if stage.name.startswith("features/") else ""
    return f"an array of numbers with the axes ({stage.axes}){also}"


def _kind(kind: str) -> str:
    return {"S": "text", "U": "text", "O": "text or objects", "c": "complex numbers", "V": "records"}.get(
        kind, "something else than real numbers"
    )


def _first_line(error: Exception) -> str:
    text = " ".join(str(error).split("\n", 1)[0].split()) or type(error).__name__
    return text[:120].rstrip(".")

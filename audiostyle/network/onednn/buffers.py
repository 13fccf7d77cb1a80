"""Memory for results: aligned for vectors, and used again rather than given back."""

import weakref

import numpy as np

__all__ = ["Buffers"]

_PAGE = 4096


class Buffers:
    """Arrays that start at a page and whose memory is used again when the last view of them is gone.

    numpy aligns arrays to 16 bytes, which splits every 64-byte vector over two cache lines, and gives
    large ones back to the system, which then has to clear each page again: together a quarter of an
    evaluation.
    """

    def __init__(self) -> None:
        self._free: dict[int, list[np.ndarray]] = {}

    def empty(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return an uninitialised float32 array."""
        size = (4 * int(np.prod(shape)) + _PAGE - 1) // _PAGE * _PAGE
        stack = self._free.setdefault(size, [])
        try:
            raw = stack.pop()
        except IndexError:
            raw = np.empty(size + _PAGE, np.uint8)
        holder = _Holder(raw, -raw.ctypes.data % _PAGE, shape)
        # Two threads may finish arrays at once: list.append and list.pop are atomic.
        weakref.finalize(holder, stack.append, raw).atexit = False
        return np.asarray(holder)

    def release(self) -> None:
        """Give back the memory that no array uses now: a network of other sizes would find nothing in it."""
        self._free.clear()


class _Holder:
    """Owns one array's memory; numpy keeps it as the base of all views."""

    __slots__ = ("__array_interface__", "__weakref__")

    def __init__(self, raw: np.ndarray, offset: int, shape: tuple[int, ...]) -> None:
        address = raw.ctypes.data + offset
        self.__array_interface__ = {"shape": shape, "typestr": "<f4", "data": (address, False), "version": 3}

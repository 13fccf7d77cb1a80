"""Memory for results: aligned for vectors, and used again rather than given back."""

import math

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
        self._free: dict[int, list[_Memory]] = {}

    def empty(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return an uninitialised float32 array."""
        size = (4 * math.prod(shape) + _PAGE - 1) // _PAGE * _PAGE
        stack = self._free.setdefault(size, [])
        # Two threads may finish arrays at once: list.append and list.pop are atomic.
        try:
            memory = stack.pop()
        except IndexError:
            memory = _Memory(size)
        return np.asarray(_Holder(memory, stack, shape))

    def release(self) -> None:
        """Give back the memory that no array uses now: a network of other sizes would find nothing in it."""
        self._free.clear()


class _Memory:
    """Whole pages, and where they start: numpy takes long to say."""

    __slots__ = ("address", "raw")

    def __init__(self, size: int) -> None:
        self.raw = np.empty(size + _PAGE, np.uint8)
        start: int = self.raw.ctypes.data
        self.address = start + -start % _PAGE


class _Holder:
    """Owns one array's memory; numpy keeps it as the base of all views."""

    __slots__ = ("__array_interface__", "_memory", "_stack")

    def __init__(self, memory: _Memory, stack: list[_Memory], shape: tuple[int, ...]) -> None:
        self._memory, self._stack = memory, stack
        self.__array_interface__ = {"shape": shape, "typestr": "<f4", "data": (memory.address, False), "version": 3}

    def __del__(self) -> None:
        self._stack.append(self._memory)

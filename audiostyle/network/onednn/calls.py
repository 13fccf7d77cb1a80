"""Calls of a compiled library's functions, whose errors become exceptions."""

import ctypes
from typing import Any

import numpy as np

__all__ = ["Calls", "address"]


class Calls:
    """A library of kernels, to call its functions by name.

    Parameters
    ----------
    functions : ctypes.CDLL
        Those of ``kernels/state.cpp`` among them.
    """

    def __init__(self, functions: ctypes.CDLL) -> None:
        self.functions = functions
        functions.last_error.restype = ctypes.c_char_p

    def __call__(self, name: str, *arguments: Any) -> None:
        """Call a function that returns 0, or leaves a message.

        Raises
        ------
        RuntimeError
            With the message.
        """
        if getattr(self.functions, name)(*arguments):
            raise RuntimeError(f"{name}: {self.functions.last_error().decode()}")

    @property
    def threads(self) -> int:
        """Threads that the functions run on; 0, as set, means what OpenMP says."""
        return int(self.functions.get_threads())

    @threads.setter
    def threads(self, threads: int) -> None:
        self.functions.set_threads(threads)


def address(array: np.ndarray | None) -> ctypes.c_void_p:
    """Return where an array's numbers lie, NULL for none."""
    return ctypes.c_void_p(None if array is None else array.ctypes.data)

"""Flags for g++ where C names that Theano 1.0.5 uses have changed: numpy 2's headers, scipy's BLAS, libpython.

Preprocessor definitions rather than a header file: no path comes into Theano's cache, and none with a space.
"""

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["blas_definitions", "compiler_flags"]

# What Theano's C code calls (tensor/blas.py, tensor/nnet/corr_gemm.c).
_ROUTINES = [f"{kind}{routine}_" for kind in "sd" for routine in ("gemm", "gemv", "ger", "dot")]


def compiler_flags(ldflags: str) -> str:
    """Return what Theano's flag ``gcc.cxxflags`` has to hold with a BLAS that is linked by `ldflags`."""
    return " ".join([*_numpy_definitions(), *blas_definitions(ldflags), *_python_library()])


def blas_definitions(ldflags: str) -> list[str]:
    """Return definitions for the BLAS in scipy's wheels, whose names have had a prefix since scipy 1.13.

    Examples
    --------
    >>> blas_definitions("-L/lib -l:libscipy_openblas-68440149.so")[0]
    '-Dsgemm_=scipy_sgemm_'
    >>> blas_definitions("-lopenblas")
    []
    """
    return [f"-D{name}=scipy_{name}" for name in _ROUTINES] if "libscipy_openblas" in ldflags else []


def _numpy_definitions() -> Iterator[str]:
    import numpy as np

    if int(np.__version__.partition(".")[0]) < 2:
        return
    yield "-DNPY_TARGET_VERSION=NPY_2_0_API_VERSION"  # with PyArray_DESCR(x)->elsize
    # npy_3kcompat.h once gave Python 2's names (gof/c_code/lazylinker_c.c:7, gof/type.py:1057).
    yield "-DNPY_PY3K=1"
    for name in ("Check", "FromLong", "AsLong", "AS_LONG"):
        yield f"-DPyInt_{name}=PyLong_{name}"


def _python_library() -> Iterator[str]:
    """Yield the path of libpython, which Theano links to, where the loader does not find it by itself.

    An interpreter that contains it, such as uv's, has it beside it in a folder that no loader looks into.
    """
    name = f"libpython{sys.version_info[0]}.{sys.version_info[1]}.so.1.0"
    try:
        ctypes.CDLL(name)
    except OSError:
        folder = Path(sys.base_prefix) / "lib"
        if (folder / name).is_file() and " " not in str(folder):  # Theano splits its flags at spaces
            yield f"-Wl,-rpath,{folder}"

"""Names of numpy that Theano 1.0.5 uses and a newer numpy has dropped."""

import importlib.util
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any

__all__ = ["put_back_numpy_names"]


def put_back_numpy_names() -> None:
    """Make ``import theano`` work; call it before."""
    import numpy as np

    dropped: dict[str, Callable[[], Any]] = {
        "bool": lambda: bool,  # numpy 1.24 to 1.26
        "complex": lambda: complex,  # 1.24, as the names from here on: theano/scalar/basic.py:2055
        "product": lambda: np.prod,  # 2.0, as those that follow: basic.py:1748
        "cast": lambda: _Cast(),  # basic.py:2977, tensor/nnet/bn.py:340
        "sctypeDict": lambda: {"float32": np.float32, "float64": np.float64},  # basic.py:1901
        "sctype2char": lambda: lambda kind: np.dtype(kind).char,  # tensor/elemwise.py:700
        "ComplexWarning": lambda: np.exceptions.ComplexWarning,  # tensor/nnet/conv.py:802
        "MAXDIMS": lambda: 32,  # tensor/extra_ops.py:262
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy 1.23 has them all, and warns
        for name, make in dropped.items():
            if not hasattr(np, name):
                setattr(np, name, make())
    if "numpy.distutils" not in sys.modules and importlib.util.find_spec("numpy.distutils") is None:
        _put_back_distutils(np)


class _Cast:
    """``np.cast[type](value)``."""

    def __getitem__(self, kind: Any) -> Callable[[Any], Any]:
        import numpy as np

        return lambda value: np.asarray(value, dtype=getattr(kind, "dtype", kind))


def _put_back_distutils(np: Any) -> None:
    """Stand in for ``numpy.distutils``, of which Theano asks for the headers' folder alone (gof/cmodule.py:1624)."""
    misc_util: Any = types.ModuleType("numpy.distutils.misc_util", "A stand-in with what Theano uses.")
    misc_util.get_numpy_include_dirs = lambda: [np.get_include()]
    distutils: Any = types.ModuleType("numpy.distutils", misc_util.__doc__)
    distutils.misc_util = misc_util
    np.distutils = distutils
    sys.modules.update({"numpy.distutils": distutils, "numpy.distutils.misc_util": misc_util})

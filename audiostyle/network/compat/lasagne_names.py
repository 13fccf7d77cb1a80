"""What Lasagne 0.1 imports and is gone: Theano's ``downsample`` (0.9) and Python's ``getargspec`` (3.11)."""

import inspect
import sys
import types
from typing import Any

__all__ = ["put_back_lasagne_names"]


def put_back_lasagne_names() -> None:
    """Make ``import lasagne`` work; call it after Theano was imported."""
    if not hasattr(inspect, "getargspec"):
        inspect.getargspec = _getargspec  # type: ignore[attr-defined]
    name = "theano.tensor.signal.downsample"
    if name not in sys.modules:
        import theano.tensor.signal

        module = types.ModuleType(name, "Theano's pooling under the name it had before 0.9.")
        module.max_pool_2d = _max_pool_2d  # type: ignore[attr-defined]
        sys.modules[name] = theano.tensor.signal.downsample = module


def _getargspec(function: Any) -> tuple[Any, ...]:
    return tuple(inspect.getfullargspec(function)[:4])


def _max_pool_2d(
    input: Any, ds: Any, ignore_border: Any = None, st: Any = None, padding: Any = (0, 0), mode: str = "max"
) -> Any:
    from theano.tensor.signal import pool

    return pool.pool_2d(input, ws=ds, ignore_border=ignore_border, stride=st, pad=padding, mode=mode)

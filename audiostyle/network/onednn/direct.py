"""oneDNN's own convolutions, each prepared for one shape."""

import ctypes

import numpy as np

from audiostyle.network.onednn.buffers import Buffers
from audiostyle.network.onednn.calls import Calls, address

__all__ = ["DirectConvolution"]


class DirectConvolution:
    """A convolution by oneDNN's direct kernels (:file:`kernels/convolution.cpp`).

    Parameters
    ----------
    call : Calls
        The library with the kernels.
    shape : tuple of int
        ``(batch, inputs, outputs, height, width, size)``.
    bias, relu, accumulate : bool
        What comes with it: adding a bias, ReLU, adding to what is there.

    Attributes
    ----------
    layout : bytes
        How filters are laid out for it; equal where they may be shared.
    """

    def __init__(
        self, call: Calls, shape: tuple[int, ...], bias: bool = False, relu: bool = False, accumulate: bool = False
    ) -> None:
        self.call, self.handle = call, ctypes.c_void_p()
        flags = [ctypes.c_int(flag) for flag in (bias, relu, accumulate)]
        call("convolution_new", *map(ctypes.c_int64, shape), *flags, ctypes.byref(self.handle))
        call.functions.convolution_filter_bytes.restype = ctypes.c_int64
        self._filter_bytes = call.functions.convolution_filter_bytes(self.handle)
        size = call.functions.convolution_filter_layout(self.handle, None, 0)
        layout = ctypes.create_string_buffer(size)
        call.functions.convolution_filter_layout(self.handle, layout, size)
        self.layout = layout.raw

    def prepare(self, filters: np.ndarray, buffers: Buffers) -> np.ndarray:
        """Return filters ``(outputs, inputs, size, size)``, laid out for :meth:`run` in a buffer."""
        prepared = buffers.empty((self._filter_bytes // 4,))
        self.call("convolution_prepare", self.handle, address(filters), address(prepared))
        return prepared

    def run(self, source: np.ndarray, prepared: np.ndarray, bias: np.ndarray | None, result: np.ndarray) -> None:
        """Convolve; blocked arrays where channels are whole blocks, plain ones otherwise."""
        self.call("convolution_run", self.handle, *map(address, (source, prepared, bias, result)))

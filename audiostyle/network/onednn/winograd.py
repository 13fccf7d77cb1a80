"""Winograd's kernels for one size of tiles."""

import ctypes

import numpy as np

from audiostyle.network.onednn.buffers import Buffers
from audiostyle.network.onednn.calls import Calls, address

__all__ = ["Winograd"]


class Winograd:
    """3x3 convolutions by ``F(tile x tile, 3x3)`` (:file:`kernels/winograd.cpp`).

    Parameters
    ----------
    call : Calls
        The library with the kernels.
    tile : int
        Pixels a side of a tile: 4 or 6.
    block : int
        Channels of a block.
    """

    def __init__(self, call: Calls, tile: int, block: int) -> None:
        self.call, self.tile, self.block = call, tile, block
        self.positions = (tile + 2) ** 2

    def tiles(self, batch: int, height: int, width: int) -> int:
        """Return how many tiles cover the images."""
        return batch * -(-height // self.tile) * -(-width // self.tile)

    def prepare(self, filters: np.ndarray) -> np.ndarray:
        """Return the transforms of filters ``(outputs, inputs, 3, 3)``, both whole blocks, for :meth:`run`."""
        outputs, inputs = filters.shape[:2]
        prepared = Buffers().empty((self.positions * outputs * inputs,))
        sizes = map(ctypes.c_int64, (inputs, outputs))
        self.call("winograd_prepare", *sizes, address(filters), address(prepared))
        return prepared

    def run(
        self,
        source: np.ndarray,
        prepared: np.ndarray,
        bias: np.ndarray | None,
        add: np.ndarray | None,
        mask: np.ndarray | None,
        relu: bool,
        result: np.ndarray,
    ) -> None:
        """Convolve blocked arrays; `result` may be `add`.  See :meth:`.library.Library.convolve`."""
        batch, blocks, height, width, _ = source.shape
        sizes = (batch, blocks * self.block, result.shape[1] * self.block, height, width)
        arrays = map(address, (source, prepared, bias, add, mask))
        self.call("winograd_run", *map(ctypes.c_int64, sizes), *arrays, ctypes.c_int(relu), address(result))

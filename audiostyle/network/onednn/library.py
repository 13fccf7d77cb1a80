"""The kernels as functions on numpy arrays, and what is prepared once for all calls.

Why ctypes and one library rather than a Theano ``COp``: the C++ is the same for every shape, so it is
compiled once per machine in seconds, not once per graph in a minute; a call costs microseconds, the
fastest kernel a tenth of a millisecond; and neither compiler flags nor a path with spaces pass through
Theano's splitting of flags.
"""

import ctypes
import functools
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from audiostyle.network.onednn.buffers import Buffers
from audiostyle.network.onednn.build import Kernels, build_kernels, build_winograd
from audiostyle.network.onednn.calls import Calls, address
from audiostyle.network.onednn.direct import DirectConvolution
from audiostyle.network.onednn.winograd import Winograd

__all__ = ["Library", "load_library"]

# With fewer 4x4 tiles than this, fetching Winograd's filters, four times as large, takes longer than it saves.
_FEWEST_TILES = 20


class Library:
    """The kernels, loaded: functions on arrays, and what is prepared once for all of them.

    Attributes
    ----------
    block : int
        Channels of a block: 16 with AVX-512, else 8.
    version : str
        Version of oneDNN.
    buffers : Buffers
    """

    def __init__(self, kernels: Kernels) -> None:
        functions, self.block, self.version = kernels
        self._call = Calls(functions)
        self._winograd = {4: Winograd(self._call, 4, self.block)}
        self.buffers = Buffers()
        self._convolutions: dict[tuple[Any, ...], DirectConvolution] = {}
        self._transforms: dict[int, ctypes.c_void_p] = {}
        self._prepared: dict[tuple[Any, ...], tuple[weakref.ref[np.ndarray], np.ndarray]] = {}

    def description(self, tile: int = 4) -> str:
        """Return what does the work with tiles of a size, in words."""
        instructions = "AVX-512" if self.block == 16 else "AVX2"
        tiles = "" if tile == 4 else f" of {tile}x{tile} tiles"
        return f"oneDNN {self.version} and Winograd kernels{tiles}, {instructions}, {self.threads} threads"

    def set_threads(self, threads: int) -> None:
        """Run every kernel on this many threads from now on; 0 means what OpenMP says."""
        for winograd in self._winograd.values():
            winograd.call.threads = threads

    @property
    def threads(self) -> int:
        """Threads that the kernels run on."""
        return self._call.threads

    def load_tiles(self, tile: int) -> Winograd:
        """Return Winograd's kernels for tiles of a size, compiled if need be.

        Raises
        ------
        audiostyle.network.onednn.build.Unavailable
            As :func:`audiostyle.network.onednn.build.build_winograd`.
        """
        if tile not in self._winograd:
            call = Calls(build_winograd(tile, self.block))
            call.threads = self.threads
            self._winograd[tile] = Winograd(call, tile, self.block)
        return self._winograd[tile]

    def convolve(
        self,
        source: np.ndarray,
        filters: np.ndarray,
        bias: np.ndarray | None = None,
        *,
        backwards: bool = False,
        relu: bool = False,
        add_to: np.ndarray | None = None,
        mask: np.ndarray | None = None,
        tile: int = 4,
    ) -> np.ndarray:
        """Return a cross-correlation of stride 1 with zeros around, or its gradient for the input.

        Parameters
        ----------
        source : np.ndarray
            Blocked, ``(batch, channels / block, height, width, block)``, or plain,
            ``(batch, channels, height, width)``, where channels are not whole blocks.
        filters : np.ndarray ``(out_channels, in_channels, size, size)``
            Analysis once: the array must never be written to.
        bias : np.ndarray ``(out_channels,)``, optional
        backwards : bool
            `source` is a gradient of ``out_channels``; the result has ``in_channels``.  At stride 1
            that is a convolution too, with the filters turned round and the channels exchanged.
        relu : bool
            Replace negative results by 0.
        add_to : np.ndarray, optional
            Blocked; the result is added to it in place.
        mask : np.ndarray, optional
            Blocked; the result, after the addition, is 0 where this is not positive.
        tile : int
            Pixels a side of Winograd's largest tiles: 4, or 6, which round four times as much.

        Returns
        -------
        np.ndarray
            Blocked where its channels are whole blocks, plain otherwise.
        """
        batch, _, height, width = source.shape[:4]
        outputs, inputs, size = filters.shape[:3]
        if backwards:
            outputs, inputs = inputs, outputs
        given = source.shape[1] * (self.block if source.ndim == 5 else 1)
        if given != inputs or (source.ndim == 5) == bool(inputs % self.block):
            raise ValueError(f"An activation {source.shape} does not go with filters {filters.shape}.")
        if bias is not None:
            bias = np.ascontiguousarray(bias, dtype=np.float32)
            if bias.shape != (outputs,):
                raise ValueError(f"A bias {bias.shape} does not go with filters {filters.shape}.")
        padded = -(-outputs // self.block)
        shape = (batch, padded, height, width, self.block)
        for other in (add_to, mask):
            if other is not None and (other.shape != shape or outputs % self.block):
                raise ValueError(f"An activation {other.shape} does not go with a result {shape}.")
        winograd = self._winograd_for(batch, inputs, height, width, size, tile)
        if winograd is None:
            result = self._convolve_directly(source, filters, bias, backwards, relu, add_to)
            return result if mask is None else self.relu_gradient(mask, result, in_place=True)

        def transform() -> np.ndarray:
            turned = _oriented(filters, backwards)
            return winograd.prepare(np.pad(turned, ((0, padded * self.block - outputs), (0, 0), (0, 0), (0, 0))))

        prepared = self._keep((id(filters), backwards, winograd.tile), filters, transform)
        if bias is not None and outputs % self.block:
            bias = np.pad(bias, (0, -outputs % self.block))
        result = self.buffers.empty(shape) if add_to is None else add_to
        winograd.run(source, prepared, bias, add_to, mask, relu, result)
        return result if outputs % self.block == 0 else self._plain(result, outputs)

    def _winograd_for(self, batch: int, inputs: int, height: int, width: int, size: int, tile: int) -> Winograd | None:
        """Return the kernels that multiply least, None for oneDNN's.  A rule, and no measurement: runs must repeat."""
        fewest = self._winograd[4].tiles(batch, height, width)
        if size != 3 or inputs % self.block or fewest < _FEWEST_TILES:
            return None
        sizes = [self._winograd[4], self.load_tiles(tile)]
        return min(sizes, key=lambda each: each.positions * each.tiles(batch, height, width))

    def _convolve_directly(self, source: np.ndarray, filters: np.ndarray, bias: np.ndarray | None, backwards: bool,
                           relu: bool, add_to: np.ndarray | None) -> np.ndarray:  # fmt: skip
        batch, _, height, width = source.shape[:4]
        outputs, inputs, size = filters.shape[:3]
        if backwards:
            outputs, inputs = inputs, outputs
        shape = (batch, inputs, outputs, height, width, size)
        convolution = self._convolution(shape, bias is not None, relu, add_to is not None)

        def transform() -> np.ndarray:
            return convolution.prepare(_oriented(filters, backwards), Buffers())

        prepared = self._keep((id(filters), backwards, convolution.layout), filters, transform)
        if add_to is not None:
            result = add_to
        elif outputs % self.block:
            result = self.buffers.empty((batch, outputs, height, width))
        else:
            result = self.buffers.empty((batch, outputs // self.block, height, width, self.block))
        convolution.run(source, prepared, bias, result)
        return result

    def gram(self, activation: np.ndarray) -> np.ndarray:
        """Return the products of all pairs of channels summed over pixels, ``(channels, channels)``.

        `activation` is blocked, of batch 1.
        """
        _, blocks, height, width, block = activation.shape
        channels = blocks * block
        matrix = self.buffers.empty((channels, channels))
        self._call("gram", *map(ctypes.c_int64, (channels, height * width)), *map(address, (activation, matrix)))
        return matrix

    def mix(self, matrix: np.ndarray, activation: np.ndarray) -> np.ndarray:
        """Return the product of a matrix ``(channels, channels)`` with every pixel of a blocked activation."""
        batch, blocks, height, width, block = activation.shape
        channels = blocks * block
        convolution = self._convolution((batch, channels, channels, height, width, 1))
        result = self.buffers.empty(activation.shape)
        convolution.run(activation, convolution.prepare(matrix, self.buffers), None, result)
        return result

    def copy(self, array: np.ndarray) -> np.ndarray:
        """Return a copy in a buffer of ours."""
        result = self.buffers.empty(array.shape)
        np.copyto(result, array)
        return result

    def to_blocked(self, plain: np.ndarray) -> np.ndarray:
        """Return ``(batch, channels, height, width)`` as ``(batch, channels / block, height, width, block)``."""
        batch, channels, height, width = plain.shape
        if channels % self.block:
            raise ValueError(f"{channels} channels are not whole blocks of {self.block}.")
        result = self.buffers.empty((batch, channels // self.block, height, width, self.block))
        plain = np.ascontiguousarray(plain)
        self._call("to_blocked", *map(ctypes.c_int64, (batch, channels, height * width)),
                   address(plain), address(result))  # fmt: skip
        return result

    def from_blocked(self, blocked: np.ndarray) -> np.ndarray:
        """Undo :meth:`to_blocked`."""
        return self._plain(blocked, blocked.shape[1] * self.block)

    def _plain(self, blocked: np.ndarray, channels: int) -> np.ndarray:
        batch, _, height, width, _ = blocked.shape
        result = self.buffers.empty((batch, channels, height, width))
        self._call("from_blocked", *map(ctypes.c_int64, (batch, channels, height * width)),
                   address(blocked), address(result))  # fmt: skip
        return result

    def relu_gradient(self, activation: np.ndarray, gradient: np.ndarray, *, in_place: bool = False) -> np.ndarray:
        """Return `gradient` where `activation`, a ReLU's result, is positive, else 0."""
        result = gradient if in_place else self.buffers.empty(gradient.shape)
        self._call("relu_gradient", ctypes.c_int64(gradient.size), *map(address, (activation, gradient, result)))
        return result

    def pool(self, source: np.ndarray, *, maximum: bool) -> np.ndarray:
        """Return 2x2 pooling of stride 2 of a blocked array; odd edges are dropped."""
        batch, blocks, height, width, block = source.shape
        result = self.buffers.empty((batch, blocks, height // 2, width // 2, block))
        self._call("pool", *map(ctypes.c_int64, (batch * blocks, height, width)), ctypes.c_int(maximum),
                   address(source), address(result))  # fmt: skip
        return result

    def pool_gradient(
        self, source: np.ndarray, pooled: np.ndarray | None, gradient: np.ndarray, *, relu: bool
    ) -> np.ndarray:
        """Return the gradient of :meth:`pool` for `source`; `pooled` is given for the maximum only.

        With `relu`, `source` is a ReLU's result and the gradient is the one for the ReLU's input.
        """
        batch, blocks, height, width, _ = source.shape
        result = self.buffers.empty(source.shape)
        self._call("pool_gradient", *map(ctypes.c_int64, (batch * blocks, height, width)), address(source),
                   address(pooled), address(gradient), ctypes.c_int(relu), address(result))  # fmt: skip
        return result

    def autocorrelation(
        self, activation: np.ndarray, target: np.ndarray, length: int, *, down: bool, centred: bool
    ) -> tuple[float, np.ndarray]:
        """Return the squared distance of all lines' power spectra from a target, and its gradient.

        Parameters
        ----------
        activation : np.ndarray
            Plain or blocked.
        target : np.ndarray ``(lines, length // 2 + 1)``
            Power spectra of the lines, in the order of the plain activation's channels and rows (or,
            if `down`, channels and columns).  Analysis once: the array must never be written to.
        length : int
            Of the transforms: even, without prime factors above 5, at least ``2 * n - 1``.
        down : bool
            Lines are columns, not rows.
        centred : bool
            Lines without their mean.

        Returns
        -------
        float
            The sum of squared differences over all frequencies, of both signs.
        np.ndarray
            Laid out as `activation`.
        """
        batch, planes, height, width = activation.shape[:4]
        blocked = activation.ndim == 5
        channels = planes * (self.block if blocked else 1)
        lines = batch * channels * (width if down else height)
        if target.shape != (lines, length // 2 + 1) or length < 2 * (height if down else width) - 1:
            raise ValueError(f"Spectra {target.shape} do not go with an activation {activation.shape}.")
        if length not in self._transforms:
            handle = ctypes.c_void_p()
            self._call("transform_new", ctypes.c_int64(length), ctypes.byref(handle))
            self._transforms[length] = handle
        per_plane = width if down else height

        def arrange() -> np.ndarray:
            rows: np.ndarray = target.reshape(batch * channels, per_plane, -1)
            if blocked:
                return rows.reshape(-1, self.block, *rows.shape[1:]).transpose(0, 2, 3, 1)
            if not down:
                rows = rows.reshape(1, lines, -1)
            rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % self.block), (0, 0)))
            return rows.reshape(rows.shape[0], -1, self.block, rows.shape[2]).transpose(0, 1, 3, 2)

        prepared = self._keep((id(target), blocked, down, activation.shape), target, arrange)
        gradient, distance = self.buffers.empty(activation.shape), ctypes.c_double()
        shape = [ctypes.c_int64(number) for number in (batch * planes, height, width)]
        flags = [ctypes.c_int(flag) for flag in (blocked, down, centred)]
        self._call("autocorrelation", self._transforms[length], *shape, *flags, address(activation),
                   address(prepared), address(gradient), ctypes.byref(distance))  # fmt: skip
        return distance.value, gradient

    def _convolution(self, shape: tuple[int, ...], *flags: bool) -> DirectConvolution:
        """Return oneDNN's convolution for a shape (batch, inputs, outputs, height, width, size)."""
        key = (*shape, *flags, self.threads)
        if key not in self._convolutions:
            self._convolutions[key] = DirectConvolution(self._call, shape, *flags)
        return self._convolutions[key]

    def _keep(self, key: tuple[Any, ...], source: np.ndarray, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Return what was made of an array before, or make it; it is dropped with the array."""
        kept = self._prepared.get(key)
        if kept is None or kept[0]() is not source:
            made = np.ascontiguousarray(make(), dtype=np.float32)
            kept = self._prepared[key] = (weakref.ref(source, lambda _: self._prepared.pop(key, None)), made)
        return kept[1]


def _oriented(filters: np.ndarray, backwards: bool) -> np.ndarray:
    """Return filters for the convolution that is run: turned round, channels exchanged, if `backwards`."""
    turned = filters.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1] if backwards else filters
    return np.ascontiguousarray(turned, dtype=np.float32)


@functools.lru_cache(maxsize=1)
def load_library() -> Library:
    """Return the library, compiled if need be; later calls return the same.

    Raises
    ------
    audiostyle.network.onednn.build.Unavailable
        As :func:`audiostyle.network.onednn.build.build_kernels`.
    """
    return Library(build_kernels())

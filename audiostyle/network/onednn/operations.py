"""Theano Ops on blocked activations: each a call into :class:`.library.Library`.

Conventions
-----------
Plain is ``(batch, channels, height, width)``, blocked ``(batch, channels / block, height, width,
block)``; both float32.  Only the rewrite in :mod:`.rewrite` makes these Ops, after gradients have
been taken, so none of them has a ``grad``.  An Op with ``in_place`` writes its result over one input.
"""

from typing import Any

import numpy as np
import theano
import theano.tensor as T
from theano.gof import Apply, Op

from audiostyle.network.onednn.library import load_library

__all__ = [
    "Convolution",
    "Distance",
    "FromBlocked",
    "Gram",
    "InputGradient",
    "Mix",
    "Pool",
    "PoolGradient",
    "Rectify",
    "ReluGradient",
    "ToBlocked",
    "blocked_type",
]


def blocked_type(plain: Any) -> Any:
    """Return the type of a blocked activation whose plain form has the given type."""
    return T.TensorType("float32", (plain.broadcastable[0], False, False, False, False))


def _plain_type(blocked: Any) -> Any:
    return T.TensorType("float32", (blocked.broadcastable[0], False, False, False))


class _Blocked(Op):
    """What all have in common: equality by ``__props__`` and inputs without gaps."""

    __props__: tuple[str, ...] = ()

    def perform(self, node: Any, inputs: list[np.ndarray], outputs: list[list[Any]]) -> None:
        """Compute the result from contiguous inputs."""
        inputs = [array if array.flags.c_contiguous else np.ascontiguousarray(array) for array in inputs]
        outputs[0][0] = self.compute(*inputs)

    def compute(self, *inputs: Any, **named: Any) -> np.ndarray:
        """Return the result."""
        raise NotImplementedError


class ToBlocked(_Blocked):
    """Plain to blocked."""

    def make_node(self, plain: Any) -> Any:
        """Return the Apply node."""
        return Apply(self, [plain], [blocked_type(plain)()])

    def compute(self, plain: np.ndarray) -> np.ndarray:
        """Return the blocked array."""
        return load_library().to_blocked(plain)

    def infer_shape(self, node: Any, shapes: list[Any]) -> list[Any]:
        """Return the blocked shape."""
        batch, channels, height, width = shapes[0]
        block = load_library().block
        return [(batch, channels // block, height, width, T.constant(block, dtype="int64"))]


class FromBlocked(_Blocked):
    """Blocked to plain."""

    def make_node(self, blocked: Any) -> Any:
        """Return the Apply node."""
        return Apply(self, [blocked], [_plain_type(blocked)()])

    def compute(self, blocked: np.ndarray) -> np.ndarray:
        """Return the plain array."""
        return load_library().from_blocked(blocked)

    def infer_shape(self, node: Any, shapes: list[Any]) -> list[Any]:
        """Return the plain shape."""
        batch, blocks, height, width, _ = shapes[0]
        return [(batch, blocks * load_library().block, height, width)]


class Convolution(_Blocked):
    """3x3 (or any odd size) cross-correlation with zeros around, bias and, if `relu`, ReLU.

    Inputs: activation, blocked, or plain where its channels are not whole blocks; filters ``(out, in,
    size, size)``; perhaps a bias ``(out,)``.  Output: blocked.  `tile`: see :meth:`.library.Library.convolve`.
    """

    __props__ = ("relu", "tile")

    def __init__(self, relu: bool, tile: int = 4) -> None:
        self.relu, self.tile = relu, tile

    def make_node(self, source: Any, filters: Any, *bias: Any) -> Any:
        """Return the Apply node."""
        return Apply(self, [source, filters, *bias], [blocked_type(source)()])

    def perform(self, node: Any, inputs: list[np.ndarray], outputs: list[list[Any]]) -> None:
        """Convolve; the filters are passed as they are, because what is prepared of them is kept by identity."""
        source, filters, *bias = inputs
        library = load_library()
        outputs[0][0] = library.convolve(
            np.ascontiguousarray(source), filters, *bias, relu=self.relu, tile=self.tile
        )  # fmt: skip

    def infer_shape(self, node: Any, shapes: list[Any]) -> list[Any]:
        """Return the shape: the image's size and the filters' number of blocks."""
        block = load_library().block
        return [(shapes[0][0], shapes[1][0] // block, *shapes[0][2:4], T.constant(block, dtype="int64"))]


class InputGradient(_Blocked):
    """Gradient of :class:`Convolution` for its input.

    Inputs: blocked gradient of the output; filters; if `accumulate`, a blocked array to add to; if
    `masked`, a blocked array that leaves the sum only where it is positive (the ReLU's result that was
    the input, so that the output is the gradient for the ReLU's input).
    Output: blocked, or plain where the channels are not whole blocks (`plain`).
    """

    __props__ = ("plain", "accumulate", "masked", "in_place", "tile")

    def __init__(
        self, plain: bool = False, accumulate: bool = False, masked: bool = False, in_place: bool = False, tile: int = 4
    ) -> None:
        self.plain, self.accumulate, self.masked, self.in_place = plain, accumulate, masked, in_place
        self.tile = tile
        self.destroy_map = {0: [2]} if in_place else {}

    def make_node(self, gradient: Any, filters: Any, *others: Any) -> Any:
        """Return the Apply node."""
        kind = _plain_type(gradient) if self.plain else gradient.type
        return Apply(self, [gradient, filters, *others], [kind()])

    def perform(self, node: Any, inputs: list[np.ndarray], outputs: list[list[Any]]) -> None:
        """Convolve back; the filters are passed as they are."""
        library = load_library()
        gradient, filters = np.ascontiguousarray(inputs[0]), inputs[1]
        others = [np.ascontiguousarray(other) for other in inputs[2:]]
        mask = others.pop() if self.masked else None
        add_to = None
        if self.accumulate:
            add_to = others[0] if self.in_place else library.copy(others[0])
        outputs[0][0] = library.convolve(
            gradient, filters, backwards=True, add_to=add_to, mask=mask, tile=self.tile
        )  # fmt: skip

    def infer_shape(self, node: Any, shapes: list[Any]) -> list[Any]:
        """Return the shape of the convolution's input."""
        batch, _, height, width, block = shapes[0]
        channels = shapes[1][1]
        return [(batch, channels, height, width) if self.plain else (batch, channels // block, height, width, block)]


class Rectify(theano.scalar.UnaryScalarOp):
    """``max(x, 0)``: what the rewrite makes of ``0.5 * (x + abs(x))`` before it fuses it with a convolution."""

    def impl(self, x: Any) -> Any:
        """Return the value."""
        return x if x > 0 else type(x)(0)

    def c_code(self, node: Any, name: str, inputs: Any, outputs: Any, sub: Any) -> str:
        """Return C for the value; a NaN stays one."""
        return f"{outputs[0]} = {inputs[0]} < 0 ? 0 : {inputs[0]};"

    def c_code_cache_version(self) -> tuple[int, ...]:
        """Return the version of the C code."""
        return (1,)


class ReluGradient(_Blocked):
    """Gradient of a ReLU for its input from the ReLU's result: inputs result, gradient."""

    __props__ = ("in_place",)

    def __init__(self, in_place: bool = False) -> None:
        self.in_place = in_place
        self.destroy_map = {0: [1]} if in_place else {}

    def make_node(self, activation: Any, gradient: Any) -> Any:
        """Return the Apply node."""
        return Apply(self, [activation, gradient], [gradient.type()])

    def compute(self, activation: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Return the gradient."""
        return load_library().relu_gradient(activation, gradient, in_place=self.in_place)

    def infer_shape(self, node: Any, shapes: list[Any]) -> list[Any]:
        """Return the gradient's shape."""
        return [shapes[1]]


class Pool(_Blocked):
    """2x2 pooling of stride 2 that drops odd edges: the average or, if `maximum`, the maximum."""

    __props__ = ("maximum",)

    def __init__(self, maximum: bool) -> None:
        self.maximum = maximum

    def make_node(self, source: Any) -> Any:
        """Return the Apply node."""
        return Apply(self, [source], [source.type()])

    def compute(self, source: np.ndarray) -> np.ndarray:
        """Return the pooled array."""
        return load_library().pool(source, maximum=self.maximum)

    def infer_shape(self, node: Any, shapes: list[Any]) -> list[Any]:
        """Return half the size."""
        batch, blocks, height, width, block = shapes[0]
        return [(batch, blocks, height // 2, width // 2, block)]


class PoolGradient(_Blocked):
    """Gradient of :class:`Pool` for its source.

    Inputs: source, gradient and, if `maximum`, the pooled array.  With `relu`, the source is a ReLU's
    result and the output is the gradient for the ReLU's input.
    """

    __props__ = ("maximum", "relu")

    def __init__(self, maximum: bool, relu: bool = False) -> None:
        self.maximum, self.relu = maximum, relu

    def make_node(self, source: Any, gradient: Any, *pooled: Any) -> Any:
        """Return the Apply node."""
        return Apply(self, [source, gradient, *pooled], [source.type()])

    def compute(self, source: np.ndarray, gradient: np.ndarray, pooled: np.ndarray | None = None) -> np.ndarray:
        """Return the gradient."""
        return load_library().pool_gradient(source, pooled, gradient, relu=self.relu)

    def infer_shape(self, node: Any, shapes: list[Any]) -> list[Any]:
        """Return the source's shape."""
        return [shapes[0]]


class Gram(_Blocked):
    """``dot(m, m.T)`` of an activation reshaped to a matrix m.

    Inputs: blocked activation; shape of m.  If m is ``(channels, pixels)`` of one image, which only shows
    when it runs, the products are taken without leaving the blocked layout.
    """

    def make_node(self, source: Any, shape: Any) -> Any:
        """Return the Apply node."""
        return Apply(self, [source, shape], [T.fmatrix()])

    def compute(self, source: np.ndarray, shape: np.ndarray) -> np.ndarray:
        """Return the matrix."""
        library = load_library()
        if _is_channels(source, shape):
            return library.gram(source)
        matrix = library.from_blocked(source).reshape(shape)
        return matrix @ matrix.T

    def infer_shape(self, node: Any, shapes: list[Any]) -> list[Any]:
        """Return the number of rows, twice."""
        return [(node.inputs[1][0], node.inputs[1][0])]


class Mix(_Blocked):
    """``dot(S, m).reshape(activation.shape)`` of an activation reshaped to a matrix m.

    Inputs: S; blocked activation; shape of m.  Output: blocked.
    """

    def make_node(self, matrix: Any, source: Any, shape: Any) -> Any:
        """Return the Apply node."""
        return Apply(self, [matrix, source, shape], [source.type()])

    def compute(self, matrix: np.ndarray, source: np.ndarray, shape: np.ndarray) -> np.ndarray:
        """Return the blocked product."""
        library = load_library()
        if _is_channels(source, shape):
            return library.mix(matrix, source)
        plain = library.from_blocked(source)
        return library.to_blocked((matrix @ plain.reshape(shape)).reshape(plain.shape))

    def infer_shape(self, node: Any, shapes: list[Any]) -> list[Any]:
        """Return the activation's shape."""
        return [shapes[1]]


class Distance(_Blocked):
    """:class:`audiostyle.network.autocorrelation.SpectralDistance` by our transforms, on either layout, in float32."""

    __props__ = ("axis", "length", "mean")

    def __init__(self, axis: str, length: int, mean: str) -> None:
        self.axis, self.length, self.mean = axis, length, mean

    def make_node(self, activation: Any, target: Any) -> Any:
        """Return the Apply node."""
        return Apply(self, [activation, target], [T.dscalar(), activation.type()])

    def perform(self, node: Any, inputs: list[np.ndarray], outputs: list[list[Any]]) -> None:
        """Compute both; the target is passed as it is, because what is prepared of it is kept by identity."""
        activation, target = inputs
        distance, gradient = load_library().autocorrelation(
            np.ascontiguousarray(activation), target, self.length,
            down=self.axis == "column", centred=self.mean == "removed",
        )  # fmt: skip
        outputs[0][0], outputs[1][0] = np.asarray(distance), gradient

    def infer_shape(self, node: Any, shapes: list[Any]) -> list[Any]:
        """Return the shapes of a number and of the activation."""
        return [(), shapes[0]]


def _is_channels(source: np.ndarray, shape: np.ndarray) -> bool:
    """Tell whether a shape is ``(channels, pixels)`` of a blocked activation of batch 1."""
    batch, blocks, height, width, block = source.shape
    return bool(batch == 1 and shape[0] == blocks * block and shape[1] in (-1, height * width))

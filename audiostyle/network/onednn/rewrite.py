"""The rewrite of a Theano graph: convolutions go to oneDNN, and their neighbours follow them into its layout.

It works on the graph as it was written, before Theano's canonicalisation, in three steps:

1. Convolutions that oneDNN can serve, their biases, ReLUs and gradients become Ops on blocked
   activations, each between a :class:`ToBlocked` and a :class:`FromBlocked`.
2. Whatever may be done in either layout (elementwise arithmetic, 2x2 pooling, sums, Gram matrices) is
   drawn in, until each FromBlocked that feeds a ToBlocked has cancelled with it.
3. Neighbours are fused (:mod:`audiostyle.network.onednn.fusion`).

What is not served (float64, filters that are not constant, other strides) is left as it was and
becomes Theano's own CorrMM.
"""

from typing import Any

import numpy as np
import theano
import theano.tensor as T
from theano.gof.opt import EquilibriumOptimizer, MergeOptimizer, in2out, local_optimizer
from theano.tensor.elemwise import DimShuffle, Elemwise
from theano.tensor.nnet.abstract_conv import AbstractConv2d, AbstractConv2d_gradInputs
from theano.tensor.signal.pool import AveragePoolGrad, MaxPoolGrad
from theano.tensor.signal.pool import Pool as TheanoPool
from theano.tensor.subtensor import Subtensor

from audiostyle.network.autocorrelation import SpectralDistance
from audiostyle.network.onednn.fusion import fuse_mask, fuse_pool_gradient, fuse_relu, fuse_sum, rectify, with_tiles
from audiostyle.network.onednn.graph import (
    constant_number,
    constant_vector,
    elementwise_inputs,
    fixed_array,
    only,
    owner,
    pairs,
    terms,
    transposed,
    transposed_of,
    without_copies,
)
from audiostyle.network.onednn.library import load_library
from audiostyle.network.onednn.operations import (
    Convolution,
    Distance,
    FromBlocked,
    Gram,
    InputGradient,
    Mix,
    Pool,
    PoolGradient,
    ReluGradient,
    ToBlocked,
)

__all__ = ["layout_rewrite"]


def layout_rewrite(tile: int) -> Any:
    """Return the optimiser that does all three steps, with Winograd's tiles of up to a size."""
    return theano.gof.opt.SeqOptimizer(
        [
            in2out(_convolution, _input_gradient, _distance),
            in2out(_bias),
            in2out(_relu, _relu_gradient),
            MergeOptimizer(),
            EquilibriumOptimizer(
                [_cancel, _elementwise, _pool, _pool_gradient, _sum, _crop, _gram, _mix, _blocked_distance],
                max_use_ratio=20, ignore_newtrees=False,
            ),
            MergeOptimizer(),
            in2out(fuse_relu, fuse_pool_gradient, fuse_sum),
            in2out(fuse_mask),
            in2out(with_tiles(tile)),
        ]
    )  # fmt: skip


def _blocked(variable: Any) -> Any:
    """Return the blocked form of a plain variable that was made from one, else None."""
    node = owner(variable, FromBlocked)
    return node.inputs[0] if node is not None else None


def _to_blocked(variable: Any) -> Any:
    found = _blocked(variable)
    return ToBlocked()(variable) if found is None else found


def _filters(op: Any, variable: Any, fgraph: Any) -> Any:
    """Return the filters' shape if oneDNN can do this convolution, else None."""
    filters = fixed_array(variable, fgraph)
    if filters is None or filters.dtype != np.float32 or not filters.flags.c_contiguous:
        return None
    size = filters.shape[2]
    plain = op.subsample == (1, 1) and op.filter_dilation == (1, 1) and op.num_groups == 1 and not op.unshared
    same = op.border_mode in ("half", (size // 2, size // 2)) and size % 2 and filters.shape[3] == size
    whole = filters.shape[0] % load_library().block == 0
    return filters.shape if plain and same and whole and not op.filter_flip else None


@local_optimizer([AbstractConv2d])
def _convolution(node: Any) -> Any:
    if not isinstance(node.op, AbstractConv2d):
        return False
    image, filters = node.inputs
    shape = _filters(node.op, filters, node.fgraph)
    if shape is None or image.dtype != "float32":
        return False
    source = image if shape[1] % load_library().block else _to_blocked(image)
    return [_like(FromBlocked()(Convolution(relu=False)(source, filters)), node)]


@local_optimizer([AbstractConv2d_gradInputs])
def _input_gradient(node: Any) -> Any:
    if not isinstance(node.op, AbstractConv2d_gradInputs):
        return False
    filters, gradient, _ = node.inputs
    shape = _filters(node.op, filters, node.fgraph)
    if shape is None or gradient.dtype != "float32":
        return False
    plain = bool(shape[1] % load_library().block)
    found = InputGradient(plain=plain)(_to_blocked(gradient), filters)
    return [_like(found if plain else FromBlocked()(found), node)]


def _like(variable: Any, node: Any, output: int = 0) -> Any:
    """Return a variable in the type of the one it replaces."""
    wanted = node.outputs[output].type
    return variable if variable.type == wanted else T.patternbroadcast(variable, wanted.broadcastable)


@local_optimizer([Elemwise])
def _bias(node: Any) -> Any:
    """``convolution + b.dimshuffle('x', 0, 'x', 'x')`` -> convolution with bias."""
    if not isinstance(node.op, Elemwise) or not isinstance(node.op.scalar_op, theano.scalar.Add):
        return False
    if len(node.inputs) != 2:
        return False
    for convolved, other in (node.inputs, node.inputs[::-1]):
        blocked, shuffled = _blocked(convolved), owner(other, DimShuffle)
        made = None if blocked is None else owner(blocked, Convolution)
        if made is None or len(made.inputs) == 3 or shuffled is None:
            continue
        bias = shuffled.inputs[0]
        if shuffled.op.new_order == ("x", 0, "x", "x") and bias.dtype == "float32" and len(convolved.clients) == 1:
            return [_like(FromBlocked()(made.op(*made.inputs, bias)), node)]
    return False


@local_optimizer([Elemwise])
def _relu(node: Any) -> Any:
    """``0.5 * (x + abs(x))``, as T.nnet.relu writes it, -> max(x, 0) of a convolution."""
    if not isinstance(node.op, Elemwise) or not isinstance(node.op.scalar_op, theano.scalar.Mul):
        return False
    for half, doubled in pairs(node.inputs):
        for x, absolute in pairs(elementwise_inputs(doubled, theano.scalar.Add)):
            blocked = _blocked(x)
            if (
                blocked is not None
                and constant_number(half) == 0.5
                and only(elementwise_inputs(absolute, theano.scalar.Abs), x)
            ):
                return [_like(FromBlocked()(rectify(blocked)), node)]
    return False


@local_optimizer([Elemwise])
def _relu_gradient(node: Any) -> Any:
    """``0.5 * g + 0.5 * g * sgn(x)``, as Theano differentiates the above, -> g where the ReLU is positive.

    At x = 0 exactly Theano's expression passes half of g and this one nothing.
    """
    if not isinstance(node.op, Elemwise) or not isinstance(node.op.scalar_op, theano.scalar.Add):
        return False
    for halved, signed in pairs(node.inputs):
        for again, sign in pairs(elementwise_inputs(signed, theano.scalar.Mul)):
            found = elementwise_inputs(sign, theano.scalar.Sgn)
            blocked = _blocked(found[0]) if found else None
            if blocked is None or again is not halved:
                continue
            for half, gradient in pairs(elementwise_inputs(halved, theano.scalar.Mul)):
                if constant_number(half) == 0.5 and gradient.dtype == "float32":
                    return [_like(FromBlocked()(ReluGradient()(rectify(blocked), _to_blocked(gradient))), node)]
    return False


@local_optimizer([ToBlocked])
def _cancel(node: Any) -> Any:
    if not isinstance(node.op, ToBlocked):
        return False
    blocked = _blocked(node.inputs[0])
    return False if blocked is None else [_like(blocked, node)]


@local_optimizer([Elemwise])
def _elementwise(node: Any) -> Any:
    """An elementwise operation of blocked activations, scalars and plain arrays of the same shape."""
    if not isinstance(node.op, Elemwise) or len(node.outputs) != 1 or node.op.inplace_pattern:
        return False
    output = node.outputs[0]
    if output.ndim != 4 or output.dtype != "float32" or all(_blocked(variable) is None for variable in node.inputs):
        return False
    inputs = []
    for variable in node.inputs:
        blocked = _blocked(variable)
        if blocked is not None:
            inputs.append(blocked)
        elif all(variable.broadcastable):
            inputs.append(variable.dimshuffle(0, 1, 2, 3, "x"))
        elif variable.dtype == "float32" and variable.broadcastable == output.broadcastable:
            inputs.append(ToBlocked()(variable))
        else:
            return False
    return [_like(FromBlocked()(node.op(*inputs)), node)]


def _pools(op: Any, parameters: list[Any]) -> bool:
    """Tell whether this is a 2x2 pooling of stride 2 that drops odd edges."""
    known = op.ignore_border and op.mode in ("max", "average_exc_pad", "average_inc_pad") and op.ndim == 2
    return bool(known) and [constant_vector(variable) for variable in parameters] == [(2, 2), (2, 2), (0, 0)]


@local_optimizer([TheanoPool])
def _pool(node: Any) -> Any:
    if not isinstance(node.op, TheanoPool):
        return False
    source, *parameters = node.inputs
    blocked = _blocked(source)
    if blocked is None or not _pools(node.op, parameters):
        return False
    return [_like(FromBlocked()(Pool(maximum=node.op.mode == "max")(blocked)), node)]


@local_optimizer([AveragePoolGrad, MaxPoolGrad])
def _pool_gradient(node: Any) -> Any:
    if not isinstance(node.op, AveragePoolGrad | MaxPoolGrad):
        return False
    maximum = isinstance(node.op, MaxPoolGrad)
    arrays, parameters = node.inputs[:-3], node.inputs[-3:]
    source, gradient = _blocked(arrays[0]), arrays[-1]
    if source is None or gradient.dtype != "float32" or not _pools(node.op, parameters):
        return False
    pooled = [_to_blocked(arrays[1])] if maximum else []
    return [_like(FromBlocked()(PoolGradient(maximum)(source, _to_blocked(gradient), *pooled)), node)]


@local_optimizer([T.Sum])
def _sum(node: Any) -> Any:
    """The sum of all elements, in whatever layout."""
    if not isinstance(node.op, T.Sum):
        return False
    blocked = _blocked(node.inputs[0])
    if blocked is None or node.op.axis not in (None, (0, 1, 2, 3)):
        return False
    return [T.Sum(axis=None, dtype=node.op.dtype, acc_dtype=node.op.acc_dtype)(blocked)]


@local_optimizer([Subtensor])
def _crop(node: Any) -> Any:
    """Some rows or columns of an activation, all channels of it."""
    if not isinstance(node.op, Subtensor):
        return False
    blocked = _blocked(node.inputs[0])
    kept = node.op.idx_list[:2]
    if blocked is None or kept != (slice(None),) * 2 or not all(isinstance(i, slice) for i in node.op.idx_list):
        return False
    return [_like(FromBlocked()(Subtensor(node.op.idx_list)(blocked, *node.inputs[1:])), node)]


@local_optimizer([T.Dot])
def _gram(node: Any) -> Any:
    """``dot(m, m.T)`` of a reshaped activation."""
    if not isinstance(node.op, T.Dot):
        return False
    left, right = node.inputs
    reshaped = owner(left, T.Reshape)
    if reshaped is None or transposed_of(right) is not left:
        return False
    blocked = _blocked(reshaped.inputs[0])
    return False if blocked is None else [Gram()(blocked, reshaped.inputs[1])]


@local_optimizer([ToBlocked])
def _mix(node: Any) -> Any:
    """The gradient of a Gram matrix for its activation: ``(S m).reshape(activation.shape)``."""
    if not isinstance(node.op, ToBlocked):
        return False
    reshaped = owner(node.inputs[0], T.Reshape)
    shape = None if reshaped is None else owner(reshaped.inputs[1], theano.compile.ops.Shape)
    activation = None if shape is None else _blocked(shape.inputs[0])
    if reshaped is None or shape is None or activation is None:
        return False
    found = [_factor(term, shape.inputs[0]) for term in terms(reshaped.inputs[0])]
    if not all(found):
        return False
    matrices = [matrix for matrix, _ in found]
    return [Mix()(matrices[0] if len(matrices) == 1 else T.add(*matrices), activation, found[0][1])]


@local_optimizer([SpectralDistance])
def _distance(node: Any) -> Any:
    if not isinstance(node.op, SpectralDistance):
        return False
    activation, target = node.inputs
    if activation.dtype != "float32" or target.dtype != "float32" or fixed_array(target, node.fgraph) is None:
        return False
    return Distance(node.op.axis, node.op.length, node.op.mean)(activation, target)


@local_optimizer([Distance])
def _blocked_distance(node: Any) -> Any:
    if not isinstance(node.op, Distance):
        return False
    blocked = _blocked(node.inputs[0])
    if blocked is None:
        return False
    distance, gradient = node.op(blocked, node.inputs[1])
    return [distance, _like(FromBlocked()(gradient), node, 1)]


def _factor(term: Any, activation: Any) -> Any:
    """Return S and the shape of m if a term is ``dot(S, m)``, m a reshaped activation, however it is written."""
    turned = transposed_of(term)
    product = owner(without_copies(term) if turned is None else turned, T.Dot)
    if product is None:
        return None
    left, right = map(without_copies, product.inputs)
    matrix, reshaped = (left, right) if turned is None else (transposed(right), transposed_of(left))
    made = None if reshaped is None else owner(reshaped, T.Reshape)
    return (matrix, made.inputs[1]) if made is not None and made.inputs[0] is activation else None

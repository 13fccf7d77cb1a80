"""The last step of the rewrite: neighbours in the blocked layout become one Op, and Ops work in place.

ReLU goes into the convolution before it, the ReLU's gradient into the pooling's or the convolution's, a
sum of gradients into the convolution that makes one of them: each saves a pass over the activations.
"""

from typing import Any

import theano
from theano.gof.opt import TopoOptimizer, local_optimizer
from theano.tensor.elemwise import Elemwise

from audiostyle.network.onednn.graph import owner
from audiostyle.network.onednn.operations import Convolution, InputGradient, PoolGradient, Rectify, ReluGradient

__all__ = ["fuse_mask", "fuse_pool_gradient", "fuse_relu", "fuse_sum", "in_place_rewrite", "rectify", "with_tiles"]

rectify = Elemwise(Rectify(theano.scalar.basic.same_out, name="rectify"))


def in_place_rewrite() -> Any:
    """Return the optimiser that lets Ops write over an input that nothing else needs."""
    return TopoOptimizer(_in_place, failure_callback=TopoOptimizer.warn_inplace)


@local_optimizer([Elemwise])
def fuse_relu(node: Any) -> Any:
    """ReLU of a convolution that nothing else needs -> convolution with ReLU."""
    if node.op != rectify:
        return False
    made = owner(node.inputs[0], Convolution)
    if made is None or made.op.relu or len(made.outputs[0].clients) != 1:
        return False
    return [Convolution(relu=True)(*made.inputs)]


@local_optimizer([ReluGradient])
def fuse_pool_gradient(node: Any) -> Any:
    """ReLU's gradient of the pooling's gradient -> one pass over both."""
    if not isinstance(node.op, ReluGradient):
        return False
    activation, gradient = node.inputs
    made = owner(gradient, PoolGradient)
    if made is None or made.op.relu or made.inputs[0] is not activation or len(gradient.clients) != 1:
        return False
    return [PoolGradient(made.op.maximum, relu=True)(*made.inputs)]


@local_optimizer([Elemwise])
def fuse_sum(node: Any) -> Any:
    """A sum of gradients, one of which a convolution makes -> the convolution adds to the other."""
    if not isinstance(node.op, Elemwise) or not isinstance(node.op.scalar_op, theano.scalar.Add):
        return False
    for index, made in enumerate(owner(variable, InputGradient) for variable in node.inputs):
        if made is None or made.op.plain or made.op.accumulate or len(node.inputs[index].clients) != 1:
            continue
        others = [variable for position, variable in enumerate(node.inputs) if position != index]
        if any(variable.type != node.outputs[0].type for variable in others):
            continue
        other = others[0] if len(others) == 1 else node.op(*others)
        return [InputGradient(accumulate=True)(*made.inputs, other)]
    return False


@local_optimizer([ReluGradient])
def fuse_mask(node: Any) -> Any:
    """ReLU's gradient of a convolution's gradient -> the convolution leaves out what the ReLU did not pass."""
    if not isinstance(node.op, ReluGradient):
        return False
    activation, gradient = node.inputs
    made = owner(gradient, InputGradient)
    if made is None or made.op.plain or made.op.masked or len(gradient.clients) != 1:
        return False
    return [InputGradient(accumulate=made.op.accumulate, masked=True)(*made.inputs, activation)]


def with_tiles(tile: int) -> Any:
    """Return the optimiser that lets convolutions use Winograd's tiles of up to a size."""

    @local_optimizer([Convolution, InputGradient])
    def enlarge(node: Any) -> Any:
        if not isinstance(node.op, Convolution | InputGradient) or node.op.tile == tile:
            return False
        return [type(node.op)(**node.op._props_dict() | {"tile": tile})(*node.inputs)]

    return enlarge


@local_optimizer([ReluGradient, InputGradient], inplace=True)
def _in_place(node: Any) -> Any:
    op = node.op
    if isinstance(op, ReluGradient) and not op.in_place:
        return [ReluGradient(in_place=True)(*node.inputs)]
    if isinstance(op, InputGradient) and op.accumulate and not op.in_place:
        return [InputGradient(**op._props_dict() | {"in_place": True})(*node.inputs)]
    return False

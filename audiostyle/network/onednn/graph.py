"""Questions about the variables of a Theano graph, as the rewrite asks them."""

from collections.abc import Iterator
from typing import Any

import theano
import theano.tensor as T
from theano.compile import SharedVariable
from theano.tensor.elemwise import DimShuffle, Elemwise

__all__ = [
    "constant_number",
    "constant_vector",
    "elementwise_inputs",
    "fixed_array",
    "only",
    "owner",
    "pairs",
    "terms",
    "transposed",
    "transposed_of",
    "without_copies",
]


def owner(variable: Any, kind: Any) -> Any:
    """Return the Apply node that makes a variable if its Op is of a kind, else None."""
    node = variable.owner
    return node if node is not None and isinstance(node.op, kind) else None


def elementwise_inputs(variable: Any, kind: Any) -> Any:
    """Return the inputs of the elementwise operation of a kind that makes a variable, else ()."""
    node = owner(variable, Elemwise)
    return node.inputs if node is not None and isinstance(node.op.scalar_op, kind) else ()


def constant_number(variable: Any) -> Any:
    """Return the value of a constant of one number, however it was broadcast, else None."""
    try:
        return float(T.get_scalar_constant_value(variable))
    except T.NotScalarConstantError:
        return None


def constant_vector(variable: Any) -> Any:
    """Return the value of a constant vector as a tuple, else None."""
    return tuple(variable.data.tolist()) if isinstance(variable, theano.Constant) else None


def fixed_array(variable: Any, fgraph: Any) -> Any:
    """Return the array in a variable that no call of the function changes, else None."""
    if isinstance(variable, theano.Constant):
        return variable.data
    if not isinstance(variable, SharedVariable):
        return None
    updated = {fgraph.inputs[index] for index in getattr(fgraph, "update_mapping", {}).values()}
    return None if variable in updated else variable.get_value(borrow=True)


def pairs(inputs: Any) -> Iterator[tuple[Any, Any]]:
    """Yield two inputs in both orders; nothing if there are not two."""
    if len(inputs) == 2:
        yield inputs[0], inputs[1]
        yield inputs[1], inputs[0]


def only(inputs: Any, variable: Any) -> bool:
    """Tell whether a variable is the only input."""
    return len(inputs) == 1 and inputs[0] is variable


def terms(variable: Any) -> Iterator[Any]:
    """Yield the terms of a sum."""
    inputs = elementwise_inputs(variable, theano.scalar.Add)
    if inputs:
        for each in inputs:
            yield from terms(each)
    else:
        yield variable


def without_copies(variable: Any) -> Any:
    """Return the variable that copies and double transpositions lead back to."""
    while True:
        copied, turned = elementwise_inputs(variable, theano.scalar.Identity), _turned(variable)
        twice = None if turned is None else _turned(without_copies(turned))
        if copied:
            variable = copied[0]
        elif twice is not None:
            variable = twice
        else:
            return variable


def _turned(variable: Any) -> Any:
    """Return the matrix that a transposition was made of, else None."""
    node = owner(variable, DimShuffle)
    return node.inputs[0] if node is not None and node.op.new_order == (1, 0) else None


def transposed_of(variable: Any) -> Any:
    """Return the matrix that a variable is the transposition of, if it was made as one, else None."""
    turned = _turned(without_copies(variable))
    return None if turned is None else without_copies(turned)


def transposed(variable: Any) -> Any:
    """Return the transposition of a matrix, without transposing twice."""
    turned = transposed_of(variable)
    return variable.T if turned is None else turned

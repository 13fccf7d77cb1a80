import pickle

import numpy as np
import pytest

from audiostyle.errors import InputError
from audiostyle.weights.unpickler import unpickle

PLAIN = {
    "numbers": [0, 1, 255, 256, 70000, -3, 2**40, -(2**40), 1.5, True, False, None],
    "text": ("é", "a" * 300, ""),
    "arrays": [np.arange(6, dtype="f4").reshape(2, 3), np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.zeros(0)],
    "scalar": np.float32(2.5),
    3: {"nested": [(1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)]},
}


def same(left, right):
    if isinstance(right, np.ndarray):
        return left.dtype == right.dtype and left.shape == right.shape and np.array_equal(left, right)
    if isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in right)
    if isinstance(right, (list, tuple)):
        return type(left) is type(right) and len(left) == len(right) and all(map(same, left, right))
    return left == right


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_comes_back_as_pickle_reads_it(protocol):
    data = pickle.dumps(PLAIN, protocol)
    value, end = unpickle(data, "it")
    assert same(value, pickle.loads(data))
    assert end == len(data)


class Evil:
    def __reduce__(self):
        import os

        return os.system, ("touch /tmp/audiostyle_was_here",)


def test_a_call_is_refused():
    with pytest.raises(InputError, match=r"posix\.system"):
        unpickle(pickle.dumps({"param values": [Evil()]}), "it")

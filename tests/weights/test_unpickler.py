"""The plain-data unpickler: what it must read, and what it must not do."""

import contextlib
import os
import pickle
import pickletools
import struct
import subprocess
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiostyle.errors import InputError
from audiostyle.weights.unpickler import unpickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
WITNESS = "/tmp/audiostyle_was_here"

PLAIN = {
    "numbers": [0, 1, 255, 256, 70000, -3, 2**40, -(2**40), 1.5, True, False, None],
    "text": ("é", "a" * 300, ""),
    "arrays": [np.arange(6, dtype="f4").reshape(2, 3), np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.zeros(0)],
    "big-endian": np.arange(3, dtype=">f4"),
    "scalar": np.float32(2.5),
    3: {"nested": [(1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)]},
}


def same(left, right):
    if isinstance(right, np.ndarray):
        # numpy swaps bytes on loading; here that is left to the caller.
        return (
            left.dtype.newbyteorder("=") == right.dtype.newbyteorder("=")
            and left.shape == right.shape
            and np.array_equal(left, right)
        )
    if isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in right)
    if isinstance(right, (list, tuple)):
        return type(left) is type(right) and len(left) == len(right) and all(map(same, left, right))
    if isinstance(right, bytes):
        return bytes(left) == right
    return (type(left) is type(right) and left == right) or (isinstance(right, np.generic) and left == right)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_data_comes_back_as_pickle_reads_it(protocol):
    data = pickle.dumps(PLAIN, protocol)
    value, end = unpickle(data, "it")
    assert same(value, pickle.loads(data))
    assert end == len(data)


def test_a_pickle_of_python_2_is_read():
    # cPickle's output for {'param values': [numpy.float32 array], 'n': 1L} in Python 2.7 with numpy 1.16
    data = (
        b"\x80\x02}q\x01(U\x0cparam valuesq\x02]q\x03cnumpy.core.multiarray\n_reconstruct\nq\x04cnumpy\nndarray\nq\x05"
        b"K\x00\x85U\x01b\x87Rq\x06(K\x01K\x02\x85cnumpy\ndtype\nq\x07U\x02f4K\x00K\x01\x87Rq\x08(K\x03U\x01<NNNJ"
        b"\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x08\x00\x00\x80?\x00\x00\x00@tbaU\x01nq\x09\x8a\x01\x01u."
    )
    value, _ = unpickle(data, "it")
    assert same(value, {"param values": [np.array([1, 2], "f4")], "n": 1})


def test_one_of_several_pickles_is_read_where_it_begins():
    first, second = pickle.dumps(1), pickle.dumps([2])
    _, end = unpickle(first + second, "it")
    assert unpickle(first + second, "it", end) == ([2], len(first + second))


def read_or_refused(data, torch, boxed):
    with contextlib.suppress(InputError):
        unpickle(data, "it", torch=torch, boxed=boxed)


nested = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=4)
    ),
    max_leaves=15,
)


@settings(max_examples=150, deadline=None)
@given(value=nested, protocol=st.sampled_from([3, 4, 5]))
def test_any_plain_value_comes_back(value, protocol):
    assert same(unpickle(pickle.dumps(value, protocol), "it")[0], value)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), protocol=st.sampled_from(PROTOCOLS))
def test_damage_is_read_or_refused(data, protocol):
    pickled = bytearray(pickle.dumps(PLAIN, protocol))
    for _ in range(data.draw(st.integers(1, 4))):
        pickled[data.draw(st.integers(0, len(pickled) - 1))] = data.draw(st.integers(0, 255))
    del pickled[data.draw(st.integers(0, len(pickled))) :]
    read_or_refused(bytes(pickled), data.draw(st.booleans()), data.draw(st.booleans()))


@settings(max_examples=300, deadline=None)
@given(codes=st.lists(st.sampled_from([opcode.code.encode("latin-1") for opcode in pickletools.opcodes]), max_size=30))
def test_any_instructions_are_read_or_refused(codes):
    read_or_refused(b"".join(codes) + b"\x01\x00\x00\x00\n.", True, True)


class Calls:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


class Slotted:
    pass


def instance_of(protocol):
    return pickle.dumps(Slotted(), protocol)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (os.system, (f"touch {WITNESS}",)),
        (eval, (f"open({WITNESS!r}, 'w')",)),
        (exec, (f"open({WITNESS!r}, 'w')",)),
        (subprocess.Popen, (["touch", WITNESS],)),
        (getattr, ("text", "upper")),
        (open, (WITNESS, "w")),
        (np.load, (WITNESS,)),
        (np.zeros, ((10**6, 10**6),)),
        (__import__, ("antigravity",)),
        (bytearray, (2**40,)),
        (bytes, (2**40,)),
        (range, (2**60,)),
        (complex, (1, 2)),
        (set, ([1],)),
    ],
)
def test_no_call_is_carried_out(function, arguments, protocol):
    data = pickle.dumps({"param values": [Calls(function, *arguments)]}, protocol)
    with pytest.raises(InputError, match=r"asks for|not a readable pickle"):
        unpickle(data, "it", torch=True, boxed=True)
    assert not os.path.exists(WITNESS)


NDARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
F4 = b"cnumpy\ndtype\nX\x02\x00\x00\x00f4K\x00K\x01\x87R"
HUGE = b"\x8a\x08" + struct.pack("<q", 2**62)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        # instructions that make objects
        (instance_of(0), "asks for"),
        (instance_of(2), "NEWOBJ"),
        (instance_of(4), "NEWOBJ"),
        (b"(cos\nsystem\nS'true'\no.", "OBJ"),
        (b"(S'true'\nios\nsystem\n.", "INST"),
        (b"\x82\x01.", "EXT1"),
        (b"P1\n.", "PERSID"),
        (b"K\x01Q.", "outside the pickle"),
        (b"\x97.", "NEXT_BUFFER"),
        (b"\xff.", "0xff, which does not exist"),
        # a function's or a class's state
        (b"cnumpy\nndarray\n}b.", "state of a global"),
        (b"cnumpy.core.multiarray\n_reconstruct\nN}X\x01\x00\x00\x00aK\x01s\x86b.", "state of a global"),
        # arrays that are none
        (pickle.dumps(np.array([None, 1], object), 2), "Python objects"),
        (pickle.dumps(np.zeros(2, "f4,i4"), 2), "the type 'V8'|records"),
        (pickle.dumps(np.array(["a"]), 2), "the type"),
        (pickle.dumps(np.zeros(2, "datetime64[s]"), 2), "the type"),
        (pickle.dumps(np.zeros(2, "c8"), 2), "the type"),
        (NDARRAY + b"(K\x01" + HUGE + b"\x85" + F4 + b"\x89C\x04abcdtb.", "a few whole numbers"),
        (NDARRAY + b"(K\x01(J\xff\xff\xff\x7fJ\xff\xff\xff\x7ft" + F4 + b"\x89C\x04abcdtb.", "needs .* bytes, but 4"),
        (NDARRAY + b"(K\x01J\xff\xff\xff\xff\x85" + F4 + b"\x89C\x04abcdtb.", "a few whole numbers"),
        (NDARRAY + b"(K\x01)" + F4 + b"\x89]tb.", "Python objects"),
        (b"cnumpy.core.multiarray\n_reconstruct\ncbuiltins\nlist\nK\x00\x85C\x01b\x87R.", "no numpy.ndarray"),
        # sizes that are not there
        (b"\x8e" + struct.pack("<Q", 2**60) + b".", "ends where"),
        (b"\x8d" + struct.pack("<Q", 2**63 + 1) + b".", "ends where"),
        (b"\x96" + struct.pack("<Q", 2**40) + b".", "ends where"),
        (b"B\xff\xff\xff\xff.", "ends where"),
        (b"T\xff\xff\xff\xff.", "ends where"),
        (b"\x8b\xff\xff\xff\x7f.", "2147483647 bytes"),
        (b"\x8b\xff\xff\xff\xff.", "-1 bytes"),
        (b"I" + b"9" * 100_000 + b"\n.", "has no end"),
        (b"L" + b"9" * 100_000 + b"L\n.", "has no end"),
        (b"F" + b"9" * 200_000 + b"\n.", "has no end"),
        (b"c" + b"a" * 100_000 + b"\nb\n.", "has no end"),
        # things that are out of order
        (b".", "does not end with one value"),
        (b"(.", "stack runs empty"),
        (b"K\x01K\x02.", "does not end with one value"),
        (b"h\x05.", "refers to something"),
        (b"0.", "stack runs empty"),
        (b"t.", "no beginning"),
        (b"}K\x01K\x02e.", "no beginning"),
        (b"K\x01K\x02a.", "is no list"),
        (b"K\x01K\x02K\x03s.", "is no dict"),
        (b"}(K\x01u.", "key without a value"),
        (b"\x80\x07.", "protocol is 7"),
        (b"S'abc\n.", "no quotes"),
        (b"Iabc\n.", "not one"),
        (b"X\x01\x00\x00\x00\xff.", "not text"),
        (b"2.", "is no object"),
        (b"(2.", "is no object"),
        (b"q\x01.", "remembers nothing"),
    ],
)
def test_what_is_no_plain_data_is_refused(data, expected):
    with pytest.raises(InputError, match=expected):
        unpickle(data, "it")


def bomb(name):
    """Small pickles that would take for ever or fill the memory."""
    if name == "tuple as a key":
        # t = (t, t), 60 times: its hash would be computed 2 ** 60 times
        return b"}K\x01" + b"2\x86" * 60 + b"K\x01s."
    if name == "a long text as a key again and again":
        text = b"T" + struct.pack("<i", 10**7) + b"a" * 10**7 + b"q\x000"
        return text + b"}" + b"h\x00K\x01s" * 40_000 + b"."
    if name == "tuple nested as deep as possible":
        return b")" + b"\x85" * 190_000 + b"."
    if name == "list nested as deep as possible":
        return b"]" * 90_000 + b"a" * 89_999 + b"."
    if name == "memo at the highest place":
        return b"K\x01r\xff\xff\xff\xff."
    if name == "the same text encoded again and again":
        text = b"X" + struct.pack("<I", 10**6) + b"a" * 10**6 + b"q\x000"
        return text + b"(" + b"c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R" * 20_000 + b"t."
    if name == "the same pairs made a dict again and again":
        pairs = b"](" + b"K\x01K\x02\x86" * 20_000 + b"eq\x000"
        return pairs + b"(" + b"ccollections\nOrderedDict\nh\x00\x85R" * 30_000 + b"t."
    if name == "more instructions than any file needs":
        return b"K\x010" * 150_000 + b"N."
    if name == "a list within itself":
        return b"]q\x00h\x00a."
    return b"(" * 190_000 + b"."


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("tuple as a key", True),
        ("a long text as a key again and again", True),
        ("tuple nested as deep as possible", False),
        ("list nested as deep as possible", False),
        ("memo at the highest place", False),
        ("the same text encoded again and again", True),
        ("the same pairs made a dict again and again", True),
        ("more instructions than any file needs", True),
        ("a list within itself", False),
        ("marks", True),
    ],
)
def test_a_bomb_does_not_go_off(name, refused):
    data = bomb(name)
    start = time.process_time()
    if refused:
        with pytest.raises(InputError):
            unpickle(data, "it")
    else:
        unpickle(data, "it")
    assert time.process_time() - start < 4


def test_memory_stays_near_the_files_size():
    data = bomb("the same text encoded again and again")
    tracemalloc.start()
    with pytest.raises(InputError):
        unpickle(data, "it")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * len(data)


def test_torch_and_boxes_are_taken_only_where_asked_for():
    boxed = pickle.dumps(np.array({"a": 1}, object), 3)
    assert unpickle(boxed, "it", boxed=True)[0] == {"a": 1}
    with pytest.raises(InputError, match="Python objects"):
        unpickle(boxed, "it")
    with pytest.raises(InputError, match="Python objects"):
        unpickle(pickle.dumps(np.array([{}, {}], object), 3), "it", boxed=True)
    with pytest.raises(InputError, match=r"asks for a call of 'torch\._utils\._rebuild_parameter'"):
        unpickle(b"ctorch._utils\n_rebuild_parameter\n)R.", "it")


def test_nothing_is_imported(monkeypatch):
    def forbidden(*arguments, **options):
        raise AssertionError("an import")

    data = pickle.dumps(PLAIN, 2) + b"cantigravity\nfly\n."
    monkeypatch.setattr("builtins.__import__", forbidden)
    _, end = unpickle(data, "it")
    unpickle(data, "it", end)

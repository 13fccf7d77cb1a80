"""Pickles of plain data: what must be read, and what must not be done."""

import io
import os
import pickle
import pickletools
import struct
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiostyle.errors import InputError
from audiostyle.isolation import isolated
from audiostyle.weights.plain_pickle import PlainArray, Tensor, load_plain

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


def unpickle(data):
    return load_plain(io.BytesIO(data), "it")


def same(left, right):
    left = left.value if isinstance(left, PlainArray) else left
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
    return (type(left) is type(right) and left == right) or (isinstance(right, np.generic) and left == right)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_data_comes_back_as_pickle_reads_it(protocol):
    data = pickle.dumps(PLAIN, protocol)
    assert same(unpickle(data), pickle.loads(data))


def test_a_pickle_of_python_2_is_read():
    # cPickle's output for {'param values': [numpy.float32 array], 'n': 1L} in Python 2.7 with numpy 1.16
    data = (
        b"\x80\x02}q\x01(U\x0cparam valuesq\x02]q\x03cnumpy.core.multiarray\n_reconstruct\nq\x04cnumpy\nndarray\nq\x05"
        b"K\x00\x85U\x01b\x87Rq\x06(K\x01K\x02\x85cnumpy\ndtype\nq\x07U\x02f4K\x00K\x01\x87Rq\x08(K\x03U\x01<NNNJ"
        b"\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x08\x00\x00\x80?\x00\x00\x00@tbaU\x01nq\x09\x8a\x01\x01u."
    )
    assert same(unpickle(data), {"param values": [np.array([1, 2], "f4")], "n": 1})


def test_several_pickles_are_read_one_after_the_other(tmp_path):
    (tmp_path / "file").write_bytes(pickle.dumps(1) + pickle.dumps([2]) + b"rest")
    with open(tmp_path / "file", "rb") as stream:
        assert load_plain(stream, "it") == 1
        assert load_plain(stream, "it") == [2]
        assert stream.read() == b"rest"


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
    assert same(unpickle(pickle.dumps(value, protocol)), value)


def read_or_refuse(pickles):
    """Read pickles, of which any may be damaged in any way; return how many were read."""
    n_read = 0
    for data in pickles:
        try:
            unpickle(data)
        except Exception:
            continue
        n_read += 1
    assert not os.path.exists(WITNESS)
    return n_read


def damaged(count):
    generator = np.random.RandomState(0)
    for number in range(count):
        pickled = bytearray(pickle.dumps(PLAIN, PROTOCOLS[number % len(PROTOCOLS)]))
        for _ in range(generator.randint(1, 5)):
            pickled[generator.randint(len(pickled))] = generator.randint(256)
        yield bytes(pickled)


def random_instructions(count):
    generator = np.random.RandomState(1)
    codes = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes]
    for _ in range(count):
        chosen = [codes[index] for index in generator.randint(len(codes), size=generator.randint(1, 30))]
        yield b"".join(chosen) + b"\x01\x00\x00\x00\n."


@pytest.mark.parametrize("kind", [damaged, random_instructions])
def test_any_bytes_are_read_or_refused(kind):
    n_read = isolated(lambda: read_or_refuse(kind(2000)), files=[], seconds=60)
    assert 0 < n_read < 1500


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
    with pytest.raises((InputError, pickle.UnpicklingError, TypeError)):
        unpickle(data)
    assert not os.path.exists(WITNESS)


NDARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
F4 = b"cnumpy\ndtype\nX\x02\x00\x00\x00f4K\x00K\x01\x87R"
HUGE = b"\x8a\x08" + struct.pack("<q", 2**62)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        # instructions that make objects
        (instance_of(0), "asks for 'copy_?reg"),
        (instance_of(2), "asks for .*Slotted"),
        (instance_of(4), "asks for .*Slotted"),
        (b"ccollections\nOrderedDict\n)\x81.", "NEWOBJ"),
        (b"ccollections\nOrderedDict\n)}\x92.", "NEWOBJ_EX"),
        (b"(cos\nsystem\nS'true'\no.", "asks for 'os.system'"),
        (b"(S'true'\nios\nsystem\n.", "asks for 'os.system'"),
        (b"\x82\x01.", "unregistered extension code"),
        (b"P1\n.", "outside the pickle"),
        (b"K\x01Q.", "outside the pickle"),
        (b"\x97.", "buffer"),
        (b"\xff.", "invalid load key"),
        (b"\x80\x07.", "protocol: 7"),
        # the state of a function, and of what has none
        (b"ccollections\nOrderedDict\n}b.", "another state of a function"),
        (b"ccollections\nOrderedDict\nN}X\x06\x00\x00\x00_makerK\x01s\x86b.", "another state of a function"),
        (b"]}X\x01\x00\x00\x00aK\x01sb.", "__dict__"),
        (b"cnumpy\nndarray\n)R.", "called by itself"),
        # arrays that are none
        (pickle.dumps(np.array([None, 1], object), 2), "Python objects"),
        (pickle.dumps(np.array([{}, {}], object), 2), "Python objects"),
        (pickle.dumps(np.zeros(2, "f4,i4"), 2), "the type 'V8'|records"),
        (pickle.dumps(np.array(["a"]), 2), "the type"),
        (pickle.dumps(np.zeros(2, "datetime64[s]"), 2), "the type"),
        (pickle.dumps(np.zeros(2, "c8"), 2), "the type"),
        (b"cnumpy\ndtype\nX\x02\x00\x00\x00f1\x85R.", "the type 'f1'"),
        (NDARRAY + b"(K\x01" + HUGE + b"\x85" + F4 + b"\x89C\x04abcdtb.", "needs .* bytes, but 4"),
        (NDARRAY + b"(K\x01J\xff\xff\xff\xff\x85" + F4 + b"\x89C\x04abcdtb.", "a few whole numbers"),
        (NDARRAY + b"(K\x01\x88\x85" + F4 + b"\x89C\x04abcdtb.", "a few whole numbers"),
        (NDARRAY + b"(K\x01(K\x00" + HUGE + HUGE + b"t" + F4 + b"\x89C\x00tb.", "too big|too large|reshape"),
        (NDARRAY + b"(K\x01)" + F4 + b"\x89]tb.", "Python objects"),
        (b"c_codecs\nencode\n" + HUGE + b"\x85R.", "bytes of something that is no text"),
        # sizes that are not there
        (b"I" + b"9" * 100_000 + b"\n.", "convert string to int|digits"),
        (b"X\x01\x00\x00\x00\xff.", "decode"),
        (b".", "pop from empty stack|stack"),
        (b"h\x05.", "Memo value|memo"),
    ],
)
def test_what_is_no_plain_data_is_refused(data, expected):
    with pytest.raises(Exception, match=expected):
        unpickle(data)


def test_a_pickle_does_not_change_what_reads_it():
    """Neither the stand-ins nor their makers keep anything that a pickle gives them."""
    state = b"}X\x0c\x00\x00\x00__setstate__K\x01s"
    for name in (b"numpy\ndtype", b"numpy.core.multiarray\n_reconstruct", b"torch\nFloatStorage"):
        for data in (b"c" + name + b"\n" + state + b"b.", b"c" + name + b"\nN" + state + b"\x86b."):
            with pytest.raises((InputError, AttributeError, TypeError)):
                unpickle(data)
    assert same(unpickle(pickle.dumps(PLAIN, 2)), PLAIN)


def bomb(name):
    """Small pickles that would take for ever or fill the memory."""
    if name == "tuple as a key":
        # t = (t, t), 60 times: its hash would be computed 2 ** 60 times
        return b"}K\x01" + b"2\x86" * 60 + b"K\x01s."
    if name == "deep tuple as a key":
        return b"})" + b"\x85" * 1_000_000 + b"K\x01s."
    if name == "tuple nested as deep as possible":
        return b")" + b"\x85" * 190_000 + b"."
    if name == "memo at the highest place":
        return b"K\x01r\xff\xff\xff\xff."
    if name == "a gigabyte that is not there":
        return b"\x8e" + struct.pack("<Q", 2**60) + b"."
    # the same text encoded again and again
    text = b"X" + struct.pack("<I", 10**6) + b"a" * 10**6 + b"q\x000"
    return text + b"(" + b"c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R" * 20_000 + b"t."


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tuple as a key", "takes longer than 1 s"),
        ("deep tuple as a key", "crash"),
        ("tuple nested as deep as possible", None),
        ("memo at the highest place", "GiB of memory"),
        ("a gigabyte that is not there", "GiB of memory"),
        ("the same text encoded again and again", "GiB of memory"),
    ],
)
def test_a_bomb_does_not_go_off(name, expected):
    def read():
        unpickle(bomb(name))

    seconds = 1 if name == "tuple as a key" else 10
    if expected is None:
        isolated(read, files=["it"], seconds=seconds)
        return
    with pytest.raises(InputError, match=expected):
        isolated(read, files=["it"], seconds=seconds)


def test_what_torch_writes_becomes_a_description():
    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQ"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x01K\x02K\x03\x86K\x03K\x01\x86\x89NtR."
    assert unpickle(tensor) == Tensor(("FloatStorage", "0", 6), 1, (2, 3), (3, 1))
    with pytest.raises(ValueError, match="whole numbers"):
        unpickle(tensor.replace(b"K\x02K\x03\x86", b"K\x02\x88\x86"))


def test_nothing_is_imported(monkeypatch):
    def forbidden(*arguments, **options):
        raise AssertionError("an import")

    data = pickle.dumps(PLAIN, 2)
    monkeypatch.setattr("builtins.__import__", forbidden)
    unpickle(data)
    with pytest.raises(InputError, match=r"asks for 'antigravity\.fly'"):
        unpickle(b"cantigravity\nfly\n.")

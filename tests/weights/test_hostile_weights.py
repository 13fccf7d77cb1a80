"""Files of weights made to harm: one for each way in which a reader was once brought down.

Each must end in one printable sentence.  What takes time or memory is ended by the limits of
audiostyle.isolation, which has its own tests.
"""

import io
import pickle
import struct
import zipfile
import zlib

import numpy as np
import pytest

from audiostyle.errors import InputError
from audiostyle.weights.formats import read_weights_file
from audiostyle.weights.parameters import known_record

NDARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
F4 = b"cnumpy\ndtype\nX\x02\x00\x00\x00f4K\x00K\x01\x87R"
FAR = b"\x8a\x06" + (2**39).to_bytes(6, "little")
# t = (t, t), 60 times: what walks through it, or computes its hash, takes 2 ** 60 steps.
LAUGHS = b"K\x01" + b"2\x86" * 60
DEEP_TUPLE = b")" + b"\x85" * 180_000
DEEP_LIST = b"]" * 180_000 + b"a" * 179_999


def lasagne(first, record=b"}"):
    """A pickle with one array (or something else) and a record, as opcodes."""
    values = b"(" + first + b"N" * 31 + b"l"
    return b"\x80\x02}(X\x0c\x00\x00\x00param values" + values + b"X\x0a\x00\x00\x00audiostyle" + record + b"u."


def array(shape):
    return NDARRAY + b"(K\x01" + shape + F4 + b"\x89C\x00tb"


def npy(descr="<f4", shape=(2,), data=b""):
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def npz(member):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for number in range(32):
            file.writestr(f"arr_{number}.npy", member)
    return buffer.getvalue()


def torch_legacy(writers, path, keys):
    """PyTorch's older form with the pickled list of storages' names replaced."""
    tiny = [np.zeros((1,) * 4 if index % 2 == 0 else (1,), "f4") for index in range(32)]
    writers["torch legacy"](path, tiny)
    data = path.read_bytes()
    start = data.rindex(b"\x80\x02]")
    return data[:start] + keys


def far_zip(offset):
    """An archive whose member lies at an offset of 64 bits."""
    data = bytearray(npz(npy(data=bytes(8))))
    start = data.index(b"PK\x01\x02")
    size = struct.unpack_from("<H", data, start + 28)[0]
    data[start + 42 : start + 46] = b"\xff" * 4
    data[start + 30 : start + 32] = struct.pack("<H", 12)
    extra = struct.pack("<HHQ", 1, 8, offset)
    data[start + 46 + size : start + 46 + size] = extra
    end = data.index(b"PK\x05\x06")
    struct.pack_into("<I", data, end + 12, struct.unpack_from("<I", data, end + 12)[0] + len(extra))
    return bytes(data)


def element(kind, data):
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(kind, shape, content, name=b"", length=None):
    head = element(6, struct.pack("<II", kind, 0)) + element(5, struct.pack(f"<{len(shape)}i", *shape))
    body = head + element(1, name) + content
    return struct.pack("<II", 14, len(body) if length is None else length) + body


MAT = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"


def mat_int8_double():
    """Twenty arrays that are stored as bytes, in 0.4 MB, and would be 3 GB as the doubles that they are."""
    count = 512 * 512 * 9 * 8
    head = matrix(6, (1, count), struct.pack("<II", 1, count), length=count + 48 + 8)
    packer = zlib.compressobj()
    one = packer.compress(head + bytes(count)) + packer.flush(zlib.Z_FULL_FLUSH)
    packer = zlib.compressobj()
    cells = matrix(1, (1, 20), b"", b"layers", length=20 * (len(head) + count) + 48)
    start = packer.compress(cells) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = start + one[2:] * 20
    return MAT + struct.pack("<II", 15, len(packed)) + packed


def mat_zero_shape():
    layer = matrix(6, (0, 2**30, 2**30, 2**30), element(9, b""))
    return MAT + matrix(1, (1, 1), layer, b"layers")


DAMAGED = "not a readable|cut short"
CASES = {
    "laughs as a record": (lasagne(b"N", b"}X\x06\x00\x00\x00source" + LAUGHS + b"s"), "but a NoneType"),
    "laughs as a layer": (lasagne(LAUGHS), "but a tuple"),
    "a deep list as a record": (lasagne(b"N", b"}X\x06\x00\x00\x00source" + DEEP_LIST + b"s"), "but a NoneType"),
    "a deep list as a layer": (lasagne(DEEP_LIST), "but a list"),
    "a deep tuple as a key": (b"\x80\x02}" + DEEP_TUPLE + b"K\x01s.", "crash"),
    "npz of one-byte floats": (npz(npy("<f1", data=b"ab")), "zip archive"),
    "npz of objects": (npz(npy("|O", data=pickle.dumps([1, 2]))), "zip archive"),
    "npz of nothing, far out": (npz(npy(shape=(0, 2**39, 2**39))), "zip archive"),
    "npz of a boolean size": (npz(npy(shape=(True, 1), data=bytes(4))), DAMAGED + "|of the shape"),
    "npz of a negative size": (npz(npy(shape=(-1,), data=bytes(4))), DAMAGED + "|of the shape"),
    "npz with a header of code": (npz(b"\x93NUMPY\x01\x00\x0a\x00__import__"), "zip archive"),
    "npy of nothing, far out": (npy("|O", (0, 2**39, 2**39)), "no dict of layers"),
    "pickle of nothing, far out": (lasagne(array(b"(K\x00" + FAR + FAR + b"t")), DAMAGED),
    "pickle of a boolean size": (lasagne(array(b"\x89\x85")), DAMAGED),
    "mat of nothing, far out": (mat_zero_shape(), "MATLAB|no layer"),
    "mat of bytes that become doubles": (mat_int8_double(), "no layer|GiB of memory"),
    "zip offset of 63 bits": (far_zip(2**63 - 1), "zip archive"),
    "zip offset of 64 bits": (far_zip(2**64 - 1), "zip archive"),
    "zip directory before the file": (b"PK\x03\x04\0PK\x05\x06" + b"\xff" * 18, "zip archive"),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_one_sentence(case, tmp_path):
    data, expected = CASES[case]
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(InputError, match=expected) as caught:
        read_weights_file(tmp_path / "file")
    assert str(caught.value).isprintable()
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    "keys", [b"\x80\x02](" + LAUGHS + b"e.", b"\x80\x02](" + DEEP_TUPLE + b"e.", b"\x80\x02](]e.", b"\x80\x02](}e."]
)
def test_torch_storages_with_names_that_are_none(keys, writers, tmp_path):
    (tmp_path / "file").write_bytes(torch_legacy(writers, tmp_path / "tiny", keys))
    with pytest.raises(InputError, match="mixes them up"):
        read_weights_file(tmp_path / "file")


@pytest.mark.parametrize("container", ["torch zip", "torch legacy"])
def test_a_torch_tensor_of_nothing_far_out(container, writers, tmp_path):
    tiny = [np.zeros((1,) * 4 if index % 2 == 0 else (1,), "f4") for index in range(32)]
    writers[container](tmp_path / "tiny", tiny)
    old = b"(J\1\0\0\0J\1\0\0\0J\1\0\0\0J\1\0\0\0t"
    shape, strides = b"(K\0" + FAR + FAR + b"K\1t", b"(" + FAR * 3 + b"K\1t"
    data = (tmp_path / "tiny").read_bytes()
    if container == "torch zip":
        with zipfile.ZipFile(tmp_path / "tiny") as file:
            members = {name: file.read(name) for name in file.namelist()}
        members["vgg19/data.pkl"] = members["vgg19/data.pkl"].replace(old, shape, 1).replace(old, strides, 1)
        with zipfile.ZipFile(tmp_path / "file", "w") as file:
            for name, content in members.items():
                file.writestr(name, content)
    else:
        (tmp_path / "file").write_bytes(data.replace(old, shape, 1).replace(old, strides, 1))
    with pytest.raises(InputError, match=r"usual order|not a readable|of the shape") as caught:
        read_weights_file(tmp_path / "file")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("value", [7, 2.5, b"bytes", ["list"], {"a": 1}, ("tuple",), None])
def test_a_record_is_a_text_or_nothing(value):
    assert known_record({"source": value}) == {}
    assert known_record(value) == {}


def test_a_record_forges_nothing():
    record = known_record({"source": "\x1b[2J\nlicence  none\u202e", "licence": "mine", "made_by": "x" * 10_000})
    assert set(record) == {"source", "made_by"}
    assert all(text.isprintable() and len(text) <= 200 for text in record.values())
    assert record["source"] == r"\x1b[2J\nlicence  none\u202e"

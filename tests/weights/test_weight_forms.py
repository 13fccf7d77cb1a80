"""Every form, whole and broken, through the command line."""

import io
import os
import pickle
import re
import struct
import zipfile
import zlib

import h5py
import numpy as np
import pytest
from golden_weights import GOLDEN_SHA256, golden_weights, imagenet_raw

from audiostyle.errors import InputError
from audiostyle.weights import load
from audiostyle.weights.formats import parse, read_weights_file
from audiostyle.weights.identify import Activity, Orientation
from audiostyle.weights.layers import parameter_shapes
from audiostyle.weights.load import inspect_weights, load_weights


@pytest.fixture
def unmeasured(monkeypatch):
    """Leaves out measuring, which is tested elsewhere and takes longer than all the rest."""
    monkeypatch.setattr(load, "measure_activity", lambda arrays: Activity(30.0, 30.0))


def equal(left, right):
    return len(left) == len(right) and all(map(np.array_equal, left, right))


def test_every_form_gives_the_same_arrays(form, writers, tmp_path):
    if form == "lasagne with dense layers":
        pytest.skip("the dense layers are large: see the slow test")
    generator = np.random.RandomState(1)
    shapes = [shape for index in range(16) for shape in ((5 + index, 3 if index == 0 else 4, 3, 3), (5 + index,))]
    arrays = [generator.standard_normal(shape).astype("f4") for shape in shapes]
    writers[form](tmp_path / "weights", arrays)
    with open(tmp_path / "weights", "rb") as stream:
        found = parse(stream, "it")
    upright = Orientation(rgb=found.channel_order == "RGB").apply(found.arrays)
    assert equal(upright, arrays)
    assert found.form.split()[0].lower() in ("lasagne", "keras", "matconvnet", "numpy", "pytorch", "audiostyle")
    assert (found.channel_order == "RGB") == ("matlab" in form)


@pytest.mark.parametrize("one_form", ["keras", "torch zip"])
def test_whole_networks_are_loaded(one_form, writers, tmp_path, unmeasured):
    # A name that says nothing: forms are told by content.
    path = tmp_path / "weights.txt"
    writers[one_form](path, golden_weights())
    weights = inspect_weights(path)
    assert equal(weights.arrays, golden_weights())
    assert weights.sha256 == GOLDEN_SHA256
    assert all(array.flags.c_contiguous and array.dtype == np.float32 for array in weights.arrays)
    assert not weights.published
    assert not weights.trained
    path.unlink()


@pytest.mark.slow
def test_every_form_is_loaded_whole(form, writers, tmp_path, unmeasured):
    writers[form](tmp_path / "weights", golden_weights())
    assert equal(inspect_weights(tmp_path / "weights").arrays, golden_weights())
    (tmp_path / "weights").unlink()


def test_the_published_network_is_put_upright(shared, writers, tmp_path, unmeasured):
    raw = imagenet_raw(shared)
    path = tmp_path / "weights"
    # Red-green-blue and turned in a form whose custom is neither.
    turned = [array[:, ::-1] if array.shape[1:2] == (3,) else array for array in raw]
    turned = [array.swapaxes(2, 3)[:, :, ::-1] if array.ndim == 4 else array for array in turned]
    writers["npz"](path, turned)
    weights = inspect_weights(path)
    assert weights.published
    assert weights.trained
    assert any("turned: red-green-blue, transposed" in note for note in weights.notes)
    assert equal(weights.arrays, raw)


def test_pixels_of_0_to_1_are_rescaled(shared, writers, tmp_path):
    raw = imagenet_raw(shared)
    path = tmp_path / "weights"
    writers["npy"](path, [raw[0] * np.float32(255), *raw[1:]])
    weights = inspect_weights(path)
    assert any("0 to 1" in note for note in weights.notes)
    np.testing.assert_allclose(weights.arrays[0], raw[0], rtol=1e-6)


@pytest.fixture
def stub():
    """A network that is right as far as conv2_1 and far too small beyond, so that its files are small."""
    shapes = [*parameter_shapes()[:6], *((4, 2, 3, 3) if len(shape) == 4 else (4,) for shape in parameter_shapes()[6:])]
    return [np.zeros(shape, np.float32) for shape in shapes]


def changed(stub, fault):
    """The network with a fault in its first layers, which is found before the sizes of the others."""
    arrays = list(stub)
    if fault == "missing layer":
        return arrays[:-2]
    if fault == "extra layer":
        return [*arrays, arrays[-2], arrays[-1]]
    if fault == "transposed kernels":
        # (n_in, n_out, ...): conv2_1, because the shape of conv1_1 tells its axes
        arrays[4] = arrays[4].transpose(1, 0, 2, 3)
    if fault == "float16":
        arrays = [array.astype(np.float16) for array in arrays]
    if fault == "big-endian":
        arrays = [array.astype(">f4") for array in arrays]
    if fault == "whole numbers":
        arrays[1] = arrays[1].astype(np.int32)
    if fault in ("nan", "infinite", "enormous"):
        arrays[1] = arrays[1].copy()
        arrays[1][3] = {"nan": np.nan, "infinite": -np.inf, "enormous": 1e30}[fault]
    return arrays


FAULTS = {
    "missing layer": ("lacks 'conv5_4 W'|has 30 arrays|lacks 'conv5_4 b'"),
    "extra layer": "too many|has 34 arrays",
    "transposed kernels": r"\(64, 128, 3, 3\).*transposed",
    "float16": "as float16",
    "big-endian": "big-endian",
    "nan": "not finite",
    "infinite": "not finite",
    "enormous": "above 1e",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_network_is_refused(main_form, fault, writers, stub, tmp_path, fails):
    if main_form == "matlab" and fault in ("float16", "big-endian"):
        pytest.skip("scipy writes neither")
    path = tmp_path / "weights"
    writers[main_form](path, changed(stub, fault))
    sentence = fails("info", path)
    path.unlink()
    assert re.search(FAULTS[fault], sentence), sentence


def test_whole_numbers_are_refused(writers, stub, tmp_path, fails):
    writers["npz"](tmp_path / "weights", changed(stub, "whole numbers"))
    assert "int32" in fails("info", tmp_path / "weights")


@pytest.mark.parametrize("kept", [0.99, 0.5, 0.01])
def test_a_truncated_file_is_refused(main_form, kept, writers, stub, tmp_path, fails):
    path = tmp_path / "weights"
    writers[main_form](path, stub)
    os.truncate(path, max(150, int(path.stat().st_size * kept)))
    sentence = fails("info", path)
    assert re.search("cut short|not a readable|damaged|copy it again", sentence), sentence


def test_the_stub_is_refused_for_its_size_only(main_form, writers, stub, tmp_path, fails):
    writers[main_form](tmp_path / "weights", stub)
    assert "conv2_2 W of the shape (4, 2, 3, 3)" in fails("info", tmp_path / "weights")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html>\n<html><title>404</title>", "web page"),
        (b"\n  <html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"\x1f\x8b\x08rest", "unpacked first"),
        (b"RIFF\x00\x00\x00\x00WAVE", "a sound or a picture"),
        (b"MATLAB 7.3 MAT-file, Platform: GLNXA64", "MATLAB 7.3"),
        (b"\x0a\x0eVGG_ILSVRC_19_layers", "no known form"),
        (b"\x80\x02", "not a readable pickle"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 500, "HDF5"),
        (b"PK\x03\x04" + b"\0" * 500, "zip archive"),
        (b"\x93NUMPY\x01\x00\xff\xff", ".npy"),
        (b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"\x0f\0\0\0\xff\xff\xff\x7f", "MATLAB"),
        (b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI" + b"\0" * 16, "MATLAB"),
    ],
)
def test_something_else_is_refused(content, expected, tmp_path, fails):
    (tmp_path / "weights.h5").write_bytes(content)
    assert expected in fails("info", tmp_path / "weights.h5")


def test_places_that_are_no_files_are_refused(tmp_path, fails):
    assert "not a regular file" in fails("info", tmp_path)
    assert "no such file" in fails("info", tmp_path / "none")
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in fails("info", tmp_path / "pipe")
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(2**31)
    assert "more than any file" in fails("info", tmp_path / "huge")


def rezipped(data, change):
    """The zip with its ``data.pkl`` changed."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(result, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name.endswith("data.pkl") else content)
    return result.getvalue()


def tiny_network():
    return [np.zeros((1, 1, 1, 2) if index % 2 == 0 else (1,), "f4") for index in range(32)]


class TestHostileContainers:
    """Containers that declare or unpack to far more than they are, or refer to what is elsewhere."""

    @pytest.fixture(autouse=True)
    def _here(self, tmp_path):
        self.path = tmp_path / "hostile"

    def refused(self, data, expected):
        """The file must be refused in one printable sentence, in half of the promised 20 s."""
        self.path.write_bytes(data)
        before = os.times()
        with pytest.raises(InputError, match=expected) as caught:
            read_weights_file(self.path)
        after = os.times()
        assert after.children_user + after.children_system - before.children_user - before.children_system < 10
        assert str(caught.value).isprintable()

    def test_npz_member_unpacks_to_more_than_any_layer(self, tmp_path):
        with zipfile.ZipFile(tmp_path / "bomb", "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("conv1_1_W.npy", bytes(2**26))
        self.refused((tmp_path / "bomb").read_bytes(), "zip archive|lacks")

    def test_npz_member_is_longer_than_it_says(self, tmp_path):
        with zipfile.ZipFile(tmp_path / "bomb", "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("conv1_1_W.npy", bytes(2**26))
        data = bytearray((tmp_path / "bomb").read_bytes())
        for start in (data.find(b"PK\x03\x04") + 22, data.find(b"PK\x01\x02") + 24):
            data[start : start + 4] = struct.pack("<I", 1000)
        self.refused(bytes(data), "zip archive|npy")

    def test_zip_with_many_members(self):
        entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
        directory = entry * 200_000
        end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 65535, 65535, len(directory), 4, 0)
        self.refused(b"PK\x03\x04" + directory + end, "no layer|zip archive")

    def test_npz_array_declares_a_huge_shape(self, tmp_path):
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000), }\n"
        npy = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
        with zipfile.ZipFile(tmp_path / "bomb", "w") as file:
            file.writestr("conv1_1_W.npy", npy)
        self.refused((tmp_path / "bomb").read_bytes(), "shape|GiB of memory")

    def test_npy_header_is_code(self):
        header = b"__import__('os').system('touch /tmp/audiostyle_was_here')\n"
        self.refused(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header, "npy")

    def test_npy_header_is_nested(self):
        header = b"(" * 9000
        self.refused(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header, "npy")

    def test_mat_variable_unpacks_without_end(self):
        # 4 GiB of zeros in 4 MB, as the layers and as something else.
        packer = zlib.compressobj()
        inner = struct.pack("<II", 14, 2**32 - 8) + struct.pack("<IIII", 6, 8, 6, 0)
        inner += struct.pack("<IIii", 5, 8, 1, 2**29 - 16) + struct.pack("<II", 1, 6) + b"layers\0\0"
        inner += struct.pack("<II", 9, 2**32 - 128)
        start = packer.compress(inner) + packer.flush(zlib.Z_FULL_FLUSH)
        packed = start + (packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH)) * 256
        head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
        for name in (b"layers", b"others"):
            variable = struct.pack("<II", 15, len(packed)) + packed.replace(b"layers", name)
            self.refused(head + variable, "GiB of memory|MATLAB file")

    def test_mat_cells_within_cells(self):
        inner = b""
        for _ in range(100):
            body = struct.pack("<IIII", 6, 8, 1, 0) + struct.pack("<IIii", 5, 8, 1, 1) + struct.pack("<II", 1, 0)
            inner = struct.pack("<II", 14, len(body) + len(inner)) + body + inner
        self.refused(b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + inner, "MATLAB")

    def test_hdf5_dataset_declares_a_huge_shape(self, tmp_path):
        with h5py.File(tmp_path / "bomb", "w") as file:
            file.create_dataset("block1_conv1/kernel:0", (2**20, 2**20), "f4", chunks=(1024, 1024))
        self.refused((tmp_path / "bomb").read_bytes(), "larger than any convolution")

    def test_hdf5_chunk_unpacks_to_gigabytes(self, tmp_path):
        packer = zlib.compressobj()
        start = packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH)
        again = packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH)
        with h5py.File(tmp_path / "bomb", "w") as file:
            shape = (3, 3, 3, 64)
            dataset = file.create_dataset("block1_conv1/kernel:0", shape, "f4", chunks=shape, compression="gzip")
            dataset.id.write_direct_chunk((0, 0, 0, 0), start + again * 200)
        self.refused((tmp_path / "bomb").read_bytes(), "not a readable HDF5 file|GiB of memory|longer than")

    @pytest.mark.parametrize("kind", ["external link", "soft link", "external data", "virtual"])
    def test_hdf5_refers_to_another_file(self, kind, tmp_path):
        other = tmp_path / "other"
        with h5py.File(other, "w") as file:
            file["block1_conv1/kernel:0"] = np.zeros((3, 3, 3, 64), "f4")
        with h5py.File(tmp_path / "file", "w") as file:
            if kind == "external link":
                file["block1_conv1"] = h5py.ExternalLink(str(other), "/block1_conv1")
            elif kind == "soft link":
                file["block1_conv1"] = h5py.SoftLink("/elsewhere")
            elif kind == "external data":
                external = [(str(other), 0, 3 * 3 * 3 * 64 * 4)]
                file.create_dataset("block1_conv1/kernel:0", (3, 3, 3, 64), "f4", external=external)
            else:
                layout = h5py.VirtualLayout((3, 3, 3, 64), "f4")
                layout[...] = h5py.VirtualSource(str(other), "block1_conv1/kernel:0", (3, 3, 3, 64))
                file.create_virtual_dataset("block1_conv1/kernel:0", layout)
        self.refused((tmp_path / "file").read_bytes(), "no layer of VGG-19 in it|lies in another file")

    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            # strides (1, 1, 1, 1) of conv1_1's kernel (1, 1, 1, 2); then its offset; then its shape
            (b"(J\2\0\0\0J\2\0\0\0J\2\0\0\0J\1\0\0\0t", b"(J\2\0\0\0J\2\0\0\0J\1\0\0\0J\1\0\0\0t", "usual order"),
            (b"tQK\0", b"tQK\1", "ends before its last tensor"),
            (
                b"(J\1\0\0\0J\1\0\0\0J\1\0\0\0J\2\0\0\0t",
                b"(J\1\0\0\0J\1\0\0\0J\1\0\0\0J\3\0\0\0t",
                "usual order|ends before",
            ),
        ],
    )
    @pytest.mark.parametrize("container", ["torch zip", "torch legacy"])
    def test_torch_tensor_reaches_out_of_its_storage(self, container, old, new, expected, writers, tmp_path):
        writers[container](tmp_path / "file", tiny_network())
        data = (tmp_path / "file").read_bytes()
        assert old in data
        if container == "torch zip":
            data = rezipped(data, lambda content: content.replace(old, new, 1))
        else:
            data = data.replace(old, new, 1)
        self.refused(data, expected)

    def test_npz_has_a_layer_twice(self, tmp_path):
        with open(tmp_path / "file", "wb") as file:
            np.savez(file, conv1_1_W=np.zeros(2), conv1_1_weights=np.zeros(2))
        self.refused((tmp_path / "file").read_bytes(), "conv1_1 W twice")

    def test_torch_storage_declares_more_than_there_is(self, writers, tmp_path):
        tiny = [np.zeros((1,) * 4 if index % 2 == 0 else (1,), "f4") for index in range(32)]
        writers["torch zip"](tmp_path / "file", tiny)
        data = (tmp_path / "file").read_bytes()
        huge = rezipped(data, lambda content: content.replace(b"J\1\0\0\0tQ", b"J\xff\xff\xff\x7ftQ"))
        assert huge != data
        self.refused(huge, "ends before its last tensor")


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"cposix\nsystem\n(S'touch /tmp/audiostyle_was_here'\ntR.", "posix.system"),
        (pickle.dumps({"param values": [np.array([None, 1], object)]}, 2), "Python objects"),
        (pickle.dumps({"param values": 3}, 2), "param values"),
        (pickle.dumps([1, 2], 2), "param values"),
        (pickle.dumps({"param values": ["text"] * 32}, 2), "no array for conv1_1 W, but a str"),
        (pickle.dumps({"param values": [np.float32(1)] * 32}, 2), "but a float"),
    ],
)
def test_a_wrong_pickle_is_refused(payload, expected, tmp_path, fails):
    (tmp_path / "weights.pkl").write_bytes(payload)
    assert expected in fails("info", tmp_path / "weights.pkl")
    assert not os.path.exists("/tmp/audiostyle_was_here")


def test_a_lasagne_pickle_is_not_turned_but_refused(shared, writers, tmp_path, fails, unmeasured):
    turned = [array[:, :, ::-1, ::-1] if array.ndim == 4 else array for array in imagenet_raw(shared)]
    writers["lasagne"](tmp_path / "weights", turned)
    assert "wrong way round (upside down, mirrored)" in fails("info", tmp_path / "weights")


class TestTorchvision:
    """Weights with torchvision's names are taken only if they can be the converted Caffe ones."""

    def test_johnsons_file_is_taken(self, shared, writers, tmp_path, unmeasured):
        # Whatever its name is.
        path = tmp_path / "vgg19-dcbb9e9d.pth"
        writers["torch legacy"](path, imagenet_raw(shared))
        assert inspect_weights(path).published

    def test_another_training_is_refused(self, shared, writers, tmp_path, fails, unmeasured):
        # Filters in another order: trained, but not the published network.
        raw = imagenet_raw(shared)
        writers["torch zip"](tmp_path / "weights", [raw[0][::-1], *raw[1:]])
        assert "torchvision's VGG-19" in fails("info", tmp_path / "weights")

    def test_the_name_with_its_checksum_is_refused(self, writers, tmp_path, fails, unmeasured):
        writers["torch zip"](tmp_path / "vgg19-dcbb9e9d.pth", golden_weights())
        assert "torchvision's VGG-19" in fails("info", tmp_path / "vgg19-dcbb9e9d.pth")

    def test_another_pixel_scale_is_refused(self, writers, tmp_path, fails):
        golden = golden_weights()
        writers["torch zip"](tmp_path / "weights", [golden[0] * np.float32(58), *golden[1:]])
        assert "torchvision's VGG-19" in fails("info", tmp_path / "weights")


def test_unnormalised_weights_can_be_refused(writers, tmp_path):
    writers["npz"](tmp_path / "weights", golden_weights())
    with pytest.raises(InputError, match=r"not normalised.*normalize --pictures"):
        load_weights(tmp_path / "weights", allow_unnormalised=False)

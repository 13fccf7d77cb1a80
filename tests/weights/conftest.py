"""Writers of every form of weights, independent of the readers, and networks to write."""

import io
import pickle
import struct
import zipfile

import h5py
import numpy as np
import pytest
import scipy.io

from audiostyle.command import weights as command
from audiostyle.command.options import Parser
from audiostyle.errors import AudioStyleError
from audiostyle.weights.layers import CONV_LAYERS
from audiostyle.weights.random_network import random_network

NAMES = [layer.name for layer in CONV_LAYERS]
KERAS_NAMES = [f"block{name[4]}_conv{name[6]}" for name in NAMES]
FEATURES = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]


def pairs(arrays, names=NAMES):
    """(name, W, b) of each layer; a 17th layer, if there is one, is called conv6_1."""
    names = [*names, "conv6_1" if names is NAMES else "block6_conv1" if names is KERAS_NAMES else 36]
    return [(names[index], arrays[2 * index], arrays[2 * index + 1]) for index in range(len(arrays) // 2)]


def hwio(kernels):
    return kernels.transpose(2, 3, 1, 0)


def write_lasagne(path, arrays, protocol=2):
    path.write_bytes(pickle.dumps({"param values": list(arrays)}, protocol))


def write_lasagne_full(path, arrays):
    dense = [np.zeros((25088, 4096), "f4"), *(np.zeros(shape, "f4") for shape in ((4096,), (4096, 4096), (4096,)))]
    dense += [np.zeros((4096, 1000), "f4"), np.zeros(1000, "f4")]
    content = {"param values": [*arrays, *dense], "mean value": np.zeros(3), "synset words": ["a tench"] * 1000}
    path.write_bytes(pickle.dumps(content, 4))


def write_keras(path, arrays, kernel="{}_W_1:0", bias="{}_b_1:0", nested=False, **options):
    with h5py.File(path, "w") as file:
        file.create_group("block1_pool")
        file.create_group("input_1")
        for name, kernels, biases in pairs(arrays, KERAS_NAMES):
            group = file.create_group(f"{name}/{name}" if nested else name)
            group.create_dataset(kernel.format(name), data=hwio(kernels), **options)
            group[bias.format(name)] = biases


def write_keras_new(path, arrays):
    write_keras(path, arrays, "kernel:0", "bias:0", nested=True)


def write_keras_full(path, arrays):
    write_keras(path, arrays)
    with h5py.File(path, "a") as file:
        file["fc1/fc1_W_1:0"] = np.zeros((25088, 8), "f4")
        file["predictions/predictions_b_1:0"] = np.zeros(1000, "f4")
        file.create_group("flatten")


def write_matlab(path, arrays, older=False, compress=True):
    layers = []
    for name, kernels, biases in pairs(arrays):
        # (width, height, n_in, n_out), red-green-blue
        kernels = kernels[:, ::-1] if kernels.shape[1] == 3 else kernels
        kernels, biases = kernels.transpose(3, 2, 1, 0), biases.reshape(1, -1)
        if older:
            layers.append({"type": "conv", "name": name, "filters": kernels, "biases": biases, "stride": 1.0})
        else:
            blobs = np.empty((1, 2), object)
            blobs[0, 0], blobs[0, 1] = kernels, biases.ravel()[:, np.newaxis]
            layers.append({"name": name, "type": "conv", "weights": blobs, "pad": [1.0, 1.0, 1.0, 1.0]})
        layers.append({"type": "relu", "name": "relu" + name[4:]})
    layers.append({"type": "conv", "name": "fc8", "filters": np.zeros((1, 1, 9, 5), "f4"), "biases": np.zeros(5, "f4")})
    cells = np.empty((1, len(layers)), object)
    cells[0] = layers
    meta = {"normalization": {"averageImage": np.array([123.68, 116.779, 103.939])}, "classes": {"name": "a tench"}}
    scipy.io.savemat(path, {"meta": meta, "layers": cells}, do_compression=compress)


def write_matlab_older(path, arrays):
    write_matlab(path, arrays, older=True, compress=False)


def write_npz(path, arrays):
    named = {f"{name}_{kind}": array for name, *two in pairs(arrays) for kind, array in zip("Wb", two, strict=True)}
    with open(path, "wb") as file:
        np.savez(file, **named)


def write_npz_compressed(path, arrays):
    with open(path, "wb") as file:
        np.savez_compressed(file, *arrays)


def write_npy(path, arrays):
    layers = {name: [hwio(kernels), biases] for name, kernels, biases in pairs(arrays)}
    layers["fc8"] = [np.zeros((4096, 2), "f4"), np.zeros(2, "f4")]
    with open(path, "wb") as file:
        np.save(file, layers, allow_pickle=True)


def write_npy_dicts(path, arrays):
    layers = {name: {"weights": kernels, "biases": biases} for name, kernels, biases in pairs(arrays)}
    with open(path, "wb") as file:
        np.save(file, layers, allow_pickle=True)


def _text(text):
    return b"X" + struct.pack("<I", len(text.encode())) + text.encode()


def _integers(values):
    return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"


def _state_pickle(tensors, storage_end):
    """What torch pickles for a state dict of contiguous tensors, each with a storage of its own."""
    parts = [b"\x80\x02ccollections\nOrderedDict\n)R("]
    for number, (name, array) in enumerate(tensors.items()):
        kind = {"float32": "FloatStorage", "float16": "HalfStorage", "float64": "DoubleStorage"}[array.dtype.name]
        strides = [int(np.prod(array.shape[axis + 1 :])) for axis in range(array.ndim)]
        storage = b"(" + _text("storage") + f"ctorch\n{kind}\n".encode() + _text(str(number)) + _text("cpu")
        storage += b"J" + struct.pack("<i", array.size) + storage_end + b"tQ"
        parts += [_text(name), b"ctorch._utils\n_rebuild_tensor_v2\n(", storage, b"K\x00", _integers(array.shape)]
        parts += [_integers(strides), b"\x89ccollections\nOrderedDict\n)RtR"]
    return b"".join([*parts, b"u."])


def torch_names(arrays, features):
    tensors = {}
    for name, kernels, biases in pairs(arrays, FEATURES if features else NAMES):
        prefix = f"features.{name}" if features else name
        tensors |= {f"{prefix}.weight": kernels, f"{prefix}.bias": biases}
    return tensors


def write_torch_zip(path, arrays, features=True):
    tensors = torch_names(arrays, features)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("vgg19/data.pkl", _state_pickle(tensors, b""))
        file.writestr("vgg19/byteorder", "big" if arrays[0].dtype.byteorder == ">" else "little")
        for number, array in enumerate(tensors.values()):
            file.writestr(f"vgg19/data/{number}", array.tobytes())
        file.writestr("vgg19/version", "3\n")


def write_torch_layers(path, arrays):
    write_torch_zip(path, arrays, features=False)


def write_torch_legacy(path, arrays):
    tensors = torch_names(arrays, True)
    stream = io.BytesIO()
    for head in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": arrays[0].dtype.byteorder != ">", "type_sizes": {}}):
        pickle.dump(head, stream, protocol=2)
    stream.write(_state_pickle(tensors, b"N"))
    pickle.dump([str(number) for number in range(len(tensors))], stream, protocol=2)
    for array in tensors.values():
        stream.write(struct.pack("<q", array.size) + array.tobytes())
    path.write_bytes(stream.getvalue())


def write_own_h5(path, arrays):
    with h5py.File(path, "w") as file:
        file.attrs["format"] = np.bytes_("audiostyle vgg19 weights 1")
        for name, kernels, biases in pairs(arrays):
            file[f"{name}/W"], file[f"{name}/b"] = kernels, biases


# One or two ways to write each form; the first of each is also tried with every fault.
WRITERS = {
    "lasagne": write_lasagne,
    "keras": write_keras,
    "matlab": write_matlab,
    "npz": write_npz,
    "npy": write_npy,
    "torch zip": write_torch_zip,
    "torch legacy": write_torch_legacy,
    "own h5": write_own_h5,
    "lasagne with dense layers": write_lasagne_full,
    "keras with dense layers": write_keras_full,
    "newer keras": write_keras_new,
    "older matlab": write_matlab_older,
    "compressed npz by position": write_npz_compressed,
    "npy of dicts": write_npy_dicts,
    "torch by layers": write_torch_layers,
}
MAIN_FORMS = list(WRITERS)[:8]


@pytest.fixture(scope="session")
def writers():
    return WRITERS


@pytest.fixture(scope="session")
def random_arrays():
    return random_network()


def run_command(*arguments):
    """Run ``audiostyle weights ARGUMENTS`` without loading the other subcommands."""
    parser = Parser(prog="audiostyle")
    command.add_parser(parser.add_subparsers())
    args = parser.parse_args(["weights", *map(str, arguments)])
    return args.run(args)


@pytest.fixture
def succeeds(capsys):
    """Runs a command that must end with status 0, and returns what it prints."""

    def run(*arguments):
        assert run_command(*arguments) == 0
        return capsys.readouterr().out

    return run


@pytest.fixture
def fails():
    """Runs a command that must end with an error of one sentence, which it returns."""

    def run(*arguments, status=2):
        with pytest.raises(AudioStyleError) as caught:
            run_command(*arguments)
        assert caught.value.exit_status == status
        text = str(caught.value)
        assert text.endswith(".")
        assert "\n" not in text
        assert len(text) < 800
        return text

    return run


def pytest_generate_tests(metafunc):
    if "form" in metafunc.fixturenames:
        metafunc.parametrize("form", list(WRITERS))
    if "main_form" in metafunc.fixturenames:
        metafunc.parametrize("main_form", MAIN_FORMS)

"""What is written: a pickle for Python 2 and an HDF5 file, whole or not at all."""

import os
import pickle
import pickletools
import shutil
import stat
import subprocess

import h5py
import numpy as np
import pytest
from golden_weights import GOLDEN_SHA256, golden_weights

from audiostyle.errors import InputError, RunError
from audiostyle.weights import load
from audiostyle.weights.identify import Activity
from audiostyle.weights.layers import CONV_LAYERS
from audiostyle.weights.load import inspect_weights
from audiostyle.weights.save import save_weights

RECORD = {"made_by": "a test", "normalised_by": "nobody"}

# What the pickles of Python 2's numpy 1.x name; each was there under this name already in 2010.
PYTHON_2_NAMES = {"numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype"}

READ_IN_PYTHON_2 = """
import cPickle, hashlib, sys
model = cPickle.load(open(sys.argv[1]))
digest = hashlib.sha256()
for array in model['param values']:
    digest.update(array.tostring())
print(digest.hexdigest())
"""


@pytest.fixture(scope="module")
def pickled(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "weights.pkl"
    save_weights(path, golden_weights(), "pickle", RECORD)
    yield path
    path.unlink()


def test_the_pickle_loads_as_the_authors_load_it(pickled):
    with open(pickled, "rb") as file:
        model = pickle.load(file, encoding="latin-1")
    assert list(model) == ["param values", "audiostyle"]
    values = model["param values"]
    assert all(map(np.array_equal, values, golden_weights()))
    assert all(value.dtype == np.float32 and value.flags.writeable for value in values)
    assert model["audiostyle"] == RECORD | {"arrays_sha256": GOLDEN_SHA256}


def test_the_pickle_has_nothing_that_python_2_lacks(pickled):
    names = set()
    with open(pickled, "rb") as file:
        for opcode, argument, _ in pickletools.genops(file):
            assert opcode.proto <= 2
            # Texts are Python 2's own, or numpy would get unicode objects for its dtypes.
            assert "UNICODE" not in opcode.name
            if opcode.name == "GLOBAL":
                names.add(argument)
    assert names == PYTHON_2_NAMES


def test_python_2_reads_the_pickle(pickled):
    python = shutil.which("python2.7")
    check = [python, "-c", "import numpy"]
    if python is None or subprocess.run(check, capture_output=True, check=False).returncode:
        pytest.skip("needs python2.7 with numpy")
    output = subprocess.run([python, "-c", READ_IN_PYTHON_2, pickled], capture_output=True, check=True, text=True)
    assert output.stdout.strip() == GOLDEN_SHA256


@pytest.mark.parametrize("kind", ["pickle", "h5"])
def test_what_is_written_is_read(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(load, "measure_activity", lambda arrays: Activity(1.0, 1.0))
    means = {layer.name: np.full(layer.n_out, 2.0) for layer in CONV_LAYERS}
    path = tmp_path / "weights"
    save_weights(path, golden_weights(), kind, RECORD, means)
    weights = inspect_weights(path)
    assert weights.sha256 == GOLDEN_SHA256
    assert RECORD.items() <= weights.record.items()
    assert weights.form == {"pickle": "Lasagne pickle", "h5": "AudioStyle .h5"}[kind]
    if kind == "h5":
        with h5py.File(path) as file:
            assert file["mean_activations/conv5_4"][0] == 2
    path.unlink()


@pytest.mark.parametrize("kind", ["pickle", "h5"])
def test_a_changed_number_is_noticed(kind, tmp_path):
    path = tmp_path / "weights"
    save_weights(path, golden_weights(), kind, RECORD)
    # The last bit of a number in the middle of the file.
    with open(path, "r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    with pytest.raises(InputError, match="has changed since it was written"):
        inspect_weights(path)
    path.unlink()


@pytest.mark.parametrize("kind", ["pickle", "h5"])
def test_a_failure_leaves_what_was_there(kind, tmp_path, monkeypatch):
    path = tmp_path / "weights"
    path.write_text("as it was")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match="the disk is full"):
        save_weights(path, golden_weights(), kind, {})
    assert path.read_text() == "as it was"
    assert os.listdir(tmp_path) == ["weights"]


def test_an_interruption_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_weights(tmp_path / "weights", golden_weights(), "pickle", {})
    assert os.listdir(tmp_path) == []


def test_the_file_has_the_usual_permissions(pickled):
    usual = pickled.parent / "usual"
    usual.touch()
    assert stat.S_IMODE(pickled.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        save_weights(tmp_path / "none" / "weights", golden_weights(), "pickle", {})
    with pytest.raises(InputError, match="is a folder"):
        save_weights(tmp_path, golden_weights(), "pickle", {})

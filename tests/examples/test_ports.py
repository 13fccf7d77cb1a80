"""The two ports in ``examples/ports`` agree with the package stage by stage; they share no line with it."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from audiostyle.optimise import descend
from audiostyle.settings import Settings
from audiostyle.study.stage_comparison import compare_files
from audiostyle.study.stage_recording import write_stages
from audiostyle.weights.random_network import random_network
from audiostyle.weights.save import save_weights

ROOT = Path(__file__).resolve().parents[2]
PORTS = ROOT / "examples" / "ports"
DEMO = ROOT / "docs" / "baseline" / "demo"
CLIPS = [str(DEMO / f"{name}.wav") for name in ("rock", "reggae")]


def run(port, *arguments):
    done = subprocess.run(
        [sys.executable, PORTS / port, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def check(ours, ports, count):
    comparison = compare_files(str(ours), str(ports))
    assert {one.stage.name for one in comparison.differences if not one.agrees} == set()
    assert len(comparison.differences) == count
    assert not comparison.only_second
    assert not comparison.unknown


def test_numpy_port(tmp_path):
    run("numpy_port.py", *CLIPS, "-o", tmp_path / "port.h5", "--wav", tmp_path / "back.wav")
    check(DEMO / "stages.h5", tmp_path / "port.h5", 22)
    assert (tmp_path / "back.wav").stat().st_size > 20_000


def test_numpy_port_in_spectrogram_mode(tmp_path):
    run("numpy_port.py", *CLIPS, "-o", tmp_path / "port.h5", "--spec")
    write_stages(str(tmp_path / "ours.h5"), *CLIPS, Settings(representation="spectrogram", duration=0.5))
    check(tmp_path / "ours.h5", tmp_path / "port.h5", 24)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [Settings(), Settings(representation="spectrogram")], ids=["mel", "spectrogram"])
def test_numpy_port_of_the_papers_clips(settings, shared, tmp_path):
    clips = [str(shared / "clips" / name) for name in ("rock17.wav", "reggae07.wav")]
    spec = settings.representation == "spectrogram"
    run("numpy_port.py", *clips, "-o", tmp_path / "port.h5", *["--spec"] * spec)
    write_stages(str(tmp_path / "ours.h5"), *clips, settings)
    check(tmp_path / "ours.h5", tmp_path / "port.h5", 24 if spec else 22)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The network of ``--weights random`` in a file, where PyTorch is installed."""
    pytest.importorskip("torch")
    path = tmp_path_factory.mktemp("weights") / "weights.h5"
    save_weights(path, random_network(), "h5", {})
    return path


def test_torch_port(weights, tmp_path):
    output = run("torch_port.py", DEMO / "stages.h5", weights, "-o", tmp_path / "port.h5", "--descend", "1")
    check(DEMO / "stages.h5", tmp_path / "port.h5", 51)
    with h5py.File(tmp_path / "port.h5") as file:
        assert float(re.search(r"round 1: (\S+)", output)[1]) < file["losses/total"][()] / 10


def test_torch_port_draws_the_start_image(weights, tmp_path):
    with h5py.File(DEMO / "stages.h5") as source, h5py.File(tmp_path / "less.h5", "w") as less:
        for role in ("content", "style"):
            less[f"{role}/tensor"] = source[f"{role}/tensor"][()]
    run("torch_port.py", tmp_path / "less.h5", weights, "-o", tmp_path / "port.h5")
    check(DEMO / "stages.h5", tmp_path / "port.h5", 51)


def test_torch_port_descends_as_the_package_does():
    torch = pytest.importorskip("torch")
    spec = importlib.util.spec_from_file_location("torch_port", PORTS / "torch_port.py")
    port = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(port)

    def valley(x):
        low, high = x.ravel()[:-1], x.ravel()[1:]
        slope = np.zeros(x.size, x.dtype)
        slope[:-1] = -400 * low * (high - low**2) - 2 * (1 - low)
        slope[1:] += 200 * (high - low**2)
        return float(np.sum(100 * (high - low**2) ** 2 + (1 - low) ** 2)), slope.reshape(x.shape)

    class Losses:
        def evaluate(self, image):
            total, slope = valley(image.numpy())
            return {}, total, torch.as_tensor(slope)

    start = np.random.RandomState(0).uniform(-1, 1, (1, 3, 2, 4)).astype("float32")
    *_, ours = descend(lambda x: ({}, *valley(x)), start, Settings(iterations=4, max_evaluations=5))
    *_, (image, total) = port.descend(Losses(), torch.as_tensor(start), 3, 5)
    np.testing.assert_array_equal(image.numpy(), ours.image)
    assert total == ours.total

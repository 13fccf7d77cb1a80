"""The network as Theano compiles it for a GPU, without one: on OpenCL's CPU driver, and through the real NVRTC.

pygpu comes from Debian only (python3-pygpu, libgpuarray-dev), OpenCL from pocl-opencl-icd, ocl-icd-opencl-dev
and libclblast-dev; where they are missing the tests are skipped with the reason.
"""

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from stub_cuda.build import build_stub

from audiostyle.network.gpu.device import device_findings

ROOT = Path(__file__).resolve().parents[2]
DEBIAN = Path("/usr/lib/python3/dist-packages")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def python_path(tmp_path_factory):
    """PYTHONPATH under which pygpu can be imported: Debian's, with what it imports, if this Python has none."""
    if importlib.util.find_spec("pygpu"):
        return ""
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    if not (DEBIAN / "pygpu" / f"gpuarray{suffix}").exists():
        pytest.skip("needs pygpu for this Python: on Debian 12, apt install python3-pygpu libgpuarray-dev")
    folder = tmp_path_factory.mktemp("pygpu")
    for name in ("pygpu", "mako", "markupsafe"):
        (folder / name).symlink_to(DEBIAN / name)
    return str(folder)


@pytest.fixture(scope="module")
def evaluate(python_path, tmp_path_factory):
    """Runs ``device_evaluation.py`` on a device and returns what it wrote."""

    def run(device, rounds=1, **environment):
        target = tmp_path_factory.mktemp(device.replace(":", "-")) / "evaluated.npz"
        done = subprocess.run(
            [sys.executable, ROOT / "tests/device_evaluation.py", device, target, str(rounds)],
            env={**os.environ, "PYTHONPATH": python_path, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
        return np.load(target)

    return run


@pytest.fixture(scope="module")
def on_cpu(evaluate):
    return evaluate("cpu")


@pytest.fixture(scope="module")
def on_opencl(evaluate, python_path, on_cpu):
    sys.path.append(python_path)
    try:
        missing = [finding for finding in device_findings("opencl0:0") if finding.state == "problem"]
    finally:
        sys.path.remove(python_path)
    if missing:
        pytest.skip(f"needs OpenCL: {missing[0].text}; {missing[0].remedy}")
    return evaluate("opencl0:0")


def relative(ours, expected):
    return np.linalg.norm(np.asarray(ours, "float64") - expected) / np.linalg.norm(np.asarray(expected, "float64"))


def test_every_loss_is_the_cpus(on_opencl, on_cpu):
    assert on_opencl["names"].tolist() == on_cpu["names"].tolist()
    assert len(on_cpu["names"]) == 11
    np.testing.assert_allclose(on_opencl["parts"], on_cpu["parts"], rtol=1e-5)
    np.testing.assert_allclose(on_opencl["total"], on_cpu["total"], rtol=1e-5)


def test_gradient_is_the_cpus(on_opencl, on_cpu):
    assert relative(on_opencl["gradient"], on_cpu["gradient"]) < 1e-5


def test_descent_is_the_cpus(on_opencl, on_cpu):
    assert len(on_opencl["totals"]) == len(on_cpu["totals"]) >= 8
    assert on_opencl["totals"][-1] < 0.9 * on_opencl["totals"][0]
    np.testing.assert_allclose(on_opencl["totals"][:3], on_cpu["totals"][:3], rtol=1e-5)
    np.testing.assert_allclose(on_opencl["totals"], on_cpu["totals"], rtol=1e-3)


def test_nothing_leaves_the_device_within_the_network(on_opencl):
    # The image goes in; the gradient, the weighted and the unweighted parts come out.
    assert on_opencl["transfers"].tolist() == ["1 image to device", "3 result to host"]
    host = {
        "Dot22",
        "Gemm",
        "CorrMM",
        "CorrMM_gradInputs",
        "Pool",
        "AveragePoolGrad",
        "Elemwise",
        "Sum",
        "PowerSpectrum",
    }
    assert not host & set(on_opencl["operations"].tolist())
    assert {"GpuCorrMM", "GpuCorrMM_gradInputs", "GpuPool", "GpuGemm"} <= set(on_opencl["operations"].tolist())


@pytest.fixture(scope="module")
def cuda_libraries(tmp_path_factory):
    """The real NVRTC beside a driver and a cuBLAS that do nothing, as one folder for the loader."""
    folders = [Path(path) / "nvidia/cuda_nvrtc/lib" for path in sys.path]
    found = [path for folder in folders for path in folder.glob("libnvrtc.so.1*")]
    if not found:
        pytest.skip("needs NVRTC: pip install nvidia-cuda-nvrtc-cu11==11.8.89")
    folder = tmp_path_factory.mktemp("cuda")
    build_stub("libcuda", folder)
    build_stub("libcublas", folder)
    (folder / "libnvrtc.so").symlink_to(found[0])
    for builtins in found[0].parent.glob("libnvrtc-builtins.so.*"):
        (folder / builtins.name).symlink_to(builtins)
    return folder


@pytest.mark.parametrize("capability", ["7.0", "7.5", "8.0", "8.6", "9.0"])
def test_nvrtc_compiles_every_kernel(evaluate, cuda_libraries, tmp_path, capability):
    written = evaluate(
        "cuda",
        rounds=0,
        THEANO_FLAGS=f"gpuarray.cache_path={tmp_path / 'compiled'}",  # kept kernels would not be compiled
        LD_LIBRARY_PATH=str(cuda_libraries),
        STUB_CUDA_CAPABILITY=capability,
        STUB_CUDA_KERNELS=str(tmp_path),
    )
    assert written["transfers"].tolist() == ["1 image to device", "3 result to host"]
    kernels = [path.read_text() for path in tmp_path.glob("*.ptx")]
    assert len(kernels) > 100
    assert all(f".target sm_{capability.replace('.', '')}" in kernel for kernel in kernels)


def test_a_device_that_fails_to_start(python_path, cuda_libraries):
    done = subprocess.run(
        [sys.executable, "-c", "from audiostyle.network.start import start_theano; start_theano('cuda')"],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{python_path}",
            "LD_LIBRARY_PATH": str(cuda_libraries),
            "STUB_CUDA_RETAIN": "2",  # out of memory
        },
        capture_output=True,
        text=True,
        check=False,
    )
    error = "audiostyle.errors.InputError: The device 'cuda' cannot be used: No cuda device available; "
    assert done.stderr.splitlines()[-1].startswith(error)
    assert done.stderr.count("Traceback") == 1  # of the uncaught InputError itself

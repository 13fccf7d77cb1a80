"""Devices' names, and every reason for which a CUDA device cannot be used, on stubs of CUDA's libraries."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stub_cuda.build import build_stub

from audiostyle.errors import InputError
from audiostyle.network.gpu.device import resolve_device

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ("libcuda", "libnvrtc", "libcublas")
SCRIPT = """
import json, sys
from audiostyle.errors import InputError
from audiostyle.network.gpu.device import check_device, device_findings, resolve_device
device = resolve_device(sys.argv[1])
said = {"device": device, "findings": {f.subject: [f.state, f.text] for f in device_findings(device)}}
try:
    check_device(device)
except InputError as error:
    said["error"] = str(error)
print(json.dumps(said))
"""
PYGPU = """
import types
__version__ = "0.7.6"
gpuarray = types.SimpleNamespace(api_version=lambda: (2, 0))
"""


@pytest.fixture(scope="session")
def stubs(tmp_path_factory):
    """All stubs, compiled once; the versioned driver is under a name of its own."""
    folder = tmp_path_factory.mktemp("stubs")
    for name in LIBRARIES:
        build_stub(name, folder)
    return folder


@pytest.fixture
def look(stubs, tmp_path):
    """Looks at a device in a process that finds the named stubs, a pygpu, and what the environment says."""

    def run(device, *names, pygpu=True, **environment):
        for name in names:
            stem, _, versioned = name.partition("/")
            shutil.copy(stubs / f"{stem}.so", tmp_path / (versioned or f"{stem}.so"))
        if pygpu:
            (tmp_path / "pygpu.py").write_text(PYGPU)
        else:
            (tmp_path / "pygpu.py").write_text("raise ImportError('no pygpu here', name='pygpu')")
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, device],
            cwd=ROOT,
            env={**os.environ, "LD_LIBRARY_PATH": str(tmp_path), "PYTHONPATH": f"{ROOT}:{tmp_path}", **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


CUDA = ("libcuda", "libnvrtc", "libcublas")


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda0", "cuda12", "opencl0:0", "opencl1:12"])
def test_a_device_stands_for_itself(name):
    assert resolve_device(name) == name


@given(
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(
            ["gpu", "gpu0", "CUDA", "cuda-1", "cuda0:1", "opencl", "opencl0", "opencl0:", "cpu0", "cuda\n"]
        ),
    )
)
def test_any_other_name_is_refused_in_one_sentence(name):
    if re.fullmatch(r"cpu|auto|cuda[0-9]{0,3}|opencl[0-9]{1,3}:[0-9]{1,3}", name):
        return
    with pytest.raises(InputError, match=r"is unknown; use cpu, cuda, .* or auto\.$"):
        resolve_device(name)


def test_auto_is_the_cpu_without_a_driver(look):
    said = look("auto")
    assert said["device"] == "cpu"
    assert said["findings"] == {}


@pytest.mark.parametrize("library", ["libcuda", "libcuda/libcuda.so.1"])
def test_auto_is_cuda_where_the_driver_answers(look, library):
    assert look("auto", library)["device"] == "cuda"


@pytest.mark.parametrize("environment", [{"STUB_CUDA_INIT": "100"}, {"STUB_CUDA_GPUS": "0"}])
def test_auto_is_the_cpu_where_the_driver_has_no_gpu(look, environment):
    assert look("auto", *CUDA, **environment)["device"] == "cpu"


# K80 with CUDA 11.2, then V100 to H200 with CUDA 11.8, as docs/docker.md has it.
@pytest.mark.parametrize(
    ("capability", "nvrtc", "driver"),
    [("3.7", "11.2", "11040"), ("7.0", "11.8", "11080"), ("7.5", "11.8", "12020"), ("8.0", "11.8", "12020"),
     ("8.6", "11.8", "12020"), ("8.9", "11.8", "13000"), ("9.0", "11.8", "13000")],
)  # fmt: skip
def test_a_device_that_can_be_used(look, capability, nvrtc, driver):
    environment = {"STUB_CUDA_CAPABILITY": capability, "STUB_NVRTC_VERSION": nvrtc, "STUB_CUDA_VERSION": driver}
    said = look("cuda0", *CUDA, **environment)
    assert "error" not in said
    assert {state for state, _ in said["findings"].values()} == {"ok"}
    assert said["findings"]["GPU 0"][1].startswith(f"Stub 0, architecture {capability}, 8 GiB")


@pytest.mark.parametrize(
    ("libraries", "environment", "reason"),
    [
        ((), {}, "NVIDIA's driver was not found (libcuda.so is not on the loader's path)"),
        (("libcuda/libcuda.so.1",), {}, "libcuda.so.1 is there, but libgpuarray opens it as libcuda.so"),
        (CUDA, {"STUB_CUDA_INIT": "100"}, "there is no NVIDIA GPU that it may use"),
        (CUDA, {"STUB_CUDA_INIT": "999"}, "the NVIDIA kernel module does not answer"),
        (CUDA, {"STUB_CUDA_INIT": "7"}, "cuInit returned 7"),
        (CUDA, {"STUB_CUDA_GPUS": "0"}, "there is no NVIDIA GPU that it may use"),
        (CUDA, {"STUB_CUDA_CAPABILITY": "10.0"}, "GPUs from Blackwell on cannot be served"),
        (CUDA, {"STUB_CUDA_CAPABILITY": "12.0"}, "GPUs from Blackwell on cannot be served"),
        (CUDA, {"STUB_CUDA_VERSION": "11040"}, "is newer than CUDA 11.4, the newest that the driver knows"),
        (CUDA, {"STUB_NVRTC_VERSION": "11.2"}, "NVRTC 11.2 compiles for 3.5, 3.7, 5.0"),
        (CUDA, {"STUB_NVRTC_FAILS": "no builtins"}, "NVRTC cannot compile for it (no builtins)"),
        (("libcuda", "libcublas"), {}, "CUDA's compiler NVRTC was not found"),
        (("libcuda", "libcublas", "libnvrtc/libnvrtc.so.11.2"), {}, "make the link: ln -s libnvrtc.so.11.2"),
        (("libcuda", "libnvrtc"), {}, "CUDA's BLAS was not found"),
    ],
)  # fmt: skip
def test_a_device_that_cannot_be_used(look, libraries, environment, reason):
    error = look("cuda", *libraries, **environment)["error"]
    assert error.startswith("The device 'cuda' cannot be used: ")
    assert error.endswith(", or use --device cpu.")
    assert reason in error
    assert "\n" not in error


def test_a_gpu_that_is_not_there(look):
    error = look("cuda2", *CUDA, STUB_CUDA_GPUS="2")["error"]
    assert "there is no GPU 2; use one of cuda0 (Stub 0), cuda1 (Stub 1)" in error


def test_no_pygpu(look):
    assert "pygpu, Theano's library for GPUs, is not installed" in look("cuda", *CUDA, pygpu=False)["error"]

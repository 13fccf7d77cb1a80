"""What a device's name means, and whether the device can be used, before Theano is imported.

Theano's own answer to a missing library is a traceback or, on OpenCL, a segmentation fault.
"""

import dataclasses
import functools
import importlib
import re
from collections.abc import Iterator
from typing import Literal

from audiostyle.errors import InputError
from audiostyle.network.gpu import cuda, opencl
from audiostyle.network.gpu.cuda import Gpu, Missing, version_text

__all__ = ["Finding", "check_device", "device_findings", "resolve_device"]

_NAMES = re.compile(r"cpu|auto|cuda(\d{1,3})?|opencl(\d{1,3}):(\d{1,3})", re.ASCII)
_PYGPU_REMEDY = (
    "use the project's Docker image, or on Debian 12 with its own Python: apt install python3-pygpu libgpuarray-dev, "
    "and a virtual environment with --system-site-packages"
)


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    subject : str
    state : {'ok', 'note', 'problem'}
        A problem stops what was asked for; a note does not.
    text : str
        What was found.
    remedy : str
        What to do about it.
    """

    subject: str
    state: Literal["ok", "note", "problem"]
    text: str
    remedy: str = ""


@functools.cache
def resolve_device(name: str) -> str:
    """Return the device that a name stands for.

    Parameters
    ----------
    name : str
        ``cpu``, ``cuda``, ``cudaN``, ``openclPLATFORM:DEVICE``, or ``auto``: CUDA if its driver answers,
        else the CPU.

    Raises
    ------
    InputError
        If it is none of these.
    """
    if not _NAMES.fullmatch(name):
        raise InputError(
            f"The device {name!r} is unknown; use cpu, cuda, a numbered GPU such as cuda0, an OpenCL platform and "
            "device such as opencl0:0, or auto."
        )
    if name == "auto":
        return "cuda" if cuda.cuda_answers() else "cpu"
    return name


@functools.cache  # once in a process: a run asks before it reads clips, and Theano is started later
def check_device(name: str) -> None:
    """Raise an error in one sentence if a device cannot be used; nothing is started.

    Parameters
    ----------
    name : str
        As :func:`resolve_device` returns it.

    Raises
    ------
    InputError
    """
    for finding in device_findings(name):
        if finding.state == "problem":
            raise InputError(
                f"The device {name!r} cannot be used: {finding.text}; {finding.remedy}, or use --device cpu."
            )


def device_findings(name: str) -> Iterator[Finding]:
    """Look at everything that a device needs, in the order of dependence; takes as :func:`check_device`."""
    match = _NAMES.fullmatch(name)
    if name.startswith("cuda"):
        yield from _cuda_findings(int(match[1]) if match and match[1] else None)
    elif name.startswith("opencl") and match:
        yield from _opencl_findings(int(match[2]), int(match[3]))


def _cuda_findings(number: int | None) -> Iterator[Finding]:
    try:
        driver = cuda.cuda_driver()
    except Missing as missing:
        yield Finding("NVIDIA driver", "problem", str(missing), missing.remedy)
        driver = None
    if driver:
        yield Finding(
            "NVIDIA driver", "ok", f"takes code of CUDA {version_text(driver.version)} or older, {driver.path}"
        )
        if number is not None and number >= len(driver.gpus):
            names = ", ".join(f"cuda{index} ({gpu.name})" for index, gpu in enumerate(driver.gpus))
            yield Finding("GPU", "problem", f"there is no GPU {number}", f"use one of {names}")
    yield from _pygpu_findings()
    try:
        nvrtc = cuda.nvrtc()
    except Missing as missing:
        yield Finding("NVRTC", "problem", str(missing), missing.remedy)
        nvrtc = None
    if nvrtc:
        made = f"{version_text(nvrtc.version)}, {nvrtc.path}"
        if driver and nvrtc.version > driver.version:
            yield Finding(
                "NVRTC",
                "problem",
                f"NVRTC {made} is newer than CUDA {version_text(driver.version)}, the newest that the driver knows",
                f"update NVIDIA's driver to one for CUDA {version_text(nvrtc.version)}, or use an image with an older "
                "NVRTC (the target k80 has 11.2)",
            )
        else:
            yield Finding("NVRTC", "ok", made)
    if driver and nvrtc:
        for gpu in driver.gpus[number or 0 :][:1]:  # without a number libgpuarray takes the first
            yield _architecture_finding(f"GPU {number or 0}", gpu, nvrtc)
    try:
        cublas = cuda.cublas()
        yield Finding("cuBLAS", "ok", f"{version_text(cublas.version)}, {cublas.path}")
    except Missing as missing:
        yield Finding("cuBLAS", "problem", str(missing), missing.remedy)


def _architecture_finding(subject: str, gpu: Gpu, nvrtc: cuda.Nvrtc) -> Finding:
    """Tell whether libgpuarray and this NVRTC can serve a GPU."""
    text = f"{gpu.name}, architecture {version_text(gpu.capability)}, {gpu.memory / 2**30:.0f} GiB"
    if gpu.capability[0] >= 10:
        return Finding(
            subject,
            "problem",
            f"{text}: libgpuarray cuts the architecture to two digits, so GPUs from Blackwell on cannot be served",
            "use a GPU of architecture 3.7 to 9.0 (K80 to H200)",
        )
    if nvrtc.architectures and gpu.architecture not in nvrtc.architectures:
        served = ", ".join(f"{number // 10}.{number % 10}" for number in nvrtc.architectures)
        return Finding(
            subject,
            "problem",
            f"{text}: NVRTC {version_text(nvrtc.version)} compiles for {served} only",
            "use the image's target cuda (NVRTC 11.8, for 3.5 to 9.0) or, for a K80, k80 (NVRTC 11.2)",
        )
    error = cuda.nvrtc_error(gpu.architecture)
    if error:
        return Finding(
            subject,
            "problem",
            f"{text}: NVRTC cannot compile for it ({error})",
            "see that libnvrtc-builtins of the same version lies beside libnvrtc and on the loader's path",
        )
    return Finding(subject, "ok", f"{text}; NVRTC {version_text(nvrtc.version)} compiles for it")


def _opencl_findings(platform: int, device: int) -> Iterator[Finding]:
    try:
        platforms = opencl.opencl_platforms()
    except Missing as missing:
        yield Finding("OpenCL", "problem", str(missing), missing.remedy)
    else:
        found = [
            f"opencl{p}:{d} ({name}, {entry.name})"
            for p, entry in enumerate(platforms)
            for d, name in enumerate(entry.devices)
        ]
        if platform < len(platforms) and device < len(platforms[platform].devices):
            yield Finding("OpenCL", "ok", "; ".join(found))
        else:
            remedy = f"use one of {'; '.join(found)}" if found else "install an OpenCL driver for it"
            yield Finding("OpenCL", "problem", f"there is no OpenCL device {platform}:{device}", remedy)
    yield from _pygpu_findings()
    try:
        yield Finding("OpenCL BLAS", "ok", opencl.opencl_blas())
    except Missing as missing:
        yield Finding("OpenCL BLAS", "problem", str(missing), missing.remedy)


def _pygpu_findings() -> Iterator[Finding]:
    try:
        pygpu = importlib.import_module("pygpu")
    except ImportError as error:
        reason = "is not installed" if error.name == "pygpu" else f"cannot be imported ({error})"
        yield Finding("pygpu", "problem", f"pygpu, Theano's library for GPUs, {reason}", _PYGPU_REMEDY)
        return
    if not pygpu.__version__.startswith("0.7."):
        text = f"pygpu is version {pygpu.__version__}, but Theano 1.0.5 needs 0.7"
        yield Finding("pygpu", "problem", text, _PYGPU_REMEDY)
        return
    interface = pygpu.gpuarray.api_version()
    yield Finding("pygpu", "ok", f"{pygpu.__version__}, libgpuarray interface {interface[0]}.{interface[1]}")

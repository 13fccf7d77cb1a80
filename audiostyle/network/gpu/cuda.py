"""The libraries that a GPU needs, found and asked through ctypes, before Theano is there to fail.

libgpuarray opens ``libcuda.so``, ``libnvrtc.so``, ``libcublas.so`` and ``libOpenCL.so`` by exactly
these names while it runs, so the same names are opened here.  CUDA's own packages carry versioned names
only; a library that is there under such a name alone counts as missing, and the text says which link
would help.
"""

import ctypes
import dataclasses
import functools
import os
from pathlib import Path

__all__ = [
    "Driver",
    "Gpu",
    "Missing",
    "Nvrtc",
    "SharedLibrary",
    "cublas",
    "cuda_answers",
    "cuda_driver",
    "nvrtc",
    "nvrtc_error",
    "open_library",
    "path_of",
    "version_text",
]

Version = tuple[int, ...]

# cuInit and its kin: what the user can do about the results that occur (cuda.h, enum CUresult).
_DRIVER_RESULTS = {
    34: "it is a stub for linking, not a driver; take its folder out of the library path",
    100: "there is no NVIDIA GPU that it may use",
    101: "the GPU's number is not valid",
    802: "the system's GPUs are not initialised yet (is nvidia-fabricmanager running?)",
    803: "the driver's library and its kernel module are of different versions; restart the machine",
    804: "the forward-compatibility library does not fit this GPU",
    999: "the NVIDIA kernel module does not answer (does nvidia-smi work?)",
}
_ATTRIBUTE_MAJOR, _ATTRIBUTE_MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR


class Missing(Exception):
    """A library is not there or does not answer; the text says which, why, and what would help.

    Attributes
    ----------
    remedy : str
    """

    def __init__(self, text: str, remedy: str) -> None:
        super().__init__(text)
        self.remedy = remedy


@dataclasses.dataclass(frozen=True)
class SharedLibrary:
    """A shared library that could be opened.

    Attributes
    ----------
    path : str
        The file behind the name.
    version : tuple of int
    """

    path: str
    version: Version


@dataclasses.dataclass(frozen=True)
class Gpu:
    """One CUDA device.

    Attributes
    ----------
    name : str
    capability : tuple (major, minor)
        Its architecture, such as (9, 0) for an H200.
    memory : int
        Bytes.
    """

    name: str
    capability: tuple[int, int]
    memory: int

    @property
    def architecture(self) -> int:
        """The number NVRTC calls it by, such as 90."""
        return 10 * self.capability[0] + self.capability[1]


@dataclasses.dataclass(frozen=True)
class Driver(SharedLibrary):
    """CUDA's driver; `version` is the newest CUDA whose code it takes."""

    gpus: tuple[Gpu, ...]


@dataclasses.dataclass(frozen=True)
class Nvrtc(SharedLibrary):
    """CUDA's run-time compiler, and the architectures it compiles for, such as (35, 37, ..., 90)."""

    architectures: tuple[int, ...]


def version_text(version: Version) -> str:
    """Return ``11.8`` for (11, 8)."""
    return ".".join(map(str, version))


def cuda_answers() -> bool:
    """Tell whether a CUDA driver answers, under either name, and has a GPU."""
    count = ctypes.c_int()
    for name in ("libcuda.so", "libcuda.so.1"):
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        return library.cuInit(0) == 0 and library.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
    return False


@functools.cache
def cuda_driver() -> Driver:
    """Ask CUDA's driver for its version and GPUs.

    Raises
    ------
    Missing
    """
    remedy = (
        "install NVIDIA's driver, and in a container start it with the NVIDIA container toolkit "
        "(docker run --gpus all ...)"
    )
    library = open_library("NVIDIA's driver", "libcuda", ("libcuda.so.1",), remedy)

    def unusable(reason: str) -> Missing:
        return Missing(f"NVIDIA's driver is there but cannot be used: {reason}", "see that nvidia-smi works first")

    def call(name: str, *arguments: object) -> None:
        result = getattr(library, name)(*arguments)
        if result:
            raise unusable(_DRIVER_RESULTS.get(result, f"{name} returned {result}"))

    call("cuInit", 0)
    version, count = ctypes.c_int(), ctypes.c_int()
    call("cuDriverGetVersion", ctypes.byref(version))
    call("cuDeviceGetCount", ctypes.byref(count))
    gpus = []
    for index in range(count.value):
        device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
        name, memory = ctypes.create_string_buffer(256), ctypes.c_size_t()
        call("cuDeviceGet", ctypes.byref(device), index)
        call("cuDeviceGetName", name, len(name), device)
        call("cuDeviceGetAttribute", ctypes.byref(major), _ATTRIBUTE_MAJOR, device)
        call("cuDeviceGetAttribute", ctypes.byref(minor), _ATTRIBUTE_MINOR, device)
        call("cuDeviceTotalMem_v2", ctypes.byref(memory), device)
        gpus.append(Gpu(name.value.decode(errors="replace"), (major.value, minor.value), memory.value))
    if not gpus:
        raise unusable(_DRIVER_RESULTS[100])
    return Driver(path_of("libcuda"), _driver_version(version.value), tuple(gpus))


@functools.cache
def nvrtc() -> Nvrtc:
    """Ask NVRTC for its version and architectures.

    Raises
    ------
    Missing
    """
    names = ("libnvrtc.so.11.2", "libnvrtc.so.12", "libnvrtc.so.13")
    library = open_library("CUDA's compiler NVRTC", "libnvrtc", names, _remedy("nvidia-cuda-nvrtc-cu11", "libnvrtc"))
    major, minor, count = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    architectures: tuple[int, ...] = ()
    if hasattr(library, "nvrtcGetSupportedArchs"):  # since CUDA 11.2
        library.nvrtcGetNumSupportedArchs(ctypes.byref(count))
        numbers = (ctypes.c_int * count.value)()
        library.nvrtcGetSupportedArchs(numbers)
        architectures = tuple(numbers)
    return Nvrtc(path_of("libnvrtc"), (major.value, minor.value), architectures)


def nvrtc_error(architecture: int) -> str:
    """Compile a kernel for an architecture and return what NVRTC says against it; nothing if it works.

    This needs no GPU, and finds what opening the library does not: that its libnvrtc-builtins is missing.
    """
    library = ctypes.CDLL("libnvrtc.so")
    library.nvrtcGetErrorString.restype = ctypes.c_char_p
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    source = b'extern "C" __global__ void twice(float *x) { x[threadIdx.x] *= 2; }'
    library.nvrtcCreateProgram(ctypes.byref(program), source, None, 0, None, None)
    options = (ctypes.c_char_p * 2)(b"-arch", f"compute_{architecture}".encode())
    result = library.nvrtcCompileProgram(program, 2, options)
    library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value or 1)
    library.nvrtcGetProgramLog(program, log)
    library.nvrtcDestroyProgram(ctypes.byref(program))
    if not result:
        return ""
    said = log.value.decode(errors="replace").strip() or library.nvrtcGetErrorString(result).decode()
    return " ".join(said.split())


@functools.cache
def cublas() -> SharedLibrary:
    """Ask cuBLAS for its version.

    Raises
    ------
    Missing
    """
    names = ("libcublas.so.11", "libcublas.so.12", "libcublas.so.13")
    library = open_library("CUDA's BLAS", "libcublas", names, _remedy("nvidia-cublas-cu11", "libcublas"))
    version = []
    for part in range(3):  # libraryPropertyType: MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL
        value = ctypes.c_int()
        library.cublasGetProperty(part, ctypes.byref(value))
        version.append(value.value)
    return SharedLibrary(path_of("libcublas"), tuple(version))


def _driver_version(number: int) -> Version:
    """Return (11, 4) for 11040."""
    return number // 1000, number % 1000 // 10


def open_library(what: str, stem: str, versioned: tuple[str, ...], remedy: str) -> ctypes.CDLL:
    """Open ``STEM.so``; a versioned name alone is not enough, because libgpuarray does not try it.

    Raises
    ------
    Missing
        Naming the library as `what` and saying what to do: `remedy`, or the missing link.
    """
    try:
        return ctypes.CDLL(f"{stem}.so")
    except OSError as error:
        reason = str(error)
    for name in versioned:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        path = path_of(stem)
        link = os.path.join(os.path.dirname(path), f"{stem}.so")
        raise Missing(
            f"{path} is there, but libgpuarray opens it as {stem}.so, a name that it does not have",
            f"make the link: ln -s {name} {link} && ldconfig",
        )
    # The loader names the library itself if it is missing, and another if that is.
    if reason.startswith(f"{stem}.so:"):
        reason = f"{stem}.so is not on the loader's path"
    raise Missing(f"{what} was not found ({reason})", remedy)


def _remedy(wheel: str, stem: str) -> str:
    return (
        f"use the project's Docker image, or pip install {wheel}, link the file as {stem}.so and put its folder into "
        "LD_LIBRARY_PATH"
    )


def path_of(stem: str) -> str:
    """Return the file that this process has mapped for a library, or its bare name."""
    try:
        lines = Path("/proc/self/maps").read_text(errors="replace").splitlines()
    except OSError:
        return f"{stem}.so"
    paths = (line.split(maxsplit=5)[-1] for line in lines if "/" in line)
    return next((path for path in paths if os.path.basename(path).startswith(f"{stem}.so")), f"{stem}.so")

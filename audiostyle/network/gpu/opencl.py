"""OpenCL's platforms and matrix products, asked as :mod:`audiostyle.network.gpu.cuda` asks for CUDA's."""

import ctypes
import dataclasses
import functools

from audiostyle.network.gpu.cuda import open_library, path_of

__all__ = ["OpenCLPlatform", "opencl_blas", "opencl_platforms"]


@dataclasses.dataclass(frozen=True)
class OpenCLPlatform:
    """An OpenCL platform and the names of its devices."""

    name: str
    devices: tuple[str, ...]


@functools.cache
def opencl_platforms() -> tuple[OpenCLPlatform, ...]:
    """Return the OpenCL platforms, in the order that ``openclPLATFORM:DEVICE`` counts them.

    Raises
    ------
    Missing
    """
    remedy = "install an OpenCL loader and a driver (Debian: apt install ocl-icd-opencl-dev pocl-opencl-icd)"
    library = open_library("OpenCL's loader", "libOpenCL", ("libOpenCL.so.1",), remedy)
    return tuple(
        OpenCLPlatform(
            _text(library.clGetPlatformInfo, platform, 0x0902),  # CL_PLATFORM_NAME
            tuple(
                _text(library.clGetDeviceInfo, device, 0x102B)  # CL_DEVICE_NAME
                for device in _handles(
                    lambda n, out, count, of=platform: library.clGetDeviceIDs(
                        of, ctypes.c_uint64(0xFFFFFFFF), n, out, count
                    )
                )
            ),
        )
        for platform in _handles(library.clGetPlatformIDs)
    )


def opencl_blas() -> str:
    """Return the path of the matrix products for OpenCL.

    Raises
    ------
    Missing
    """
    try:
        ctypes.CDLL("libclBLAS.so")
        return path_of("libclBLAS")
    except OSError:
        remedy = "install CLBlast with its development link (Debian: apt install libclblast-dev)"
        open_library("a BLAS for OpenCL", "libclblast", ("libclblast.so.1",), remedy)
        return path_of("libclblast")


def _handles(ask: object) -> list[ctypes.c_void_p]:
    count = ctypes.c_uint()
    if ask(0, None, ctypes.byref(count)) or not count.value:  # type: ignore[operator]
        return []
    handles = (ctypes.c_void_p * count.value)()
    ask(count, handles, None)  # type: ignore[operator]
    return [ctypes.c_void_p(handle) for handle in handles]


def _text(ask: object, handle: ctypes.c_void_p, what: int) -> str:
    text = ctypes.create_string_buffer(256)
    ask(handle, what, ctypes.c_size_t(len(text)), text, None)  # type: ignore[operator]
    return text.value.decode(errors="replace").strip()

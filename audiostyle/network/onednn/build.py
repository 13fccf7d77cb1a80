"""Compiles the kernels against oneDNN, once, and loads them; Winograd's with larger tiles apart, when asked for.

The compiled file lies in the cache folder under a hash of its source, oneDNN's version and the flags,
written beside and then renamed, so that any number of processes may start at once.  It ends with its own
checksum, because half a library ends the process (SIGBUS).
"""

import contextlib
import ctypes
import hashlib
import importlib.metadata
import os
import platform
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from audiostyle.cache import cache_folder

__all__ = ["Kernels", "Unavailable", "build_kernels", "build_winograd"]

_KERNELS = Path(__file__).with_name("kernels")
# Floats in a vector register, the flags that make the compiler use it, and what the processor needs.
_INSTRUCTION_SETS = {
    16: ("-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mfma"),
    8: ("-mavx2", "-mfma"),
}
_CHECKSUM_SIZE = hashlib.sha256().digest_size
_REQUIRED = {16: {"avx512f", "avx512bw", "avx512vl", "avx512dq", "fma"}, 8: {"avx2", "fma"}}


class Unavailable(Exception):
    """oneDNN cannot be used here; the text says why."""


class Kernels(NamedTuple):
    """The loaded kernels.

    Attributes
    ----------
    functions : ctypes.CDLL
    block : int
        Channels of a block: 16 with AVX-512, else 8.
    version : str
        Version of oneDNN.
    """

    functions: ctypes.CDLL
    block: int
    version: str


def build_kernels() -> Kernels:
    """Return the kernels, compiled if need be.

    Raises
    ------
    Unavailable
        If oneDNN is not installed, the processor has neither AVX2 nor AVX-512, or compiling failed.
    """
    block = _block()
    found, header = _find("onednn-cpu-gomp", "libdnnl.so.2"), _find("onednn-devel-cpu-gomp", "oneapi/dnnl/dnnl.hpp")
    version = importlib.metadata.version("onednn-cpu-gomp")
    try:
        # Loaded by its whole path here, oneDNN is found by its soname when our library asks for it.
        with _patient_threads():
            ctypes.CDLL(str(found))
        compiled = _compile("kernels", _KERNELS.glob("*.cpp"), block, 4, version, header.parents[2], found)
        functions = ctypes.CDLL(str(compiled))
    except OSError as error:
        raise Unavailable(f"oneDNN cannot be loaded ({error})") from None
    return Kernels(functions, block, version)


def build_winograd(tile: int, block: int) -> ctypes.CDLL:
    """Return Winograd's kernels for tiles of another size than those of :func:`build_kernels`.

    Parameters
    ----------
    tile : int
        6.
    block : int
        Channels of a block, as of :class:`Kernels`.

    Raises
    ------
    Unavailable
        If compiling failed.
    """
    return ctypes.CDLL(str(_compile("winograd", [_KERNELS / "winograd.cpp", _KERNELS / "state.cpp"], block, tile)))


@contextlib.contextmanager
def _patient_threads() -> Iterator[None]:
    """Let OpenMP's threads sleep while they wait, unless the user's environment says how they should.

    GNU's OpenMP, which reads this once when oneDNN brings it in, otherwise lets them spin: alone that
    saves little, but beside any other busy thread (BLAS's own, another run's) it made an evaluation
    three times slower.
    """
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    if any(name in os.environ for name in names):
        yield
        return
    os.environ[names[0]] = "passive"
    try:
        yield
    finally:
        del os.environ[names[0]]


def _block() -> int:
    if platform.machine() != "x86_64":
        raise Unavailable(f"its kernels are for x86-64, and this processor is {platform.machine() or 'unknown'}")
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        raise Unavailable("the processor's instruction sets are unknown (no /proc/cpuinfo)") from None
    lines = [line for line in text.splitlines() if line.startswith("flags")]
    present = set(lines[0].split()) if lines else set()
    widest = os.environ.get("DNNL_MAX_CPU_ISA", "").upper()
    for block, required in _REQUIRED.items():
        if required <= present and not (block == 16 and widest in ("SSE41", "AVX", "AVX2")):
            return block
    raise Unavailable("the processor has neither AVX-512 nor AVX2")


def _find(distribution: str, ending: str) -> Path:
    """Return the path of an installed distribution's file."""
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        raise Unavailable(f"the package {distribution} is not installed") from None
    for file in files:
        path = Path(str(file.locate())).resolve()
        if str(file).endswith(ending) and path.is_file():
            return path
    raise Unavailable(f"the package {distribution} has no file {ending}")


def _compile(
    kind: str, sources: Iterable[Path], block: int, tile: int,
    version: str = "", headers: Path = _KERNELS, *linked: Path,
) -> Path:  # fmt: skip
    """Return a compiled library, from the cache or from g++."""
    # What takes long is compiled first, so that no core waits for it in the end.
    sources = sorted(sources, key=lambda path: path.stat().st_size, reverse=True)
    flags = ["-std=c++17", "-O3", "-fopenmp", "-shared", "-fPIC", f"-DBLOCK={block}", f"-DTILE={tile}"]
    flags += _INSTRUCTION_SETS[block]
    texts = [path.read_bytes() for path in (*sources, *sorted(_KERNELS.glob("*.h")))]
    name = hashlib.sha256(repr((texts, version, flags)).encode()).hexdigest()[:24]
    folder = cache_folder("onednn")
    target = folder / f"{kind}-{name}.so"
    if _is_whole(target):
        return target
    beside = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        with tempfile.TemporaryDirectory() as objects, ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            made = [os.path.join(objects, f"{source.stem}.o") for source in sources]
            commands = [
                ["g++", *flags, f"-I{headers}", "-c", str(source), "-o", each]
                for source, each in zip(sources, made, strict=True)
            ]
            list(pool.map(_run, commands))
            _run(["g++", *flags, *made, *map(str, linked), "-o", str(beside)])
        _seal(beside)
        os.replace(beside, target)
    except OSError as error:
        raise Unavailable(f"g++ cannot be run ({error})") from None
    finally:
        beside.unlink(missing_ok=True)
    return target


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"g++ failed: {(done.stderr.strip() or 'no message').splitlines()[0]}")


def _seal(library: Path) -> None:
    """Append a library's checksum, and let no power cut leave less than all of it."""
    with library.open("r+b") as file:
        file.write(hashlib.sha256(file.read()).digest())
        file.flush()
        os.fsync(file.fileno())


def _is_whole(library: Path) -> bool:
    """Tell whether a library is there and ends with its checksum."""
    try:
        data = library.read_bytes()
    except OSError:
        return False
    return data[-_CHECKSUM_SIZE:] == hashlib.sha256(data[:-_CHECKSUM_SIZE]).digest()

"""The BLAS of functions on the CPU: which library, and, before numpy is imported, how it works."""

import hashlib
import os
import subprocess
from pathlib import Path

from audiostyle.cache import cache_folder, private_temporary_folder
from audiostyle.errors import RunError
from audiostyle.network.compat.c_names import blas_definitions

__all__ = ["bundled_blas", "choose_blas_kernels", "links"]

_SPIN = "20"  # 2 ** 20 cycles, a third of a millisecond: longer than between two products of one step
_ZEN_3 = 0x19  # AMD's family; Zen 4 has the same
_SKYLAKE_X = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}


def choose_blas_kernels(authors: bool = False) -> None:
    """Tell OpenBLAS which kernels to use, so that they do not depend on its version, and how to wait.

    A user's choice of either stays.

    Every processor with AVX-512 gets those for Skylake-X: left to itself, one OpenBLAS takes them, an older one
    Zen's, a newer one Cooper Lake's, and descents part.  Without AVX-512 only an AMD newer than Zen 3 gets
    other ones, Haswell's: OpenBLAS 0.3.18 (scipy 1.10) does not know it and takes kernels of 2007, many
    times slower.

    After each product OpenBLAS's threads spin for 30 ms unless told otherwise, on cores that the network's
    threads want by then: of an evaluation with L-BFGS-B's products, 228 ms on two cores, that takes 11.

    Parameters
    ----------
    authors : bool
        Take the kernels that the recorded numbers were made with, those for Skylake-X, where the
        processor runs them, whatever ``OPENBLAS_CORETYPE`` says.  With random weights a ReLU whose
        input is all but 0 depends on the last bit of a sum, and the gradient on the ReLU: on the
        recorded image it is then the authors' to 2e-7, with other kernels to 2e-5 or 2e-4.
    """
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", _SPIN)
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").partition("\n\n")[0].splitlines()
    except OSError:
        return
    said = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    family, flags = said.get("cpu family", ""), set(said.get("flags", "").split())
    newer = said.get("vendor_id") == "AuthenticAMD" and family.isdecimal() and int(family) > _ZEN_3
    if flags >= _SKYLAKE_X:
        if authors:
            os.environ["OPENBLAS_CORETYPE"] = "SkylakeX"
        os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
    elif newer and "avx2" in flags:
        os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")


def bundled_blas() -> str:
    """Return linker flags for the 32-bit-integer OpenBLAS inside scipy's wheel.

    numpy's wheel has the 64-bit-integer one, whose names Theano does not call.
    """
    import scipy

    folder = Path(scipy.__file__).resolve().parent.parent / "scipy.libs"
    libraries = sorted((*folder.glob("libopenblasp-*.so"), *folder.glob("libscipy_openblas-*.so")))
    if not libraries:
        raise RunError(
            f"No OpenBLAS was found in {folder}, where scipy's wheel keeps it; install scipy from the package index "
            "(pip install scipy), or name a BLAS yourself: THEANO_FLAGS=blas.ldflags=-lopenblas."
        )
    return f"-L{_without_spaces(folder)} -l:{libraries[-1].name}"


def _without_spaces(folder: Path) -> Path:
    """Return `folder`, or a link to it in a path without spaces: Theano splits its flags at them."""
    if " " not in str(folder):
        return folder
    base = cache_folder()
    if " " in str(base):
        base = private_temporary_folder()
    link = base / ("libraries-" + hashlib.sha256(os.fsencode(folder)).hexdigest()[:16])
    if not link.is_symlink() or Path(os.readlink(link)) != folder:
        beside = link.with_name(f"{link.name}.{os.getpid()}")
        beside.symlink_to(folder)
        os.replace(beside, link)
    return link


def links(flags: str) -> bool:
    """Tell whether a program that calls BLAS can be linked with these flags."""
    if not flags.strip():
        return False
    program = 'extern "C" void sgemm_(); int main() { sgemm_(); }'
    # Theano adds an rpath for every -L, without which a library's own needs are not found.
    paths = [f"-Wl,-rpath,{flag[2:]}" for flag in flags.split() if flag.startswith("-L")]
    command = ["g++", "-x", "c++", *blas_definitions(flags), "-", *flags.split(), *paths, "-o", os.devnull]
    return subprocess.run(command, input=program, text=True, capture_output=True, check=False).returncode == 0

"""Which of its kernels OpenBLAS uses; to be decided before numpy is imported."""

import os
from pathlib import Path

__all__ = ["choose_blas_kernels"]

_ZEN_3 = 0x19  # AMD's family; Zen 4 has the same
_SKYLAKE_X = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}


def choose_blas_kernels(authors: bool = False) -> None:
    """Tell OpenBLAS which kernels to use, where its own choice is a bad one.

    The OpenBLAS in the pinned numpy and scipy ends at AMD's Zen 3.  On a Zen 5 it takes kernels of 2007,
    which are many times slower than those for Skylake-X or, without AVX-512, for Haswell, which any of
    these processors runs.

    Parameters
    ----------
    authors : bool
        Take the kernels that the recorded numbers were made with, those for Skylake-X, where the
        processor runs them, whatever ``OPENBLAS_CORETYPE`` says.  With random weights a ReLU whose
        input is all but 0 depends on the last bit of a sum, and the gradient on the ReLU: on the
        recorded image it is then the authors' to 2e-7, with other kernels to 2e-5 or 2e-4.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").partition("\n\n")[0].splitlines()
    except OSError:
        return
    said = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    family, flags = said.get("cpu family", ""), set(said.get("flags", "").split())
    runs_skylake_x = flags >= _SKYLAKE_X
    if authors and runs_skylake_x:
        os.environ["OPENBLAS_CORETYPE"] = "SkylakeX"
    newer = said.get("vendor_id") == "AuthenticAMD" and family.isdecimal() and int(family) > _ZEN_3
    if newer and "avx2" in flags:
        os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX" if runs_skylake_x else "Haswell")

"""The BLAS that Theano's functions on the CPU are linked to: which it is, and how fast it multiplies."""

import shutil
import time
from collections.abc import Iterator

from audiostyle.errors import AudioStyleError
from audiostyle.network.blas import bundled_blas, links
from audiostyle.network.gpu.device import Finding
from audiostyle.network.start import thread_count, user_flag

__all__ = ["blas_findings"]

_SIZE = 1024


def blas_findings() -> Iterator[Finding]:
    """Look for a BLAS to link to, and time a product of two square matrices of float32."""
    asked = user_flag("blas.ldflags")
    if shutil.which("g++") is None:
        yield Finding("BLAS", "note", "not looked at: whether it can be linked to takes the compiler")
        return
    if asked and links(asked):
        yield Finding("BLAS", "ok", f"{asked}, as your Theano flags say")
        return
    if asked:
        yield Finding("BLAS", "note", f"your flag blas.ldflags={asked} cannot be linked; scipy's is used instead")
    try:
        flags = bundled_blas()
        import threadpoolctl
        from scipy.linalg.blas import sgemm
    except (AudioStyleError, ImportError) as error:
        text, _, remedy = str(error).rstrip(".").partition("; ")
        yield Finding("BLAS", "problem", text, remedy or "install the packages of requirements.txt")
        return
    if not links(flags):
        yield Finding("BLAS", "problem", f"{flags} cannot be linked to", "reinstall scipy from the package index")
        return
    threads = thread_count(0)
    with threadpoolctl.threadpool_limits(limits=threads):
        # scipy's, not numpy's: the two wheels bring one each.
        libraries = [found for found in threadpoolctl.threadpool_info() if "scipy.libs" in found["filepath"]]
        rate = _rate(sgemm)
    names = [f"OpenBLAS {library.get('version')} for {library.get('architecture')}" for library in libraries]
    name = names[0] if names else "a BLAS that does not say its name"
    yield Finding("BLAS", "ok", f"{name}, {threads} threads, {rate:.0f} GFLOP/s in sgemm, {flags}")


def _rate(sgemm: object) -> float:
    """Return the best of five timings in GFLOP/s."""
    import numpy as np

    matrix = np.asfortranarray(np.random.RandomState(0).uniform(size=(_SIZE, _SIZE)).astype("float32"))
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        sgemm(1.0, matrix, matrix)  # type: ignore[operator]
        best = min(best, time.perf_counter() - start)
    return 2e-9 * _SIZE**3 / best

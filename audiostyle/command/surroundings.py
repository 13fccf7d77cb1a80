"""What surrounds a command, looked at before numpy, OpenBLAS and Theano are: they hang, crash or print a traceback.

Only the standard library is imported here.
"""

import contextlib
import os
import sys
import threading

from audiostyle.cache import cache_folder, use_private_numba_cache
from audiostyle.errors import InputError, RunError

__all__ = ["check_surroundings"]

# A transfer of two seconds needs 1 GiB of addresses with two threads; with 0.3 GiB numpy's OpenBLAS asks for memory
# without end (OpenBLAS issue 5289), and with 0.9 GiB matplotlib fails when the descent is over.
_LEAST_ADDRESSES = 3 * 2**29
_LEAST_FILES = 64
_MOST_THREADS = 1024  # as the setting threads has it; with 100,000 OpenMP crashes
# numpy and scipy bring an OpenBLAS each, which start as many threads as there are cores, and oneDNN brings OpenMP.
_THREAD_POOLS = 3


def check_surroundings() -> None:
    """Set what must not matter, and refuse what cannot work.

    Raises
    ------
    InputError
        If the environment says something that cannot be followed.
    RunError
        If the system, the Python or the limits of this process will not do.
    """
    # Pictures are drawn into files only; a name it does not know would stop matplotlib.
    os.environ["MPLBACKEND"] = "agg"
    if not os.environ.get("HOME"):
        os.environ.pop("HOME", None)  # an empty one would make ~/.cache /.cache; without, the system says
    _check_python()
    _check_threads_asked_for()
    _check_limits()
    use_private_numba_cache()
    _find_matplotlib_a_folder()


def _find_matplotlib_a_folder() -> None:
    """Name matplotlib a folder where its own ones cannot be written, of which it would warn in three lines."""
    if os.environ.get("MPLCONFIGDIR"):
        return
    for variable, usual in (("XDG_CONFIG_HOME", "~/.config"), ("XDG_CACHE_HOME", "~/.cache")):
        folder = os.path.join(os.environ.get(variable) or os.path.expanduser(usual), "matplotlib")
        with contextlib.suppress(OSError):
            os.makedirs(folder, exist_ok=True)
        if not os.access(folder, os.W_OK):
            with contextlib.suppress(RunError):
                os.environ["MPLCONFIGDIR"] = str(cache_folder("matplotlib"))
            return


def _check_python() -> None:
    if sys.platform != "linux":
        raise RunError(
            f"AudioStyle runs on Linux, and this is {sys.platform}; on macOS and Windows use its Docker image "
            "(docs/docker.md)."
        )
    if sys.flags.optimize >= 2:
        raise InputError(
            "Python was told to drop docstrings (PYTHONOPTIMIZE=2 or -OO), which Theano and scipy need while they "
            "run; unset PYTHONOPTIMIZE, or set it to 1."
        )


def _check_threads_asked_for() -> None:
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        asked = os.environ.get(name, "")
        if asked and not (asked.isascii() and asked.isdecimal() and 1 <= int(asked[:9]) <= _MOST_THREADS):
            raise InputError(
                f"{name} is {asked!r}, but must be a whole number from 1 to {_MOST_THREADS}; correct or unset it."
            )


def _check_limits() -> None:
    import resource  # which is not there on Windows

    addresses, _ = resource.getrlimit(resource.RLIMIT_AS)
    if addresses != resource.RLIM_INFINITY and addresses < _LEAST_ADDRESSES:
        raise RunError(
            f"This process may use {addresses / 2**30:.1f} GiB of memory (ulimit -v {addresses // 1024}), but needs at "
            f"least {_LEAST_ADDRESSES / 2**30:.1f} GiB; raise the limit, for example by ulimit -v unlimited."
        )
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < _LEAST_FILES:
        raise RunError(
            f"This process may open {files} files (ulimit -n), but needs {_LEAST_FILES}; raise the limit, for example "
            "by ulimit -n 1024."
        )
    wanted = _THREAD_POOLS * len(os.sched_getaffinity(0))
    started = _threads_that_start(wanted)
    if started < wanted:
        raise RunError(
            f"Only {started} more threads can be started (ulimit -u {resource.getrlimit(resource.RLIMIT_NPROC)[0]}), "
            f"but {wanted} are needed; raise the limit or end other programs."
        )


def _threads_that_start(wanted: int) -> int:
    """Start threads that wait for each other, and return how many there were."""
    done = threading.Event()
    threads = [threading.Thread(target=done.wait, daemon=True) for _ in range(wanted)]
    started = 0
    try:
        for thread in threads:
            thread.start()
            started += 1
    except (RuntimeError, MemoryError):
        pass
    finally:
        done.set()
        for thread in threads[:started]:
            thread.join()
    return started

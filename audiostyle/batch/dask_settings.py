"""What has to differ from Dask's defaults; each was found out by measuring, or by breaking it."""

import importlib.util
import sys
from collections.abc import Sequence
from typing import Any

from audiostyle.cache import cache_folder
from audiostyle.errors import InputError
from audiostyle.invocation import checkout

__all__ = ["dask_settings", "require_dask"]


def require_dask(also: Sequence[str] = ()) -> None:
    """Raise InputError, saying what to install, where Dask or one of its companions is missing."""
    for module in ("distributed", "cryptography", *also):
        if importlib.util.find_spec(module) is None:
            extra = "cluster" if also else "batch"
            place = f"'.[{extra}]'" if checkout() else f"'audiostyle[{extra}]'"
            raise InputError(
                f"Several workers need the package {module.replace('_', '-')}, which is not installed; install it with "
                f"{sys.executable} -m pip install {place}, or let --shard 1/1 run one transfer after the other."
            )


def dask_settings(threads: int) -> dict[str, Any]:
    """Return Dask's settings by name, for workers whose transfers have so many threads."""
    pools = "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"
    return {
        # OpenBLAS and OpenMP look when they are loaded.  Dask's MALLOC_TRIM_THRESHOLD_ is left out: with it every large
        # array is taken from the system and given back, which costs a sixth of the processor time.
        "distributed.nanny.pre-spawn-environ": dict.fromkeys(pools, str(threads)),
        # 3 % of the processor time.
        "distributed.worker.profile.enabled": False,
        # A daemon may have no children, in which foreign files are read.
        "distributed.worker.daemon": False,
        # Nothing of ours can be spilt to disk; if memory runs out, the system ends the largest.
        **{f"distributed.worker.memory.{name}": False for name in ("target", "spill", "pause", "terminate")},
        # No task waits at a worker, so there is nothing to be stolen.
        "distributed.scheduler.work-stealing": False,
        # A machine that is taken away is not its task's fault; deadly tasks count themselves.
        "distributed.scheduler.allowed-failures": 10,
        "distributed.admin.log-length": 1000,
        # Pages without a password are not for everybody on the machine.
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
        "temporary-directory": str(cache_folder("dask")),
        "logging": dict.fromkeys(("distributed", "distributed.client", "bokeh", "tornado"), "critical"),
    }

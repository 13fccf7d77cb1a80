"""``slurm.toml``: a queue, as dask-jobqueue takes it, and what a batch adds."""

import re
import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audiostyle.errors import InputError
from audiostyle.files import AnyPath, read_bytes, shown
from audiostyle.invocation import checkout

__all__ = ["job_arguments", "read_cluster", "seconds_of"]

_KINDS = ("HTCondor", "LSF", "Moab", "OAR", "PBS", "SGE", "SLURM")
_LARGEST = 2**20
# Before a job's end a transfer stops: so long, or this share of the job's time.
_MARGIN_SECONDS, _MARGIN = 300, 0.1
_CLOCK = re.compile(r"(?:(\d+)-)?(\d+):(\d+)(?::(\d+))?", re.ASCII)
_UNITS = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", re.ASCII)


def read_cluster(path: AnyPath) -> dict[str, Any]:
    """Read a cluster file.

    Returns
    -------
    dict
        ``kind``, such as ``SLURM``; ``jobs``, at most so many at a time; ``lifetime`` of a worker in seconds, as text,
        empty if the walltime is not given; and all else as it is.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        options = tomllib.loads(read_bytes(path, _LARGEST).decode())
    except (ValueError, RecursionError) as error:
        raise InputError(f"The cluster file {shown(path)} is no TOML: {error}.") from error
    kind, jobs = options.setdefault("kind", "SLURM"), options.setdefault("jobs", 10)
    if kind not in _KINDS:
        raise InputError(
            f"In the cluster file {shown(path)}, kind is {kind!r}, but must be one of {', '.join(_KINDS)}."
        )
    if not isinstance(jobs, int) or isinstance(jobs, bool) or jobs < 1:
        raise InputError(f"In the cluster file {shown(path)}, jobs must be a whole number of at least 1.")
    if "memory" not in options:
        raise InputError(f"The cluster file {shown(path)} must say how much memory a job gets, such as memory = '3GB'.")
    walltime = options.get("walltime")
    seconds = 0 if walltime is None else seconds_of(str(walltime))
    if walltime is not None and not seconds:
        raise InputError(f"In the cluster file {shown(path)}, walltime is {walltime!r}, but must be such as 04:00:00.")
    # Half of a very short one is for work all the same.
    margin = min(max(_MARGIN_SECONDS, _MARGIN * seconds), seconds / 2)
    options.setdefault("lifetime", f"{seconds - margin:.0f}s" if seconds else "")
    return options


def job_arguments(options: Mapping[str, Any], folder: Path, threads: int) -> dict[str, Any]:
    """Return what dask-jobqueue is called with: the file's options, and what a batch's workers need.

    Parameters
    ----------
    options : mapping
        From :func:`read_cluster`.
    folder : Path
        The batch's, where the jobs leave what they say.
    threads : int
        Of each worker; one of them is a job.
    """
    ours = {
        "cores": threads,
        "processes": 1,
        "log_directory": str(folder / "jobs"),
        "worker_command": "audiostyle worker",
        "scheduler_options": {"dashboard": False, "dashboard_address": "127.0.0.1:0"},
    }
    arguments = {**ours, **{name: value for name, value in options.items() if name not in ("kind", "jobs", "lifetime")}}
    lifetime = ["--lifetime", options["lifetime"]] if options["lifetime"] else []
    arguments["worker_extra_args"] = [
        *options.get("worker_extra_args", []), "--threads", str(threads), *lifetime
    ]  # fmt: skip
    prologue = [f"export PYTHONPATH={shlex.quote(str(checkout()))}:$PYTHONPATH"] if checkout() else []
    arguments["job_script_prologue"] = [*prologue, *options.get("job_script_prologue", [])]
    return arguments


def seconds_of(text: str) -> int:
    """Return a time in seconds, 0 if it is none.

    Examples
    --------
    >>> seconds_of("04:00:00"), seconds_of("1-00:00"), seconds_of("3h50m"), seconds_of("90s"), seconds_of("soon")
    (14400, 86400, 13800, 90, 0)
    """
    if match := _CLOCK.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    match = _UNITS.fullmatch(text)
    hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    return (hours * 60 + minutes) * 60 + seconds

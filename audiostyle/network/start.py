"""Starts Theano: the one place that touches its environment.

Theano reads its flags when it is first imported, so everything it needs is decided here, before that:
the device, a BLAS to link to, the compile cache.  Flags that the user has set, in ``THEANO_FLAGS`` or
in a ``.theanorc``, win; only a BLAS that cannot be linked is replaced, because without one Theano
falls back to loops a hundred times slower.
"""

import configparser
import contextlib
import dataclasses
import importlib
import logging
import os
import shlex
import shutil
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

from audiostyle.cache import cache_folder
from audiostyle.errors import InputError, RunError
from audiostyle.invocation import invocation
from audiostyle.isolation import in_words
from audiostyle.network.blas import bundled_blas, links
from audiostyle.network.compat.c_names import compiler_flags
from audiostyle.network.compat.lasagne_names import put_back_lasagne_names
from audiostyle.network.compat.numpy_names import put_back_numpy_names
from audiostyle.network.compile_ahead import compile_side_by_side
from audiostyle.network.gpu.device import check_device, resolve_device
from audiostyle.network.theano_cache import LockReporter, drop_damaged_modules, is_cold, leave_quietly, require_room

__all__ = ["Backend", "check_compiler", "compile_folder", "start_theano", "thread_count", "user_flag"]


@dataclasses.dataclass(frozen=True)
class Backend:
    """What Theano was started with, as ``run.json`` records it.

    Attributes
    ----------
    device : str
        Theano's device, such as ``cpu`` or ``cuda0``.
    blas : str
        The linker flags of the BLAS that CPU functions call.
    threads : int
        Threads that BLAS and OpenMP may use.
    compile_cache : str
        Folder of compiled functions.
    """

    device: str
    blas: str
    threads: int
    compile_cache: str


def user_flag(name: str) -> str | None:
    """Return what the user's ``THEANO_FLAGS`` or ``.theanorc`` says of a flag, or None."""
    return _user_flags().get(name)


def start_theano(device: str = "cpu", threads: int = 0) -> Backend:
    """Import Theano with a working BLAS, device and compile cache, and make Lasagne importable.

    Only the first call starts anything; later ones apply `threads` and describe what runs.

    Parameters
    ----------
    device : str
        ``cpu``, ``cuda``, ``cuda0``, ``opencl0:0`` or ``auto``.
    threads : int
        CPU threads of BLAS and OpenMP; 0 means ``OMP_NUM_THREADS``, or all cores.

    Returns
    -------
    Backend

    Raises
    ------
    InputError
        If the device is unknown or cannot be used.
    RunError
        If there is no compiler or no Python.h.
    """
    import scipy.linalg  # noqa: F401  loads the OpenBLAS that Theano's functions will be linked to

    device = resolve_device(device)
    if "theano" not in sys.modules:
        check_device(device)
        check_compiler()
        put_back_numpy_names()
        require_room(compile_folder())
        drop_damaged_modules(compile_folder())
        with _environment("THEANO_FLAGS", _flags(device)):
            _import_theano(device)
        leave_quietly()
        if device == "cpu" and is_cold(sys.modules["theano"].config.compiledir):
            compile_side_by_side(thread_count(threads))
    put_back_lasagne_names()
    import theano

    if (theano.config.device == "cpu") != (device == "cpu"):
        raise InputError(
            f"The device {device!r} was asked for, but this process runs on {theano.config.device!r} already; "
            "start another process for another device."
        )
    threads = thread_count(threads)
    _limit_threads(threads)
    return Backend(
        device=theano.config.device,
        blas=theano.config.blas.ldflags,
        threads=threads,
        compile_cache=theano.config.compiledir,
    )


def thread_count(threads: int) -> int:
    """Return what a number of threads means: 0 is ``OMP_NUM_THREADS``, or all cores this process may use."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return threads or (int(asked) if asked.isdecimal() else 0) or len(os.sched_getaffinity(0))


def compile_folder() -> Path:
    """Return the folder of compiled functions: the user's, or one of the user alone."""
    asked = user_flag("base_compiledir")
    return Path(os.path.expanduser(asked)) if asked else cache_folder("theano")


def _flags(device: str) -> str:
    """Return ``THEANO_FLAGS``: ours first, so that the user's own, which follow, win."""
    theirs = _user_flags()
    ours = {
        "base_compiledir": str(compile_folder()),
        "dnn.enabled": "False",  # Theano 1.0.5 knows cuDNN 5 to 7 only, which no registry has any more
        "gpuarray.preallocate": "0",  # keep freed blocks for the next operation, take none in advance
        "openmp": "False",  # Theano's own loops; BLAS and oneDNN thread by themselves
        "print_active_device": "False",
    }
    blas = theirs.get("blas.ldflags", "")
    if not links(blas):
        blas = bundled_blas()
    # These are needed whatever the user's flags say, and the device asked for is the user's latest word.
    needed = {"blas.ldflags": blas, "device": device}
    if compiled := compiler_flags(blas):
        needed["gcc.cxxflags"] = f"{theirs.get('gcc.cxxflags', '')} {compiled}".strip()
    own = {name: value for name, value in ours.items() if name not in theirs}
    return ",".join(filter(None, (_text(own), os.environ.get("THEANO_FLAGS", ""), _text(needed))))


def _text(flags: dict[str, str]) -> str:
    """Return flags as ``THEANO_FLAGS`` holds them; quoted, because a value may hold commas (-Wl,-rpath,...)."""
    return ",".join(f"{name}=" + "'" + value.replace("'", "'\"'\"'") + "'" for name, value in flags.items())


def _user_flags() -> dict[str, str]:
    """Return the flags of the user's ``.theanorc`` files and, over them, of ``THEANO_FLAGS``."""
    files = configparser.RawConfigParser()
    with contextlib.suppress(configparser.Error, UnicodeDecodeError):
        files.read(os.path.expanduser(name) for name in os.environ.get("THEANORC", "~/.theanorc").split(os.pathsep))
    flags = {
        option if section == "global" else f"{section}.{option}": value
        for section in files.sections()
        for option, value in files.items(section)
    }
    splitter = shlex.shlex(os.environ.get("THEANO_FLAGS", ""), posix=True)
    splitter.whitespace, splitter.whitespace_split = ",", True
    try:
        pairs = [item.strip().split("=", 1) for item in splitter]
    except ValueError as error:
        raise InputError(
            f"THEANO_FLAGS cannot be read ({error}): it is {os.environ['THEANO_FLAGS']!r}, but must be name=value "
            "pairs separated by commas; correct or unset it."
        ) from None
    flags.update({pair[0]: pair[1] for pair in pairs if len(pair) == 2})
    return flags


def check_compiler() -> None:
    """Raise RunError if g++ or Python.h, which Theano's functions are compiled with, is missing."""
    remedy = "install both (Debian and Ubuntu: apt install g++ python3-dev)."
    if shutil.which("g++") is None:
        raise RunError(f"Theano compiles its functions with g++, which was not found on PATH; {remedy}")
    header = Path(sysconfig.get_paths()["include"]) / "Python.h"
    if not header.is_file():
        raise RunError(f"Theano compiles its functions against {header}, which does not exist; {remedy}")


def _import_theano(device: str) -> None:
    # "We did not find a dynamic library ..." is wrong for a -l:name flag, and the numpy that is
    # pinned warns about its own distutils: neither is for the user.
    logging.getLogger("theano.tensor.blas").setLevel(logging.ERROR)
    LockReporter.listen()
    # That another process has tidied the compile cache is not, either: what is missing is made again.
    logging.getLogger("theano.gof.cmodule").setLevel(logging.ERROR)
    with warnings.catch_warnings(), _caught_errors("theano.gpuarray") as errors:
        warnings.simplefilter("ignore")
        try:
            importlib.import_module("theano")
        except Exception as error:  # pygpu raises its own kinds
            if isinstance(error, ValueError) and _user_flags():
                raise InputError(
                    f"Theano refuses its flags, which THEANO_FLAGS or .theanorc set: {in_words(error)}; correct them."
                ) from None
            if device == "cpu":
                raise
            errors.append(error)
    if device != "cpu" and (errors or not sys.modules["theano.gpuarray"].pygpu_activated):
        # pygpu's messages are bytes.
        said = (errors[0].args or ("",))[0] if errors else "pygpu did not start"
        text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        reason = (text.strip().splitlines() or [type(errors[0]).__name__])[0]
        raise InputError(
            f"The device {device!r} cannot be used: {reason}; {invocation('doctor')} --device {device} says "
            "what there is, and --device cpu always works."
        )


@contextlib.contextmanager
def _caught_errors(name: str) -> Iterator[list[BaseException]]:
    """Collect the exceptions that a logger reports, instead of having their tracebacks printed."""

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info and record.exc_info[1]:
                errors.append(record.exc_info[1])

    errors: list[BaseException] = []
    logger, collector = logging.getLogger(name), Collector(logging.ERROR)
    propagated = logger.propagate
    logger.addHandler(collector)
    logger.propagate = False
    try:
        yield errors
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagated


def _limit_threads(threads: int) -> None:
    import threadpoolctl

    threadpoolctl.threadpool_limits(limits=threads)


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Set an environment variable, and set it back afterwards."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before

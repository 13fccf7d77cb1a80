"""A function in a child process that may die of what it reads.

The libraries that decode foreign files (pickle, HDF5, MATLAB, sound) can crash, fill the memory or never
return on a file made to that end.  In a child with limits on time and memory each of these is one sentence
about the file.

The child is a fork: it starts in milliseconds and needs no path to the package.  It has none of this
process's other threads, so the function may use numpy and files, but neither Theano nor OpenMP, nor BLAS,
which would wait for ever if another thread was inside it at that moment.  It
keeps the user's rights: this is a guard against mistakes and traps, not against a library that can be made
to execute code.
"""

import contextlib
import fcntl
import gc
import os
import pickle
import resource
import signal
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from io import BufferedReader
from typing import Any, BinaryIO, NoReturn, TypeVar

from audiostyle.errors import AudioStyleError, InputError, RunError
from audiostyle.files import AnyPath, reason, shown

__all__ = ["MOST_MEMORY", "in_words", "isolated"]

Result = TypeVar("Result")

#: Bytes that the function may need beyond what the process has already.
MOST_MEMORY = 2**31
# Bytes on disk for which another second is allowed: a tenth of what a slow machine reads.
_BYTES_PER_SECOND = 1e7
# Waiting (for a slow disk) may take this many times as long as computing.
_PATIENCE = 6
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
_OUT_OF_MEMORY = 3
_BYTES_OF_PIPE = 2**20
_LENGTH = struct.Struct("=Q")


def isolated(function: Callable[..., Result], *arguments: Any, files: Sequence[AnyPath], seconds: float = 6) -> Result:
    """Return ``function(*arguments)``, called in a child process with limits on time and memory.

    Parameters
    ----------
    function : callable
        What it returns must be picklable.
    *arguments : object
        Need not be picklable.
    files : sequence of paths
        What the function reads: named in errors, and the larger on disk, the more time there is.
    seconds : float
        Processor time for small files.

    Raises
    ------
    InputError
        If the child died, ran into a limit or raised anything that is no :class:`AudioStyleError`.
    AudioStyleError
        What the function raised.
    RunError
        If no child can be started.
    """
    seconds = round(seconds + sum(map(_bytes_on_disk, files)) / _BYTES_PER_SECOND)
    # A pipe, which no limit on the size of files (ulimit -f) concerns.
    receiver, sender = os.pipe()
    with contextlib.suppress(OSError):  # the larger, the less often the two wait for each other
        fcntl.fcntl(sender, fcntl.F_SETPIPE_SZ, _BYTES_OF_PIPE)
    with os.fdopen(receiver, "rb") as outcome, os.fdopen(sender, "wb") as answer:
        status, parts = _run(lambda: _work(answer, function, arguments, seconds), outcome, answer)
    if why := _death(status, seconds):
        raise InputError(f"Reading {_named(files)} {why}; get it elsewhere or make it again.")
    result, error = pickle.loads(parts[0], buffers=parts[1:])  # of our own making
    if isinstance(error, AudioStyleError):
        raise error
    if error is not None:
        raise InputError(f"Reading {_named(files)} fails ({error}): damaged, or no such file; get it elsewhere.")
    return result


def in_words(error: Exception) -> str:
    """Return a library's words for an error, to be put into a sentence: short, in one line, all printable."""
    text = " ".join(str(error).split())[:120].rstrip(". ") or type(error).__name__
    return ascii(text)[1:-1]


def _run(work: Callable[[], NoReturn], outcome: BufferedReader, answer: BinaryIO) -> tuple[int, list[bytearray]]:
    """Call `work`, which writes to `answer`, in a child process; return how that ended and what came out.

    An exception in the meantime ends the child.
    """
    # Held back, so that a Ctrl-C finds either no child or one that is known here.
    held = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    child = 0
    try:
        try:
            with warnings.catch_warnings():
                # Python 3.12 and newer warn of other threads; what the child must not do is said above.
                warnings.simplefilter("ignore", DeprecationWarning)
                child = os.fork()
        except OSError as error:
            raise RunError(f"No process could be started to read a file in: {reason(error)}.") from error
        if not child:
            work()
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        answer.close()
        parts = list(_received(outcome))
        return os.waitpid(child, 0)[1], parts
    except BaseException:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            if child:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
        raise


def _work(answer: BinaryIO, function: Callable[..., Any], arguments: Sequence[Any], seconds: int) -> NoReturn:
    """Be the child: write what the function returns or raises, and end."""
    status = 1
    try:
        _confine(seconds)
        try:
            result: tuple[Any, Any] = function(*arguments), None
        except AudioStyleError as error:
            result = None, error
        except MemoryError:
            raise
        except Exception as error:
            result = None, f"{type(error).__name__}: {in_words(error)}"
        _send(result, answer)
        status = 0
    except MemoryError:
        status = _OUT_OF_MEMORY
    finally:
        # Neither the parent's handlers at exit nor its unwritten output are for this process.
        os._exit(status)


def _send(result: Any, answer: BinaryIO) -> None:
    """Write a pickle, and after it the arrays' own bytes, which need not be copied into it; each with its length."""
    arrays: list[pickle.PickleBuffer] = []
    data = pickle.dumps(result, protocol=5, buffer_callback=arrays.append)
    for part in (memoryview(data), *(array.raw() for array in arrays)):
        answer.write(_LENGTH.pack(part.nbytes))
        answer.write(part)
    answer.flush()


def _received(outcome: BufferedReader) -> Iterator[bytearray]:
    """Yield the parts that :func:`_send` wrote, up to where it broke off."""
    while len(head := outcome.read(_LENGTH.size)) == _LENGTH.size:
        part = bytearray(_LENGTH.unpack(head)[0])
        outcome.readinto(part)
        yield part


def _confine(seconds: int) -> None:
    """Give up the parent's signal handlers and terminal, and lower the limits."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    # A terminal sends it to both; the parent then ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    # A collection would touch, and so copy, every object of the parent.
    gc.disable()
    # Libraries that decode sound write what they think of a file to the terminal.
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    with open("/proc/self/statm") as sizes:
        in_use = int(sizes.read().split()[0]) * resource.getpagesize()
    _limit(resource.RLIMIT_AS, in_use + MOST_MEMORY)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, seconds)
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE * seconds)


def _limit(kind: int, value: int) -> None:
    """Lower a limit of this process to `value`, unless it is lower already."""
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value if soft == resource.RLIM_INFINITY else min(value, soft), hard))


def _death(status: int, seconds: int) -> str | None:
    """Say how the child died, or return None if it did not."""
    code = os.waitstatus_to_exitcode(status)
    if code in (-signal.SIGXCPU, -signal.SIGALRM):
        return f"takes longer than {seconds} s"
    if code == _OUT_OF_MEMORY:
        return f"needs more than {MOST_MEMORY / 2**30:g} GiB of memory"
    return f"ends in a crash (signal {-code})" if code < 0 else "ends in a crash" if code else None


def _bytes_on_disk(path: AnyPath) -> int:
    """Return how large a file really is, 0 if there is none: of one that is all holes it is next to nothing."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return 0
    return min(found.st_size, 512 * found.st_blocks)


def _named(files: Sequence[AnyPath]) -> str:
    return " and ".join(map(shown, files))

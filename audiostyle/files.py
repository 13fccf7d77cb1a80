"""Files, whole or not at all: written beside their place, synchronised, then renamed over it.

So neither a crash nor a full disk leaves half a file, and a reader never sees one.  What is not a
regular file (a device, a FIFO, a link) is neither replaced nor read: ``--json /dev/null`` as root would
otherwise turn the device into a file, and reading ``/dev/zero`` would never end.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import stat
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from audiostyle.errors import InputError, WriteFailed

__all__ = [
    "PART_PREFIX",
    "check_new_folder",
    "check_output",
    "defused",
    "new_folder",
    "open_regular",
    "read_bytes",
    "reason",
    "replacing",
    "sha256_of_file",
    "shown",
    "synchronise",
    "write_bytes",
]

AnyPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]

#: How the names of unfinished files begin; a crash may leave one, and the next writer in that folder removes it.
PART_PREFIX = ".audiostyle-part-"
# Older ones that nobody has locked are left over; in younger ones a writer may just be about to lock it.
_SECONDS_TO_LOCK = 60
_BLOCK = 2**20
# How a formula begins, or what a spreadsheet drops before one; the wide signs count where Japanese is written.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EFBIG: "a file would pass the file-size limit; raise it (ulimit -f)",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission is denied",
    errno.EPERM: "the system does not permit it",
    errno.ENOENT: "there is no such file or folder",
    errno.ENOTDIR: "part of the path is a file, not a folder",
    errno.ELOOP: "the path is a loop of symbolic links",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EIO: "the disk reports an input/output error",
}


def defused(text: str) -> str:
    """Keep a file's name from being a formula to a spreadsheet.

    Examples
    --------
    >>> defused("=1+1.wav"), defused("rock.wav")
    ("'=1+1.wav", 'rock.wav')
    """
    return "'" + text if text.startswith(_FORMULAS) else text


def shown(path: AnyPath) -> str:
    """Return `path` quoted for a message of one line, whatever bytes it is made of."""
    return repr(os.fsdecode(path))


def reason(error: OSError | ValueError) -> str:
    """Say in a few words why the system refused, and what may help."""
    number = getattr(error, "errno", None)
    text = _REASONS.get(number or 0) or getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())


def check_output(path: AnyPath, what: str, inputs: Iterable[AnyPath] = ()) -> None:
    """Find out before the long part that a file can be written.

    Parameters
    ----------
    path : path
        The file that will be made.
    what : str
        What will be written, to begin a sentence: ``The stages``.
    inputs : iterable of paths
        Files that are read, which must not be replaced.

    Raises
    ------
    InputError
        If there is no such folder, it cannot be written to, or `path` is a folder, a device, a link or one
        of the `inputs`.
    """
    target = Path(os.fsdecode(path))
    folder = target.parent
    why = _not_replaceable(target)
    if why is None and not os.access(folder, os.W_OK):
        why = f"the folder {shown(folder)} is not writable; choose another"
    if why is None and os.path.realpath(target) in {os.path.realpath(os.fsdecode(one)) for one in inputs}:
        why = "it is one of the files that are read; give another name"
    if why is not None:
        raise InputError(f"{what} cannot be written to {shown(path)}: {why}.")


@contextlib.contextmanager
def replacing(path: AnyPath, what: str) -> Iterator[Path]:
    """Give an empty file to write to, which takes the place of `path` when the block ends well.

    If the block raises, the new file is removed and what was there stays as it was.

    Parameters
    ----------
    path : path
        The file to make.
    what : str
        What is written, to begin a sentence.

    Yields
    ------
    pathlib.Path
        In the same folder, with the same suffix, so that writers which judge by it work.

    Raises
    ------
    InputError
        If there is no such folder, or `path` is a folder, a device or a link.
    RunError
        If the system refuses to write, in the block or afterwards.
    """
    target = Path(os.fsdecode(path))
    part = target.with_name(f"{PART_PREFIX}{uuid.uuid4().hex}{target.suffix}")
    try:
        if why := _not_replaceable(target):
            raise InputError(f"{what} cannot be written to {shown(path)}: {why}.")
        _remove_parts_left_over(target.parent)
        # Made here, so that its permissions are those the user's umask gives a new file.
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with contextlib.suppress(OSError):  # not every file system has locks
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield part
        finally:
            os.close(descriptor)
        synchronise(part)
        os.replace(part, target)
        synchronise(target.parent)
    except OSError as error:
        raise WriteFailed(f"{what} could not be written to {shown(path)}: {reason(error)}.") from error
    finally:
        # After the rename there is nothing under this name any more.
        with contextlib.suppress(OSError, ValueError):
            os.unlink(part)


def check_new_folder(path: AnyPath, what: str) -> None:
    """Find out before the long part that a folder can be made by :func:`new_folder`.

    Parameters
    ----------
    path : path
        The folder; it must not be there, or be empty.
    what : str
        What will be in it, to begin a sentence: ``The bundle``.

    Raises
    ------
    InputError
        If there is something already, or no folder to make it in.
    """
    target = Path(os.path.abspath(os.fsdecode(path)))
    said = f"{what} cannot be made as {shown(path)}"
    if os.path.lexists(target) and not (target.is_dir() and not target.is_symlink() and not os.listdir(target)):
        raise InputError(f"{said}: there is something already; name a new folder.")
    if not target.parent.is_dir() or not os.access(target.parent, os.W_OK):
        raise InputError(f"{said}: {shown(target.parent)} is no folder to write to.")


@contextlib.contextmanager
def new_folder(path: AnyPath, what: str) -> Iterator[Path]:
    """Give an empty folder to fill, which takes the name `path` when the block ends well, and is removed otherwise.

    Parameters
    ----------
    path, what
        As for :func:`check_new_folder`.

    Raises
    ------
    InputError
        As :func:`check_new_folder`.
    WriteFailed
        If the system refuses to write, in the block or afterwards.
    """
    check_new_folder(path, what)
    target = Path(os.path.abspath(os.fsdecode(path)))
    part = target.with_name(f"{PART_PREFIX}{uuid.uuid4().hex}")
    try:
        part.mkdir()
        yield part
        os.replace(part, target)
        synchronise(target.parent)
    except OSError as error:
        raise WriteFailed(f"{what} could not be written to {shown(path)}: {reason(error)}.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_bytes(path: AnyPath, data: bytes, what: str) -> None:
    """Write `data` as the file `path`, whole or not at all; raises what :func:`replacing` does."""
    with replacing(path, what) as part:
        part.write_bytes(data)


def open_regular(path: AnyPath) -> BinaryIO:
    """Open a regular file for reading.

    Raises
    ------
    OSError
        If the system refuses.
    ValueError
        If it is a folder, a pipe, a socket or a device, which might never end.
    """
    # Not blocking, for a FIFO would wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is not a regular file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_bytes(path: AnyPath, most: int = 2**30) -> bytes:
    """Return the contents of a regular file of at most `most` bytes.

    Raises
    ------
    InputError
        If it cannot be read or is larger.
    """
    with _readable(path) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise InputError(f"The file {shown(path)} cannot be read: it is larger than {most / 1e6:.0f} MB.")
    return data


def sha256_of_file(path: AnyPath) -> str:
    """Return the SHA-256 of a regular file's bytes in hexadecimal, without holding them all.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    digest = hashlib.sha256()
    with _readable(path) as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def synchronise(path: AnyPath) -> None:
    """Have the disk hold what was written to a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems cannot synchronise a folder; a file they can.
        if error.errno != errno.EINVAL or not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _readable(path: AnyPath) -> Iterator[BinaryIO]:
    """Open a regular file, and turn what the system or the file has against it into a sentence."""
    try:
        with open_regular(path) as stream:
            yield stream
    except (OSError, ValueError) as error:
        raise InputError(f"The file {shown(path)} cannot be read: {reason(error)}.") from error


def _remove_parts_left_over(folder: Path) -> None:
    """Remove the unfinished files of writers that were killed."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(PART_PREFIX) or not entry.is_file(follow_symlinks=False):
                continue
            with contextlib.suppress(OSError):
                descriptor = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if time.time() - os.fstat(descriptor).st_mtime > _SECONDS_TO_LOCK:
                        os.unlink(entry.path)
                finally:
                    os.close(descriptor)


def _not_replaceable(target: Path) -> str | None:
    """Say why `target` must not be replaced, or None."""
    try:
        mode = os.lstat(target).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None if target.parent.is_dir() else f"there is no folder {shown(target.parent)}; make it first"
    except (OSError, ValueError) as error:
        return reason(error)
    if stat.S_ISDIR(mode):
        return "it is a folder; name a file"
    if stat.S_ISLNK(mode):
        return f"it is a link, to {shown(os.readlink(target))}; name the file itself"
    return None if stat.S_ISREG(mode) else "it is a device, a pipe or a socket, and no file; give another name"

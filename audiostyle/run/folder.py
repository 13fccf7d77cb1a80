"""The folder of a run: one run at a time in it, and every file in it complete or not there at all.

A file is written beside its place under a name of ours, synchronised to the disk and renamed over
its place, so neither a crash nor a full disk leaves half of it.  The lock is the kernel's
(``flock``): it ends with the process that holds it, however that ends, and a lock file that a crash
left behind locks nothing.
"""

import contextlib
import errno
import fcntl
import os
import resource
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType

from audiostyle.errors import InputError, RunError

__all__ = ["RUN_FILES", "RunFolder", "reason", "shown"]

#: Every file a run may leave; nothing else in the folder is ever replaced or removed.
RUN_FILES = (
    "output.wav",
    "output.flac",
    "output.ogg",
    "mel.png",
    "mfcc.png",
    "cqt.png",
    "chroma.png",
    "spectrogram.png",
    "row_autocorrelation.png",
    "column_autocorrelation.png",
    "losses.png",
    "losses.csv",
    "run.json",
    "run.h5",
    "memory_0.npz",
    "memory_1.npz",
)
_LOCK = ".audiostyle-lock"
_PART = ".audiostyle-part-"
_LOCK_ATTEMPTS = 100

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EFBIG: "a file would pass the file-size limit; raise it (ulimit -f)",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "there is no permission to write there",
    errno.EPERM: "writing there is not permitted",
    errno.ENOENT: "the folder is not there any more; do not remove or rename it during a run",
    errno.ENOTDIR: "part of the path is a file, not a folder",
    errno.ELOOP: "the path is a loop of symbolic links",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EIO: "the disk reports an input/output error",
}


def reason(error: OSError) -> str:
    """Say in a few words why the system refused, and what may help."""
    known = _REASONS.get(error.errno) if error.errno is not None else None
    text = known or error.strerror or str(error) or type(error).__name__
    return " ".join(text.split())


def shown(path: str | os.PathLike[str]) -> str:
    """Return `path` quoted for a message of one line, whatever bytes it is made of."""
    return repr(os.fspath(path))


class RunFolder:
    """The folder a run writes to, held exclusively for as long as it is entered.

    Entering creates the folder (and its parents), locks it, checks that it can be written to and
    removes unfinished files of crashed runs.  Leaving unlocks it, and removes it again where this
    run made it and left nothing in it.

    Parameters
    ----------
    path : str or path-like
        The folder; any name the system allows.
    overwrite : bool
        Whether a run that is already there may be replaced.  Its files are removed by
        :meth:`remove_previous`, not before.
    resume : bool
        Whether a run that is already there is to be gone on with; then it has to be there.

    Raises
    ------
    InputError
        On entering: if the folder cannot be made, entered or written to, already holds a run
        (without `overwrite` or `resume`), holds none (with `resume`), or another run is using it.

    Examples
    --------
    >>> with RunFolder("out", overwrite=True) as folder:  # doctest: +SKIP
    ...     folder.write_bytes("losses.csv", b"evaluation,total")
    """

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool = False, resume: bool = False) -> None:
        self.path = Path(os.path.abspath(os.fspath(path)))
        self.overwrite = overwrite
        self.resume = resume
        self._created: list[tuple[Path, os.stat_result]] = []
        self._lock: int | None = None
        self._identity: tuple[int, int] | None = None

    def __enter__(self) -> "RunFolder":
        try:
            try:
                self._make()
                self._acquire()
                self._check_contents()
                self._probe()
            except (OSError, ValueError) as error:
                why = reason(error) if isinstance(error, OSError) else str(error)
                raise InputError(f"The folder {shown(self.path)} cannot be used for a run: {why}.") from error
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def file(self, name: str) -> Path:
        """Return where the file `name` of this run is, or will be."""
        if not name or name in (".", "..") or "/" in name or "\0" in name:
            raise ValueError(f"{name!r} is not a plain file name")
        return self.path / name

    def require_space(self, size: int) -> None:
        """Check that files of `size` bytes in all have room, before the long part begins.

        A run that is being overwritten counts too: it stays until the new one has its archive.

        Raises
        ------
        InputError
            If the disk has less room, or the process's file-size limit is lower.
        """
        try:
            disk = os.statvfs(self.path)
            free = disk.f_bavail * disk.f_frsize
        except OSError as error:
            raise RunError(f"The folder {shown(self.path)} cannot be examined: {reason(error)}.") from error
        if free < size:
            raise InputError(
                f"The run needs {_megabytes(size)} in {shown(self.path)}, but only {_megabytes(free)} are free there; "
                "free some space or choose another folder."
            )
        limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
        if limit not in (resource.RLIM_INFINITY, -1) and limit < size:
            raise InputError(
                f"The run needs files of up to {_megabytes(size)}, but this process may write files of at most "
                f"{_megabytes(limit)}; raise the limit (ulimit -f)."
            )

    @contextlib.contextmanager
    def atomic_path(self, name: str) -> Iterator[Path]:
        """Give a path to write to, which becomes the file `name` when the block ends well.

        The path has the suffix of `name` and is in the same folder.  If the block raises, the file
        is removed and what was there under `name` stays as it was.

        Raises
        ------
        RunError
            If the system refuses to write (OSError), in the block or in finishing the file.
        """
        target = self.file(name)
        part = self.file(_PART + name)
        try:
            self._check_still_here()
            yield part
            _synchronise(part)
            os.replace(part, target)
            _synchronise(self.path)
        except OSError as error:
            raise RunError(f"{shown(name)} could not be written to {shown(self.path)}: {reason(error)}.") from error
        finally:
            # After the rename there is nothing under this name any more.
            with contextlib.suppress(OSError):
                os.unlink(part)

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write `data` as the file `name`, whole or not at all.

        Raises
        ------
        RunError
            If the system refuses to write.
        """
        with self.atomic_path(name) as part, open(part, "wb") as stream:
            stream.write(data)

    def remove_previous(self, keep: Collection[str] = ()) -> None:
        """Remove the files of the run that is being overwritten; does nothing without `overwrite`.

        To be called when the new run really starts: up to then a mistake costs nothing.
        :meth:`Archive.create <audiostyle.run.archive.Archive.create>` does it.

        Parameters
        ----------
        keep : collection of str
            Names of files that are already the new run's.
        """
        if not self.overwrite:
            return
        try:
            for file in self._existing():
                if file.name not in keep:
                    os.unlink(file)
        except OSError as error:
            raise RunError(f"The old run in {shown(self.path)} could not be removed: {reason(error)}.") from error

    def _make(self) -> None:
        """Create the folder and what is missing above it, remembering what was created."""
        missing, path = [], self.path
        while not os.path.lexists(path):
            missing.append(path)
            path = path.parent
        if self.resume and missing:
            raise InputError(f"There is no run to resume: the folder {shown(self.path)} does not exist.")
        for path in reversed(missing):
            # Another run may make the same parents at this moment.
            with contextlib.suppress(FileExistsError):
                os.mkdir(path)
                self._created.append((path, os.stat(path)))
        if not os.path.isdir(self.path):
            raise InputError(
                f"A run needs a folder to write to, but {shown(self.path)} exists and is not a folder; "
                "give another name."
            )

    def _acquire(self) -> None:
        """Lock the folder, or say that another run has it."""
        path = self.path / _LOCK
        busy = InputError(f"Another run is writing to {shown(self.path)}; wait for it to end, or give another folder.")
        for _ in range(_LOCK_ATTEMPTS):
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # A run that ended between the two calls has removed the file we opened: then its
                # name is free, or somebody else's, and the lock we got is worth nothing.
                if _same_file(os.fstat(lock), path):
                    break
            except BlockingIOError:
                os.close(lock)
                raise busy from None
            except BaseException:
                os.close(lock)
                raise
            os.close(lock)
        else:
            raise busy
        self._lock = lock
        here = os.stat(self.path)
        self._identity = here.st_dev, here.st_ino

    def _check_contents(self) -> None:
        """Refuse a folder that holds a run where it must not, or none where it must."""
        present = [file.name for file in self._existing()]
        for name in RUN_FILES:
            if os.path.isdir(self.path / name) and not os.path.islink(self.path / name):
                raise InputError(
                    f"The run would write the file {name}, but {shown(self.path)} has a folder of that name; "
                    "give another folder."
                )
        if self.resume and "run.h5" not in present:
            raise InputError(f"There is no run to resume in {shown(self.path)}: it has no run.h5.")
        if present and not self.resume and not self.overwrite:
            raise InputError(
                f"The folder {shown(self.path)} already holds a run ({present[0]}); give another folder, go on with "
                "it (--resume), or replace it (--overwrite)."
            )

    def _probe(self) -> None:
        """Remove the leftovers of crashed runs and try to write a file."""
        for name in os.listdir(self.path):
            if name.startswith(_PART) and not os.path.isdir(self.path / name):
                os.unlink(self.path / name)
        probe = self.path / (_PART + "probe")
        try:
            with open(probe, "wb") as stream:
                stream.write(b"\0")
            _synchronise(probe)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(probe)

    def _existing(self) -> list[Path]:
        """The files of a run that are there (links included, folders not)."""
        files = [self.path / name for name in RUN_FILES]
        return [file for file in files if os.path.lexists(file) and (os.path.islink(file) or not os.path.isdir(file))]

    def _check_still_here(self) -> None:
        """Raise unless the path still leads to the folder that was locked."""
        here = os.stat(self.path)
        if (here.st_dev, here.st_ino) != self._identity:
            raise FileNotFoundError(errno.ENOENT, "the folder was replaced", os.fspath(self.path))

    def _leave(self) -> None:
        """Unlock, and remove the folders this run made if nothing is in them."""
        if self._lock is not None:
            # While the lock is still held: whoever opened the file before finds it gone.
            with contextlib.suppress(OSError):
                if _same_file(os.fstat(self._lock), self.path / _LOCK):
                    os.unlink(self.path / _LOCK)
            os.close(self._lock)
            self._lock = None
        with contextlib.suppress(OSError):
            while self._created:
                path, made = self._created.pop()
                if _same_file(made, path):
                    os.rmdir(path)
        self._created.clear()


def _same_file(found: os.stat_result, path: Path) -> bool:
    try:
        return os.path.samestat(found, os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _synchronise(path: Path) -> None:
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


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"

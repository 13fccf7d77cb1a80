"""The folder of a run: one run at a time in it, and every file in it complete or not there at all.

The lock is the kernel's (``flock``): it ends with the process that holds it, however that ends, and a lock
file that a crash left behind locks nothing.
"""

import contextlib
import fcntl
import os
import re
import resource
import stat
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from types import TracebackType

from audiostyle.errors import FolderBusy, InputError, NoSpace, RunError, WriteFailed
from audiostyle.files import PART_PREFIX, reason, replacing, shown, synchronise

__all__ = ["LOCK_NAME", "RUN_FILES", "RunFolder", "round_file"]

#: Every file a run may leave; beside these and those of single rounds nothing in the folder is replaced or removed.
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
    "index.html",
    "run.json",
    "run.h5",
)
_ROUND_FILE = re.compile(r"run\.\d{4,}\.h5")
#: Held by the kernel's lock while a run goes on.
LOCK_NAME = ".audiostyle-lock"
_LOCK_ATTEMPTS = 100


def round_file(index: int) -> str:
    """Return the name of the file that holds round `index` until all are merged into ``run.h5``."""
    return f"run.{index:04d}.h5"


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
        Whether a run that is already there is to be resumed; then it has to be there.

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
                raise NoSpace(f"The folder {shown(self.path)} cannot be used for a run: {reason(error)}.") from error
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

    def require_space(self, size: int, largest: int) -> None:
        """Check that files of `size` bytes in all, and a single one of `largest`, have room before the long part.

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
            raise NoSpace(
                f"The run needs {_megabytes(size)} in {shown(self.path)}, but only {_megabytes(free)} are free there; "
                "free some space or choose another folder."
            )
        limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
        if limit not in (resource.RLIM_INFINITY, -1) and limit < largest:
            raise NoSpace(
                f"The run needs files of up to {_megabytes(largest)}, but this process may write files of at most "
                f"{_megabytes(limit)}; raise the limit (ulimit -f)."
            )

    def check_place(self) -> None:
        """Find out whether the path still leads to the folder and the lock that were taken on entering.

        Renaming a folder and starting the next run under its old name is what people do: the lock goes along
        with the folder, and files written by the path would land among the other run's.

        Raises
        ------
        RunError
            If the folder was renamed, removed or replaced, or the lock taken away.
        """
        try:
            here = os.stat(self.path)
            still = (here.st_dev, here.st_ino) == self._identity
            still = still and self._lock is not None and _same_file(os.fstat(self._lock), self.path / LOCK_NAME)
        except OSError:
            still = False
        if not still:
            raise RunError(
                f"The folder {shown(self.path)} is not the run's any more, so nothing is written there; do not rename, "
                "replace or empty a folder during a run."
            )

    @contextlib.contextmanager
    def atomic_path(self, name: str, what: str = "The file") -> Iterator[Path]:
        """Give a path to write to, which becomes the file `name` when the block ends well.

        The path has the suffix of `name` and is in the same folder.  If the block raises, the file is removed and
        what was there under `name` stays as it was.

        Parameters
        ----------
        name : str
            A plain file name.
        what : str
            What is written, to begin a sentence.

        Raises
        ------
        InputError
            If a link, a device or the like has taken the place of the file.
        RunError
            If the folder is not the run's any more, or the system refuses to write.
        """
        target = self.file(name)
        self.check_place()
        with replacing(target, what) as part:
            yield part

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write `data` as the file `name`, whole or not at all; raises what :meth:`atomic_path` does."""
        with self.atomic_path(name) as part:
            part.write_bytes(data)

    def run_files(self) -> list[str]:
        """Return the names of a run's files that are there, those of single rounds included."""
        present = set(os.listdir(self.path))
        return [name for name in RUN_FILES if name in present] + sorted(filter(_ROUND_FILE.fullmatch, present))

    def remove(self, names: Iterable[str]) -> None:
        """Remove files of a run, whichever of them are there.

        Raises
        ------
        RunError
            If the folder is not the run's any more, or the system refuses.
        """
        self.check_place()
        try:
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.file(name))
            synchronise(self.path)
        except OSError as error:
            raise WriteFailed(
                f"Old files of the run in {shown(self.path)} could not be removed: {reason(error)}."
            ) from error

    def remove_previous(self, keep: Collection[str] = ()) -> None:
        """Remove the files of the run that is being overwritten; does nothing without `overwrite`.

        To be called when the new run really starts: up to then a mistake costs nothing.
        :meth:`Archive.create <audiostyle.run.archive.Archive.create>` does it.

        Parameters
        ----------
        keep : collection of str
            Names of files that are already the new run's.
        """
        if self.overwrite:
            self.remove(name for name in self.run_files() if name not in keep)

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
                try:
                    os.mkdir(path)
                except FileNotFoundError:
                    raise InputError(
                        f"The folder {shown(self.path)} cannot be made, for {shown(path.parent)} takes no new folders; "
                        "give another name."
                    ) from None
                self._created.append((path, os.stat(path)))
        if not os.path.isdir(self.path):
            raise InputError(
                f"A run needs a folder to write to, but {shown(self.path)} exists and is not a folder; "
                "give another name."
            )

    def _acquire(self) -> None:
        """Lock the folder, or say that another run has it."""
        path = self.path / LOCK_NAME
        busy = FolderBusy(f"Another run is writing to {shown(self.path)}; wait for it to end, or give another folder.")
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
        present = self.run_files()
        for name in present:
            if not stat.S_ISREG(os.lstat(self.path / name).st_mode):
                raise InputError(
                    f"A run writes the file {name}, but {shown(self.path)} has a folder, a link or a device of that "
                    "name; give another folder."
                )
        if self.resume and "run.h5" not in present:
            raise InputError(f"There is no run to resume in {shown(self.path)}: it has no run.h5.")
        if present and not self.resume and not self.overwrite:
            raise InputError(
                f"The folder {shown(self.path)} already holds a run ({present[0]}); give another folder, resume "
                "it (--resume), or replace it (--overwrite)."
            )

    def _probe(self) -> None:
        """Remove the leftovers of crashed runs and try to write a file."""
        for name in os.listdir(self.path):
            if name.startswith(PART_PREFIX) and not os.path.isdir(self.path / name):
                os.unlink(self.path / name)
        probe = self.path / f"{PART_PREFIX}probe"
        try:
            with open(probe, "xb") as stream:
                stream.write(b"\0")
            synchronise(probe)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(probe)

    def _leave(self) -> None:
        """Unlock, and remove the folders this run made if nothing is in them."""
        if self._lock is not None:
            # While the lock is still held: whoever opened the file before finds it gone.
            with contextlib.suppress(OSError):
                if _same_file(os.fstat(self._lock), self.path / LOCK_NAME):
                    os.unlink(self.path / LOCK_NAME)
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


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"

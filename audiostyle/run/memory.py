"""``memory_0.npz`` and ``memory_1.npz``: what L-BFGS remembers after the last even and the last odd round.

The archive holds the image of every round; with ``restart="continue"`` that is not the whole state,
and these files are the rest.  One is written whole or not at all, before the archive counts its
round, in place of that of the round before the last.  So whenever a process is killed, the memory of
the last round that counts is there.
"""

import zipfile

import numpy as np

from audiostyle.errors import InputError
from audiostyle.lbfgs import Lbfgs
from audiostyle.run.folder import RunFolder, shown

__all__ = ["MemoryFile", "memory_size"]


def memory_size(n_numbers: int) -> int:
    """Return how many bytes both files take for an image of so many numbers, and a third that is being written."""
    # x and g, 25 numbers of work space and three whole ones for each; the rest does not grow.
    return 3 * (n_numbers * (8 * (2 + 25) + 4 * 3) + 2**16)


class MemoryFile:
    """The memory of the last round or two, in a run's folder.

    Parameters
    ----------
    folder : RunFolder
        Entered.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder

    def write(self, index: int, lbfgs: Lbfgs | None) -> None:
        """Keep the state after round `index`; None, an optimiser that has come to its end, has no arrays.

        Raises
        ------
        RunError
            If it cannot be written.
        """
        with self._folder.atomic_path(_name(index)) as part, open(part, "wb") as file:
            np.savez(file, round=index, **(lbfgs.state if lbfgs is not None else {}))

    def read(self, index: int) -> Lbfgs | None:
        """Return the optimiser as round `index` left it, or None for a new one.

        Raises
        ------
        InputError
            If the file is missing or damaged.
        RunError
            If another version of scipy made it.
        """
        path = self._folder.file(_name(index))
        try:
            with np.load(path, allow_pickle=False) as file:
                state = dict(file)
            if state.pop("round") != index:
                raise ValueError("it is of another round")
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            raise InputError(
                f"The optimiser's memory of round {index}, {shown(path)}, is not there or damaged, so the run cannot "
                "be gone on with to the bit; start a new run in another folder."
            ) from None
        return Lbfgs.resumed(state) if state else None


def _name(index: int) -> str:
    return f"memory_{index % 2}.npz"

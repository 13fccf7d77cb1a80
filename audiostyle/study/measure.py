"""How far two arrays of one stage are apart: the largest and the relative difference, their number and place."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from audiostyle.study.stage_file import Selection, StageReader, blocks, statistics
from audiostyle.study.stage_names import STATISTICS, Stage

__all__ = ["Difference", "compare_stage", "measure_stage"]

# Afterwards last-bit differences change the slides completely (T12).
_COMPARABLE_INVERSIONS = 4

Read = Callable[[Selection], tuple[np.ndarray, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Difference:
    """One stage of two files.

    Attributes
    ----------
    stage : Stage
    largest : float
        Largest absolute difference.
    relative : float
        L2 norm of the difference over that of the first file's; of statistics the largest relative
        difference.
    allowed : float
        Tolerance of the stage's ``measure``.
    size, differing : int
        How many numbers were compared, and how many of them differ by more than the tolerance (of a
        relative measure: times the root mean square of the first file's).
    place : tuple of int
        Index of the largest difference; empty for a single number.
    accepted : str
        Why the stage agrees although its difference is larger than the tolerance.
    note : str
        What else there is to say, such as two different shapes.
    explanations : tuple of str
        What would make the two equal.
    """

    stage: Stage
    largest: float
    relative: float
    allowed: float
    size: int = 0
    differing: int = 0
    place: tuple[int, ...] = ()
    accepted: str = ""
    note: str = ""
    explanations: tuple[str, ...] = ()

    @property
    def judged(self) -> bool:
        """Whether the stage has a tolerance at all."""
        return self.stage.measure != "none"

    @property
    def agrees(self) -> bool:
        """Whether the difference is within the tolerance, or accepted; a NaN never is."""
        return not self.judged or bool(self.accepted) or bool(getattr(self, self.stage.measure) <= self.allowed)


def measure_stage(stage: Stage, a: StageReader, b: StageReader, allowed: float) -> Difference:
    """Compare one stage of two files, a block of it after the other.

    Raises
    ------
    InputError
        If the stage of a file cannot be read.
    """
    name, shape, other = stage.name, a.shape(stage.name), b.shape(stage.name)
    note = ""
    if name.startswith("features/") and shape != other and (len(STATISTICS),) in (shape, other):
        return _compare_statistics(stage, _statistics(a, name), _statistics(b, name), allowed)
    if name == "inversion/offsets" and shape[1:] == other[1:]:
        rows = min(shape[0], other[0], _COMPARABLE_INVERSIONS)
        shape = other = (rows, *shape[1:])
        note = f"inversions 0-{rows - 1} only (T12)"
    if shape != other:
        return Difference(stage, np.inf, np.inf, allowed, note=f"the shapes are {shape} and {other}")
    if name.startswith("features/") and shape == (len(STATISTICS),):
        return _compare_statistics(stage, a.read(name), b.read(name), allowed)
    return _measure(stage, shape, lambda where: (a.read(name, where), b.read(name, where)), allowed, note)


def compare_stage(stage: Stage, first: np.ndarray, second: np.ndarray, float64: bool = False) -> Difference:
    """Compare two arrays of one stage, of the same shape.

    Parameters
    ----------
    stage : Stage
    first, second : np.ndarray
    float64 : bool
        Whether both were computed in float64.
    """
    allowed = stage.allowed(float64)
    if stage.name.startswith("features/") and first.shape == (len(STATISTICS),):
        return _compare_statistics(stage, first, second, allowed)
    return _measure(stage, first.shape, lambda where: (first[where], second[where]), allowed)


def _measure(stage: Stage, shape: tuple[int, ...], read: Read, allowed: float, note: str = "") -> Difference:
    """Sum up what `read` gives for every block of an array."""
    largest, squares, size_squares, size = -1.0, 0.0, 0.0, 0
    place: tuple[int, ...] = ()
    for where in blocks(shape):
        first, second = (np.asarray(value, np.float64) for value in read(where))
        if not (np.isfinite(first).all() and np.isfinite(second).all()):
            return Difference(stage, np.inf, np.inf, allowed, note="some numbers are not finite")
        gap = np.abs(second - first)
        here = int(gap.argmax())
        if gap.flat[here] > largest:
            largest = float(gap.flat[here])
            starts = [part.start for part in where] + [0] * (len(shape) - len(where))
            place = tuple(int(i + start) for i, start in zip(np.unravel_index(here, gap.shape), starts, strict=True))
        squares += float(np.square(gap).sum())
        size_squares += float(np.square(first).sum())
        size += gap.size
    relative = float(_ratio(np.sqrt(squares), np.sqrt(size_squares)))
    found = Difference(stage, largest, relative, allowed, size, 0, place, note=note)
    if found.agrees and stage.measure == "largest":
        return found
    limit = allowed if stage.measure == "largest" else allowed * np.sqrt(size_squares / size)
    differing = sum(int(np.count_nonzero(_gap(read(where)) > limit)) for where in blocks(shape))
    return dataclasses.replace(found, differing=differing)


def _gap(pair: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return np.abs(np.subtract(*pair, dtype=np.float64))


def _compare_statistics(stage: Stage, first: np.ndarray, second: np.ndarray, allowed: float) -> Difference:
    gap = np.abs(second - first)
    relative = _ratio(gap, np.abs(first))
    worst = int(np.argmax(relative))
    differing = int(np.count_nonzero(~(relative <= allowed)))
    note = f"worst is {STATISTICS[worst]}" if differing else ""
    return Difference(
        stage, float(gap.max()), float(relative[worst]), allowed, len(gap), differing, (worst,), note=note
    )


def _statistics(reader: StageReader, name: str) -> np.ndarray:
    """Return mean, standard deviation and L2 norm ``(3,)`` of a stage that is whole, or is them already."""
    shape = reader.shape(name)
    if shape == (len(STATISTICS),):
        return reader.read(name)
    size = int(np.prod(shape))
    parts = [statistics(reader.read(name, where)) for where in blocks(shape)]
    sizes = np.array([np.prod([part.stop - part.start for part in where]) for where in blocks(shape)], float)
    sizes *= size / sizes.sum()
    means, spreads, norms = np.array(parts).T
    mean = np.sum(sizes * means) / size
    spread = np.sqrt(np.sum(sizes * (spreads**2 + (means - mean) ** 2)) / size)
    return np.array([mean, spread, np.sqrt(np.sum(norms**2))])


def _ratio(gap: Any, size: Any) -> Any:
    """``gap / size``, 0 where both are 0."""
    gap, size = np.asarray(gap, dtype=np.float64), np.asarray(size, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(gap == 0, 0.0, gap / size)

"""Two stages files beside each other: which stage is the first that differs by more than it may."""

import dataclasses
from typing import Any

import numpy as np

from audiostyle.errors import InputError
from audiostyle.files import shown
from audiostyle.study.stage_file import StageReader, statistics
from audiostyle.study.stage_names import STAGES, STATISTICS, Stage

__all__ = ["HEADER", "Comparison", "Difference", "compare_files", "compare_stage", "render"]

#: The line above those of :func:`render`.
HEADER = f"{'stage':<37} {'largest':>10} {'relative':>10}  {'tolerance':<16} verdict"
# Afterwards last-bit differences change the slides completely (T12).
_COMPARABLE_INVERSIONS = 4


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
    note : str
        What else there is to say, such as two different shapes.
    """

    stage: Stage
    largest: float
    relative: float
    allowed: float
    note: str = ""

    @property
    def judged(self) -> bool:
        """Whether the stage has a tolerance at all."""
        return self.stage.measure != "none"

    @property
    def agrees(self) -> bool:
        """Whether the difference is within the tolerance; a NaN never is."""
        return not self.judged or getattr(self, self.stage.measure) <= self.allowed


@dataclasses.dataclass(frozen=True)
class Comparison:
    """All stages that two files share.

    Attributes
    ----------
    differences : list of Difference
        In the order of the pipeline.
    only_first, only_second : list of str
        Stages that are in one file only.
    unknown : list of str
        Names in either file that are no stages.
    warnings : list of str
        Sentences on what makes the files hard to compare, such as different settings.
    """

    differences: list[Difference]
    only_first: list[str]
    only_second: list[str]
    unknown: list[str]
    warnings: list[str]

    @property
    def first_disagreement(self) -> Difference | None:
        """The first stage beyond its tolerance, or None."""
        return next((one for one in self.differences if not one.agrees), None)


def compare_files(first: str, second: str) -> Comparison:
    """Compare what two stages files have in common.

    Parameters
    ----------
    first, second : str
        HDF5 files; `first` is what relative differences are relative to.

    Raises
    ------
    InputError
        If a file cannot be used, or they have no stage in common.
    """
    a = StageReader(first)
    try:
        b = StageReader(second)
        try:
            return _compare(a, b)
        finally:
            b.close()
    finally:
        a.close()


def _compare(a: StageReader, b: StageReader) -> Comparison:
    shared = set(a.names) & set(b.names)
    if not shared:
        raise InputError(
            f"There is nothing to compare: {_holds(a)} and {_holds(b)}; docs/stages.md has the names of the stages."
        )
    float64 = a.attribute("float_type") == b.attribute("float_type") == "float64"
    return Comparison(
        [_difference(stage, a, b, float64) for stage in STAGES if stage.name in shared],
        [name for name in a.names if name not in shared],
        [name for name in b.names if name not in shared],
        sorted({*a.unknown, *b.unknown}),
        _warnings(a, b),
    )


def _difference(stage: Stage, a: StageReader, b: StageReader, float64: bool) -> Difference:
    shapes = a.shape(stage.name), b.shape(stage.name)
    if stage.name == "inversion/offsets":
        comparable = shapes[0][1:] == shapes[1][1:]
    elif stage.name.startswith("features/") and (len(STATISTICS),) in shapes:
        comparable = True
    else:
        comparable = shapes[0] == shapes[1]
    if not comparable:
        note = f"the shapes are {shapes[0]} and {shapes[1]}"
        return Difference(stage, np.inf, np.inf, stage.allowed(float64), note)
    return compare_stage(stage, a.read(stage.name), b.read(stage.name), float64)


def compare_stage(stage: Stage, first: np.ndarray, second: np.ndarray, float64: bool = False) -> Difference:
    """Compare two arrays of one stage.

    Parameters
    ----------
    stage : Stage
    first, second : np.ndarray
        Of the same shape, but for features, of which one may be statistics and the other the whole
        activation, and for the number of inversions of ``inversion/offsets``.
    float64 : bool
        Whether both were computed in float64.
    """
    allowed, note = stage.allowed(float64), ""
    if stage.name == "inversion/offsets":
        rows = min(len(first), len(second), _COMPARABLE_INVERSIONS)
        first, second, note = first[:rows], second[:rows], f"inversions 0-{rows - 1} only (T12)"
    if stage.name.startswith("features/") and 1 in (first.ndim, second.ndim):
        first, second = (value if value.ndim == 1 else statistics(value) for value in (first, second))
        gap = np.abs(second - first)
        return Difference(stage, float(gap.max()), float(np.max(_ratio(gap, np.abs(first)))), allowed, note)
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return Difference(stage, np.inf, np.inf, allowed, "some numbers are not finite")
    gap = np.subtract(second, first, dtype=np.float64)
    relative = float(_ratio(np.linalg.norm(gap), np.linalg.norm(first.astype(np.float64))))
    largest = float(np.abs(gap).max())
    return Difference(stage, largest, relative, allowed, note)


def _ratio(gap: Any, size: Any) -> Any:
    """``gap / size``, 0 where both are 0."""
    gap, size = np.asarray(gap, dtype=np.float64), np.asarray(size, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(gap == 0, 0.0, gap / size)


def _holds(reader: StageReader) -> str:
    if not reader.names:
        return f"{shown(reader.path)} holds no stage"
    more = ", ..." if len(reader.names) > 3 else ""
    return f"{shown(reader.path)} holds {', '.join(reader.names[:3])}{more}"


def _warnings(a: StageReader, b: StageReader) -> list[str]:
    """Say what the files themselves tell of different inputs."""
    found = []
    settings = [reader.attribute("settings") for reader in (a, b)]
    if all(isinstance(one, dict) for one in settings):
        names = sorted(name for name in {*settings[0], *settings[1]} if settings[0].get(name) != settings[1].get(name))
        if names:
            pairs = (f"{name} ({_short(settings[0].get(name))} and {_short(settings[1].get(name))})" for name in names)
            found.append(f"The files were made with different settings: {', '.join(pairs)}.")
    for name, what in (
        ("content_sha256", "content clips"),
        ("style_sha256", "style clips"),
        ("weights_sha256", "weights"),
        ("image_origin", "images"),
    ):
        values = a.attribute(name), b.attribute(name)
        if None not in values and values[0] != values[1]:
            found.append(f"The files were made from different {what}.")
    return found


def _short(value: Any) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return ascii(text[:40])[1:-1]


def render(difference: Difference) -> str:
    """Return a line of the table of differences; :data:`HEADER` is the line above."""
    stage = difference.stage
    verdict = "agrees" if difference.agrees else "DISAGREES"
    tolerance = f"{stage.measure} {difference.allowed:g}" if difference.judged else "-"
    if not difference.judged:
        verdict = "not judged (T12)"
    note = f": {difference.note}" if difference.note else ""
    numbers = f"{difference.largest:>10.3g} {difference.relative:>10.3g}"
    return f"/{stage.name:<36} {numbers}  {tolerance:<16} {verdict}{note}"

"""Two stages files beside each other: which stage is the first that differs by more than it may."""

import dataclasses
import difflib
from typing import Any

import numpy as np

from audiostyle.errors import InputError
from audiostyle.files import shown
from audiostyle.settings import Settings
from audiostyle.study.explain import explain
from audiostyle.study.measure import Difference, measure_stage
from audiostyle.study.remade import is_off_by_levels, made_again, settings_of
from audiostyle.study.stage_file import StageReader
from audiostyle.study.stage_names import ROLES, SOUND, STAGES, Stage

__all__ = ["Comparison", "compare_files"]

# Both files' arrays are held in memory to be explained.
_MOST_EXPLAINED = 2**22
_LONGEST_NAME = 80
# Settings of a stranger, named in one sentence.
_MOST_PAIRS = 20
# Names to which a wrong one may be near: a stage's, its last part for the content (or the only one), and a group's.
_NEAR = (
    {stage.name.rpartition("/")[2]: stage.name for stage in reversed(STAGES)}
    | {stage.name.partition("/")[0]: stage.name.partition("/")[0] for stage in STAGES}
    | {stage.name: stage.name for stage in STAGES}
)

Readers = tuple[StageReader, StageReader]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """All stages that two files share.

    Attributes
    ----------
    differences : list of Difference
        In the order of the pipeline.
    only_first, only_second : list of str
        Stages that are in one file only.
    unknown : dict of str to str
        Names in either file that are no stages, each with the name that may have been meant, or nothing.
    warnings : list of str
        Sentences on what makes the files hard to compare, such as different settings.
    """

    differences: list[Difference]
    only_first: list[str]
    only_second: list[str]
    unknown: dict[str, str]
    warnings: list[str]

    @property
    def first_disagreement(self) -> Difference | None:
        """The first stage beyond its tolerance, or None."""
        return next((one for one in self.differences if not one.agrees), None)


def compare_files(first: str, second: str, scale: float = 1.0) -> Comparison:
    """Compare what two stages files have in common.

    Parameters
    ----------
    first, second : str
        HDF5 files; `first` is what relative differences are relative to.
    scale : float
        What every tolerance is multiplied by.

    Raises
    ------
    InputError
        If a file cannot be used, or they have no stage in common.
    """
    a = StageReader(first)
    try:
        b = StageReader(second)
        try:
            return _compare((a, b), scale)
        finally:
            b.close()
    finally:
        a.close()


def _compare(readers: Readers, scale: float) -> Comparison:
    a, b = readers
    shared = set(a.names) & set(b.names)
    unknown = {name: suggestion(name) for name in sorted({*a.unknown, *b.unknown})}
    if not shared:
        meant = [f"{name[:_LONGEST_NAME]!a} may be meant to be {near}" for name, near in unknown.items() if near]
        raise InputError(
            f"There is nothing to compare: {_holds(a)} and {_holds(b)}; docs/stages.md has the names of the stages"
            f"{'; ' if meant else ''}{', '.join(meant[:3])}."
        )
    settings = settings_of(readers)
    differences = [_difference(stage, readers, settings, scale) for stage in STAGES if stage.name in shared]
    only_first, only_second = ([name for name in reader.names if name not in shared] for reader in readers)
    return Comparison(differences, only_first, only_second, unknown, _warnings(a, b))


def suggestion(name: str) -> str:
    """Return the stage or group that a wrong name comes nearest to, or nothing."""
    # A group is no name for something inside one.
    fitting = [near for near, meant in _NEAR.items() if "/" not in name or "/" in meant]
    near = difflib.get_close_matches(name[:_LONGEST_NAME].casefold(), fitting, 1, 0.65)
    return _NEAR[near[0]] if near else ""


def _difference(stage: Stage, readers: Readers, settings: Settings, scale: float) -> Difference:
    """Compare one stage; if it disagrees, judge an image by what it was made of, and look for an explanation."""
    found = measure_stage(stage, *readers, _allowed(stage, readers) * scale)
    if found.agrees:
        return found
    if stage.name.endswith(("/image", "/rescaled", "/tensor")):
        found = _judge_levels(found, readers, settings, scale)
    shapes = [reader.shape(stage.name) for reader in readers]
    if found.agrees or max(np.prod(shape, dtype=object) for shape in shapes) > _MOST_EXPLAINED:
        return found
    return dataclasses.replace(found, explanations=tuple(explain(stage, *(r.read(stage.name) for r in readers))))


def _allowed(stage: Stage, readers: Readers) -> float:
    """Return the tolerance of a stage, wider where a file has it, or the sound it is made of, in float32."""
    float64 = all(reader.attribute("float_type") == "float64" for reader in readers)
    role = stage.name.rpartition("/")[0]
    sources = [f"{role}/{kind}" for kind in SOUND] if role in ROLES else []
    if stage.is_float64:
        sources.append(stage.name)
    return stage.allowed(float64, any(reader.is_float32(name) for reader in readers for name in sources))


def _judge_levels(found: Difference, readers: Readers, settings: Settings, scale: float) -> Difference:
    """Accept grey levels of which a few are one off, or that are what each file's own stage before them makes."""
    role, _, kind = found.stage.name.rpartition("/")
    values = next((stage for stage in STAGES if stage.name == f"{role}/{settings.representation}"), found.stage)
    allowed = _allowed(values, readers) * scale
    if kind != "rescaled" and is_off_by_levels(found.differing, found.size, found.largest - found.allowed, allowed):
        what = "pixels" if kind == "image" else "numbers"
        return dataclasses.replace(found, accepted=f"{found.differing} of {found.size} {what} by 1 level")
    source = ""
    for reader in readers:
        again = made_again(reader, found.stage.name, settings)
        if again is None or again[0].shape != reader.shape(found.stage.name):
            return found
        gap, source = np.abs(again[0] - reader.read(found.stage.name)), again[1]
        off = int(np.count_nonzero(gap > found.allowed))
        if off and not (kind == "image" and is_off_by_levels(off, gap.size, gap.max(), allowed)):
            words = f"{off} of {gap.size} numbers are not what {shown(reader.path)}'s own /{source} makes"
            return dataclasses.replace(found, note=words)
    return dataclasses.replace(found, accepted=f"in each file it is what its own /{source} makes")


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
        one, other = settings
        names = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
        if names:
            pairs = [f"{_short(name)} ({_short(one.get(name))} and {_short(other.get(name))})" for name in names]
            more = f" and {len(names) - _MOST_PAIRS} more" if len(names) > _MOST_PAIRS else ""
            found.append(f"The files were made with different settings: {', '.join(pairs[:_MOST_PAIRS])}{more}.")
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
    """Return a stranger's text for a terminal: short, and of one line."""
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return ascii(text[:40])[1:-1]

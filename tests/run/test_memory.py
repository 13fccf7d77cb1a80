"""The optimiser's memory on the disk: a run that keeps it and is killed goes on to the bit."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from audiostyle.errors import InputError
from audiostyle.lbfgs import Lbfgs
from audiostyle.run.archive import Archive
from audiostyle.run.descent import Descent, Interruption, Reporter
from audiostyle.run.folder import RunFolder
from audiostyle.run.memory import MemoryFile, memory_size
from audiostyle.settings import Settings

SHAPE = (1, 3, 4, 5)
SETTINGS = Settings(iterations=7, max_evaluations=6, restart="continue")
STEEPNESS = 10 ** np.random.RandomState(0).uniform(0, 4, SHAPE)


def bowl(image: np.ndarray) -> tuple[dict[str, float], float, np.ndarray]:
    """A valley that takes a hundred evaluations."""
    difference = image.astype("float64") - 50
    value = float((STEEPNESS * difference**2 + 0.1 * difference**4).sum())
    return {"bowl": value}, value, 2 * STEEPNESS * difference + 0.4 * difference**3


class Deadly:
    """The bowl, whose evaluation number `last` is the process's last."""

    def __init__(self, last: int) -> None:
        self._left = last

    def __call__(self, image: np.ndarray) -> tuple[dict[str, float], float, np.ndarray]:
        import os

        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return bowl(image)


def descend(path: Path, *, resume: bool, objective=bowl) -> Descent:
    start = np.zeros(SHAPE, "float32")
    with RunFolder(path, resume=resume) as folder:
        if resume:
            archive, archived = Archive.resume(folder, {}, rounds=6, max_evaluations=6)
        else:
            archive, archived = Archive.create(folder, {}, start, rounds=6, max_evaluations=6, parts=("bowl",)), None
        descent = Descent(objective, start, archive, archived, Reporter(), Interruption(), MemoryFile(folder))
        descent.run(SETTINGS)
    return descent


@pytest.mark.parametrize("last", [17, 24, 37])
def test_killed_and_gone_on_with_it_ends_as_if_nothing_had_been(last: int, tmp_path: Path) -> None:
    whole = descend(tmp_path / "whole", resume=False)
    assert len(whole.rounds) == 6
    script = (
        "import sys; sys.path[:0] = sys.argv[1:3]; from pathlib import Path; import test_memory as it\n"
        f"it.descend(Path('killed'), resume=False, objective=it.Deadly({last}))"
    )
    here = Path(__file__).resolve().parent
    done = subprocess.run(
        [sys.executable, "-c", script, str(here.parents[1]), str(here)], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    before = len(Archive.read(tmp_path / "killed" / "run.h5").rounds)
    assert 0 < before < 6
    rest = descend(tmp_path / "killed", resume=True)
    assert [(one.total, one.index) for one in rest.evaluations] == [(one.total, one.index) for one in whole.evaluations]
    assert rest.image.tobytes() == whole.image.tobytes()


def test_the_memory_of_the_round_that_counts_outlives_that_of_the_next(tmp_path: Path) -> None:
    """Killed after the memory of round 3 and before its archive, a run goes on after round 2."""
    with RunFolder(tmp_path) as folder:
        file = MemoryFile(folder)
        states = [Lbfgs(np.full(4, float(number))) for number in range(3)]
        for number, lbfgs in enumerate(states):
            file.write(number + 1, lbfgs)
        for number in (2, 3):
            read = file.read(number)
            assert read is not None
            assert np.array_equal(read.point, states[number - 1].point)
        with pytest.raises(InputError, match="round 1"):
            file.read(1)


def test_the_room_that_is_asked_for_is_enough_and_not_twice_as_much(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as folder:
        MemoryFile(folder).write(1, Lbfgs(np.zeros(30_000)))
        assert 0.5 * memory_size(30_000) < 3 * (tmp_path / "memory_1.npz").stat().st_size <= memory_size(30_000)


def test_an_optimiser_at_its_end_has_no_memory(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as folder:
        MemoryFile(folder).write(4, None)
        assert MemoryFile(folder).read(4) is None


@pytest.mark.parametrize("damage", ["missing", "cut", "other"])
def test_a_damaged_memory_is_refused_in_a_sentence(damage: str, tmp_path: Path) -> None:
    with RunFolder(tmp_path) as folder:
        file = MemoryFile(folder)
        file.write(1, Lbfgs(np.zeros(50)))
        path = tmp_path / "memory_1.npz"
        if damage == "missing":
            path.unlink()
        elif damage == "cut":
            path.write_bytes(path.read_bytes()[:-300])
        else:
            path.write_bytes(b"no archive")
        with pytest.raises(InputError, match="cannot be gone on with to the bit"):
            file.read(1)

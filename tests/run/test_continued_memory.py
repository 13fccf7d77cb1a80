"""L-BFGS's memory in the archive (restart=continue): a run that is killed and resumed goes on to the bit."""

import os
import signal

import numpy as np
import pytest

from audiostyle.errors import RunError
from audiostyle.optimise import state_size
from audiostyle.run.archive import Archive, largest_size
from audiostyle.run.descent import Descent
from audiostyle.run.folder import RunFolder
from audiostyle.run.request import Interruption, Reporter
from audiostyle.settings import Settings

SHAPE = (1, 3, 4, 5)
START = np.zeros(SHAPE, "float32")
SETTINGS = Settings(iterations=7, max_evaluations=6, restart="continue")
STEEPNESS = 10 ** np.random.RandomState(0).uniform(0, 4, SHAPE)


def bowl(image):
    """A valley that takes a hundred evaluations."""
    difference = image.astype("float64") - 50
    value = float((STEEPNESS * difference**2 + 0.1 * difference**4).sum())
    return {"bowl": value}, value, 2 * STEEPNESS * difference + 0.4 * difference**3


class Deadly:
    """The bowl, whose evaluation number `last` is the process's last."""

    def __init__(self, last):
        self._left = last

    def __call__(self, image):
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return bowl(image)


def descended(path, description, objective=bowl):
    """Run a descent in a new folder, or go on with the one that is there."""
    resume = path.exists()
    with RunFolder(path, resume=resume) as folder:
        if resume:
            archive, archived = Archive.resume(folder, description)
        else:
            archive = Archive.create(folder, description, START)
            archived = archive.read(path / "run.h5")
        descent = Descent(objective, archive, archived, Reporter(), Interruption())
        descent.run(SETTINGS)
    return descent


@pytest.mark.parametrize("last", [17, 24, 37])
def test_killed_and_resumed_it_ends_as_if_nothing_had_been(last, tmp_path, in_child, description):
    whole = descended(tmp_path / "whole", description)
    assert len(whole.rounds) == 6
    path = tmp_path / "killed"
    status, said = in_child(lambda pipe: descended(path, description, Deadly(last)))
    assert status == -signal.SIGKILL, said
    assert 0 < len(Archive.read(path / "run.h5").rounds) < 6
    rest = descended(path, description)
    assert [(one.total, one.index) for one in rest.evaluations] == [(one.total, one.index) for one in whole.evaluations]
    assert rest.image.tobytes() == whole.image.tobytes()
    images = [
        [one.image.tobytes() for one in Archive.read(tmp_path / name / "run.h5").rounds] for name in ("whole", "killed")
    ]
    assert images[0] == images[1]


def test_the_archive_keeps_the_memory_of_the_last_round_and_is_no_larger_than_foretold(tmp_path, description):
    descended(tmp_path / "out", description)
    run = Archive.read(tmp_path / "out" / "run.h5")
    assert [bool(one.state) for one in run.rounds] == [False] * 5 + [True]
    size = state_size(START, SETTINGS)
    assert sum(array.nbytes for array in run.rounds[-1].state.values()) == size
    assert size < run.path.stat().st_size <= largest_size(START, SETTINGS.rounds, SETTINGS.max_evaluations, 1, size)


def test_a_memory_of_another_scipy_ends_the_run_in_a_sentence(tmp_path, in_child, description, monkeypatch):
    in_child(lambda pipe: descended(tmp_path / "out", description, Deadly(24)))
    monkeypatch.setattr("audiostyle.lbfgs.PAIRS", 7)
    with pytest.raises(RunError, match="another version of scipy"):
        descended(tmp_path / "out", description)
    assert Archive.read(tmp_path / "out" / "run.h5").rounds[-1].state

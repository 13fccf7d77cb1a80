"""Descents that go well, are interrupted, or go wrong: what is kept each time."""

import dataclasses
import signal

import numpy as np
import pytest

from audiostyle.errors import RunError
from audiostyle.optimise import descend
from audiostyle.run import descent as module
from audiostyle.run.descent import Descent
from audiostyle.run.request import Interruption, Reporter
from audiostyle.settings import Settings

SHAPE = (1, 3, 4, 5)
SETTINGS = Settings(iterations=5, max_evaluations=3)


def bowl(image):
    stretch = np.linspace(1, 50, image.size).reshape(SHAPE)
    difference = image.astype("float64") - np.arange(image.size).reshape(SHAPE)
    return (
        {"bowl": float((stretch * difference**2).sum())},
        float((stretch * difference**2).sum()),
        2 * stretch * difference,
    )


class Kept:
    """Stands for an archive: what was appended."""

    def __init__(self):
        self.rounds, self.evaluations, self.ended = [], [], False

    def append_round(self, finished, evaluations):
        assert [one.round for one in evaluations] == [finished.index] * finished.evaluations
        self.rounds.append(finished)
        self.evaluations += evaluations

    def finish(self):
        self.ended = True


class Heard(Reporter):
    def __init__(self):
        self.warnings, self.events = [], []

    def descent(self, settings, first_round, seconds_per_evaluation):
        assert seconds_per_evaluation > 0
        self.events.append(f"from {first_round}")

    def round(self, finished):
        self.events.append(finished.index)

    def descent_ended(self):
        self.events.append("end")

    def warning(self, text):
        self.warnings.append(text)


class Archived:
    """Stands for what an archive holds."""

    def __init__(self, rounds=(), evaluations=(), last_image=None):
        self.rounds, self.evaluations = tuple(rounds), tuple(evaluations)
        self.last_image = np.zeros(SHAPE, "float32") if last_image is None else last_image


def make(objective=bowl, interruption=None):
    return Descent(objective, Kept(), Archived(), Heard(), interruption or Interruption())


def test_all_rounds_are_kept_and_heard():
    descent = make()
    descent.run(SETTINGS)
    expected = list(descend(bowl, np.zeros(SHAPE, "float32"), SETTINGS))
    assert [one.index for one in descent._archive.rounds] == [1, 2, 3, 4]
    assert descent._archive.ended
    assert descent._archive.evaluations == descent.evaluations
    assert descent._reporter.events == ["from 1", 1, 2, 3, 4, "end"]
    np.testing.assert_array_equal(descent.image, expected[-1].image)


def test_it_goes_on_where_an_archive_ends():
    whole = make()
    whole.run(SETTINGS)
    half = make()
    half.run(dataclasses.replace(SETTINGS, iterations=3))
    archived = Archived(half.rounds, half.evaluations, half.image)
    rest = Descent(bowl, Kept(), archived, Heard(), Interruption())
    rest.run(SETTINGS)
    assert rest._reporter.events == ["from 3", 3, 4, "end"]
    np.testing.assert_array_equal(rest.image, whole.image)
    assert [one.total for one in rest.evaluations] == [one.total for one in whole.evaluations]


@pytest.mark.parametrize("at", [2, 9])
def test_an_interruption_keeps_finished_rounds(at):
    interruption = Interruption()
    calls = 0

    def counting(image):
        nonlocal calls
        calls += 1
        if calls == at + 2:  # two evaluations measure the time
            interruption.signal = signal.SIGINT
        return bowl(image)

    descent = make(counting, interruption)
    assert not interruption.patient
    descent.run(SETTINGS)
    assert interruption.patient
    finished = descent._archive.rounds
    assert len(finished) < 4
    assert len(descent.evaluations) == at
    assert descent._archive.ended
    assert descent._reporter.events[-1] == "end"
    if finished:
        np.testing.assert_array_equal(descent.image, finished[-1].image)
    else:  # what there is: the last point that was evaluated
        assert np.ptp(descent.image) > 0


def test_a_loss_that_is_not_a_number_keeps_the_last_good_image():
    calls = 0

    def breaking(image):
        nonlocal calls
        calls += 1
        parts, total, gradient = bowl(image)
        return (parts, np.nan, gradient) if calls == 10 else (parts, total, gradient)

    descent = make(breaking)
    with pytest.raises(RunError, match=r"round \d, evaluation \d"):
        descent.run(SETTINGS)
    np.testing.assert_array_equal(descent.image, descent._archive.rounds[-1].image)
    assert np.isfinite(descent.image).all()


def faked(monkeypatch, **changes):
    def rounds(*arguments):
        for finished in descend(*arguments):
            yield dataclasses.replace(finished, **changes) if finished.index == 2 else finished

    monkeypatch.setattr(module, "descend", rounds)


def test_a_constant_image_stops_the_descent(monkeypatch):
    faked(monkeypatch, image=np.full(SHAPE, 7, "float32"))
    descent = make()
    with pytest.raises(RunError, match=r"round 2.*every pixel of the image is 7"):
        descent.run(SETTINGS)
    np.testing.assert_array_equal(descent.image, descent._archive.rounds[0].image)


def test_an_abnormal_line_search_is_told_and_gone_over(monkeypatch):
    """As in the authors' code; only one that moved nowhere ends the descent."""
    faked(monkeypatch, warnflag=2, message="ABNORMAL_TERMINATION_IN_LNSRCH")
    descent = make()
    descent.run(SETTINGS)
    assert len(descent.rounds) == 4
    (warning,) = descent._reporter.warnings
    assert "round 2, evaluation" in warning
    assert "ABNORMAL_TERMINATION_IN_LNSRCH" in warning
    faked(monkeypatch, warnflag=2, nit=0, message="ABNORMAL_TERMINATION_IN_LNSRCH")
    stuck = make()
    with pytest.raises(RunError, match="round 2, evaluation"):
        stuck.run(SETTINGS)
    np.testing.assert_array_equal(stuck.image, stuck._archive.rounds[0].image)

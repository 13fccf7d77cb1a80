"""What makes each experiment, and that finished ones are known, others refused, interrupted ones resumed."""

import dataclasses
import json
import os
import shutil
import signal

import numpy as np
import pytest

from audiostyle.demo.clips import write_clips
from audiostyle.errors import InputError
from audiostyle.run.request import Interruption
from audiostyle.settings import Settings, preset
from audiostyle.study.reproduce.experiments import EXPERIMENTS, finished_run


def test_the_papers_four():
    made = {name: one.settings(Settings()) for name, one in EXPERIMENTS.items()}
    assert list(made) == ["3a", "3b", "3c", "3d"]
    assert [one.representation for one in made.values()] == ["spectrogram", "mel", "mel", "mel"]
    assert [(one.rowac, one.colac) for one in made.values()] == [
        (False, False),
        (False, False),
        (True, False),
        (True, True),
    ]
    assert [one.rounds for one in made.values()] == [24, 39, 39, 39]  # D5
    paper = {name: one.settings(preset("paper")) for name, one in EXPERIMENTS.items()}
    assert [one.representation for one in paper.values()] == ["spectrogram", "mfcc", "mfcc", "mfcc"]
    assert [one.rounds for one in paper.values()] == [25, 40, 40, 40]


def test_finished_ones_are_known(plan, reproduced):
    assert [name for name in EXPERIMENTS if finished_run(plan, name)] == ["3a", "3b", "3d"]
    record = json.loads((reproduced / "3b" / "run.json").read_text())
    assert record["command_line"] == ["audiostyle", "reproduce"]


@pytest.mark.parametrize(
    ("changes", "settings", "said"),
    [
        ({}, {"seed": 3}, "seed 0"),
        ({}, {"iterations": 2}, "iterations 3"),
        ({"weights": "FILE"}, {}, "other weights"),
        ({"content": "FILE"}, {}, "another content clip"),
    ],
)
def test_a_run_of_something_else_is_refused(plan, reproduced, tmp_path, changes, settings, said):
    other, _ = write_clips(tmp_path, 1.5)
    changes = {name: str(other) for name in changes}
    asked = dataclasses.replace(plan, settings=dataclasses.replace(plan.settings, **settings), **changes)
    with pytest.raises(InputError, match=said):
        finished_run(asked, "3b")


def test_more_iterations_make_it_unfinished(plan, reproduced):
    longer = dataclasses.replace(plan, settings=dataclasses.replace(plan.settings, iterations=4))
    assert finished_run(longer, "3b") is None


def test_a_record_that_is_not_one_is_a_sentence(plan, reproduced, tmp_path):
    shutil.copytree(reproduced / "3b", tmp_path / "3b")
    copied = dataclasses.replace(plan, folder=str(tmp_path))
    assert finished_run(copied, "3b") is not None
    (tmp_path / "3b" / "run.json").write_text("{}")
    with pytest.raises(InputError, match="resume the run, which writes it again"):
        finished_run(copied, "3b")
    os.unlink(tmp_path / "3b" / "run.json")
    assert finished_run(copied, "3b") is None


def test_interrupted_and_gone_on_with(plan, reproduced, run_one, tmp_path):
    class AtTheFifth(Interruption):
        """Wants to stop at the fifth question."""

        asked = 0

        @property
        def signal(self):
            self.asked += 1
            return signal.SIGINT if self.asked > 4 else 0

        @signal.setter
        def signal(self, value):
            pass

    fresh = dataclasses.replace(plan, folder=str(tmp_path))
    outcome = run_one("3b", of=fresh, interruption=AtTheFifth())
    assert outcome.signal == signal.SIGINT
    assert outcome.rounds < plan.settings.rounds
    assert finished_run(fresh, "3b") is None
    outcome = run_one("3b", of=fresh)
    assert outcome.rounds == plan.settings.rounds
    whole, resumed = finished_run(plan, "3b"), finished_run(fresh, "3b")
    np.testing.assert_array_equal(resumed.last_image, whole.last_image)

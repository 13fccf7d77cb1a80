"""A whole reproduction of one second in seconds: everything is real but the network, which is a bowl."""

import functools
from pathlib import Path

import numpy as np
import pytest

from audiostyle.demo.clips import write_clips
from audiostyle.run import job
from audiostyle.run.request import Interruption, Reporter
from audiostyle.settings import STYLE_LAYERS, Settings
from audiostyle.study.reproduce.experiments import Plan, run_experiment
from audiostyle.study.reproduce.write_up import write_reproduction

SHORT = Settings(duration=1.2, iterations=3, max_evaluations=2)


class Bowl:
    """Loss that is lowest at the style; its parts have the names that the real ones have."""

    def __init__(self, content, style, weights, settings):
        self._style = style.astype(np.float64)
        self._parts = ["content", "style_conv1_1", *(["row_autocorrelation"] if settings.rowac else [])]

    def __call__(self, image):
        difference = image.astype(np.float64) - self._style
        part = float((difference**2).sum()) / len(self._parts)
        return dict.fromkeys(self._parts, part), part * len(self._parts), 2 * difference

    def features(self, image, names):
        return {name: np.asarray(image)[:, :, ::4, ::4] for name in STYLE_LAYERS}

    def each_feature(self, image, names):
        return self.features(image, names).items()


@pytest.fixture(scope="session")
def plan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reproduction")
    content, style = write_clips(folder / "clips", 2.0)
    return Plan(str(content), str(style), "random", str(folder / "out <b>&amp"), SHORT, ("audiostyle", "reproduce"))


@pytest.fixture(scope="session")
def run_one(plan):
    """Runs an experiment of a plan with the bowl for its network."""
    weights = job.load_weights("random")

    def run(name, of=plan, interruption=None, build=Bowl):
        before, job.load_weights = job.load_weights, lambda *_: weights
        try:
            return run_experiment(of, name, Reporter(), interruption or Interruption(), build)
        finally:
            job.load_weights = before

    return run


@pytest.fixture(scope="session")
def reproduced(plan, run_one):
    """The folder of a reproduction in which 3c was left out."""
    for name in ("3a", "3b", "3d"):
        run_one(name)
    heard = []
    page = write_reproduction(plan, ["3a", "3b", "3d"], heard.append)
    assert len(heard) > 5
    return Path(page).parent


@pytest.fixture
def again(plan):
    """Writes everything but the experiments again."""
    return functools.partial(write_reproduction, plan)

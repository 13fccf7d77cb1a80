"""The optimiser that can be put down, against scipy's own to the bit, and against itself after a kill."""

import io
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy.optimize import fmin_l_bfgs_b

from audiostyle.errors import RunError
from audiostyle.lbfgs import Lbfgs

ROOT = Path(__file__).resolve().parents[1]


def bowl(seed=0, size=40, spread=4.0):
    """A stretched, slightly bent bowl: value and gradient, and where to begin."""
    random = np.random.RandomState(seed)
    steepness, centre = 10 ** random.uniform(0, spread, size), random.standard_normal(size)

    def function(x):
        d = x - centre
        return float((steepness * d**2 + 0.1 * d**4).sum()), 2 * steepness * d + 0.4 * d**3

    return function, random.standard_normal(size) * 10


def rosenbrock(seed=0, size=12):
    def function(x):
        a, b = x[1:] - x[:-1] ** 2, 1 - x[:-1]
        gradient = np.zeros_like(x)
        gradient[1:] += 200 * a
        gradient[:-1] += -400 * a * x[:-1] - 2 * b
        return float((100 * a**2 + b**2).sum()), gradient

    return function, np.random.RandomState(seed).uniform(-2, 2, size)


def misleading(seed=0, size=12):
    """A slope that is not the value's, so that line searches fail and the memory is thrown away."""

    def function(x):
        return float((x**2).sum()), 2 * x + 3 * np.cos(40 * x)

    return function, np.random.RandomState(seed).uniform(-2, 2, size)


def rounded(seed=0, size=40):
    """Value and gradient in float32, as the network has them."""
    function, start = bowl(seed, size)

    def coarse(x):
        value, gradient = function(x.astype("float32").astype("float64"))
        return float(np.float32(value)), gradient.astype("float32").astype("float64")

    return coarse, start


FUNCTIONS = [bowl, rosenbrock, misleading, rounded]


def visited(function, lbfgs, most=10**6, put_down=lambda lbfgs, event: lbfgs):
    """Drive to the end, or to the step after `most` evaluations: points, last event, number of steps."""
    points, steps = [], 0
    while (event := lbfgs.advance()) in ("evaluate", "step"):
        if event == "evaluate":
            points.append(lbfgs.point.tobytes())
            lbfgs.tell(*function(lbfgs.point.copy()))
        else:
            steps += 1
            if len(points) > most:
                break
        lbfgs = put_down(lbfgs, event)
    return points, event, steps, lbfgs


@pytest.mark.parametrize("make", FUNCTIONS)
@pytest.mark.parametrize("most", [1, 7, 40, 10**4])
def test_visits_what_scipy_visits(make, most):
    for seed in range(5):
        function, start = make(seed)
        expected = []

        def recording(x, function=function, expected=expected):
            expected.append(x.tobytes())
            return function(x)

        before = start.copy()
        best, value, information = fmin_l_bfgs_b(recording, start, maxfun=most)
        points, event, steps, lbfgs = visited(function, Lbfgs(start), most)
        assert points == expected
        assert steps == information["nit"]
        assert lbfgs.point.tobytes() == best.tobytes()
        task = information["task"]
        said = (task if isinstance(task, str) else task.decode()).upper()
        assert event == {"CONV": "converged", "STOP": "step", "ABNO": "abnormal"}[said[:4]]
        if event != "abnormal":  # then scipy gives the last value it heard, which is not that of its point
            assert lbfgs.state["f"] == value
        if event == "converged":
            assert lbfgs.message.split(": ")[1].upper() == said.split(": ")[1]
        assert np.array_equal(start, before)


@given(make=st.sampled_from(FUNCTIONS), seed=st.integers(0, 1000), data=st.data())
@hypothesis_settings(deadline=None, max_examples=60)
def test_put_down_anywhere_and_taken_up_it_goes_on_to_the_bit(make, seed, data):
    function, start = make(seed)
    expected = visited(function, Lbfgs(start), 120)[:3]
    places = data.draw(st.sets(st.integers(0, 200), max_size=8))
    done = 0

    def through_a_file(lbfgs, event):
        nonlocal done
        done += 1
        if done not in places:
            return lbfgs
        file = io.BytesIO()
        np.savez(file, **lbfgs.state)
        for array in lbfgs.state.values():
            array[...] = 0  # whoever holds the old arrays cannot help the new one
        file.seek(0)
        return Lbfgs.resumed(dict(np.load(file)))

    assert visited(function, Lbfgs(start), 120, through_a_file)[:3] == expected


def test_killed_and_taken_up_it_goes_on_to_the_bit(tmp_path):
    script = (
        "import sys, os, signal; sys.path[:0] = [sys.argv[1], sys.argv[1] + '/tests']\n"
        "import numpy as np; from audiostyle.lbfgs import Lbfgs; from test_lbfgs import bowl, visited\n"
        "function, start = bowl(3); count = 0\n"
        "def keep(lbfgs, event):\n"
        "    global count; count += 1\n"
        "    if event == 'step': np.savez('part.npz', **lbfgs.state); os.replace('part.npz', 'state.npz')\n"
        "    if count == 37: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return lbfgs\n"
        "visited(function, Lbfgs(start), 120, keep)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(ROOT)], cwd=tmp_path, check=False)
    assert done.returncode == -signal.SIGKILL
    function, start = bowl(3)
    expected = visited(function, Lbfgs(start), 120)[0]
    points = visited(function, Lbfgs.resumed(dict(np.load(tmp_path / "state.npz"))), 100)[0]
    assert 20 < len(points) < len(expected)
    assert points[:60] == expected[-len(expected) + expected.index(points[0]) :][: len(points[:60])]


def test_with_its_memory_kept_it_comes_further():
    function, start = bowl(1, spread=5.0)
    kept = Lbfgs(start)
    visited(function, kept, 120)
    point = start
    for _ in range(12):
        afresh = Lbfgs(point)
        visited(function, afresh, 10)
        point = afresh.point
    assert kept.state["f"] < 0.1 * afresh.state["f"]


@pytest.mark.parametrize("wrong", ["missing", "shape", "type"])
def test_a_state_of_another_scipy_is_refused(wrong):
    state = dict(Lbfgs(np.zeros(5)).state)
    if wrong == "missing":
        del state["wa"]
    elif wrong == "shape":
        state["wa"] = state["wa"][:-1]
    else:
        state["task"] = np.zeros(3)
    with pytest.raises(RunError, match="another version of scipy"):
        Lbfgs.resumed(state)

"""Rounds of L-BFGS on a function whose minimum is known, and what happens when numbers go wrong."""

import numpy as np
import pytest

from audiostyle.errors import RunError
from audiostyle.optimise import descend, run_round, state_size
from audiostyle.settings import Settings

SHAPE = (1, 3, 4, 5)


@pytest.fixture
def target():
    return np.random.RandomState(0).uniform(-100, 100, SHAPE).astype("float32")


@pytest.fixture
def objective(target):
    """A stretched bowl around `target`, in two parts."""
    stretch = np.linspace(1, 50, target.size).reshape(SHAPE)

    def evaluate(image):
        assert image.dtype == np.float32
        difference = image.astype("float64") - target
        parts = {"bowl": float((stretch * difference**2).sum()), "quartic": float((difference**4).sum())}
        return parts, sum(parts.values()), 2 * stretch * difference + 4 * difference**3

    return evaluate


def start():
    return np.zeros(SHAPE, dtype="float32")


def test_descends_to_the_minimum(objective, target):
    rounds = list(descend(objective, start(), Settings(iterations=6)))
    assert [finished.index for finished in rounds] == [1, 2, 3, 4, 5]  # D5: one less than asked
    np.testing.assert_allclose(rounds[-1].image, target, atol=0.05)
    assert rounds[-1].total < 1e-4 * rounds[0].total or rounds[-1].total < 1e-2


def test_every_evaluation_is_reported(objective):
    seen = []
    (finished,) = descend(objective, start(), Settings(iterations=2, max_evaluations=5), seen.append)
    assert [record.index for record in seen] == list(range(1, finished.evaluations + 1))
    assert 5 <= finished.evaluations <= 5 + 20
    assert all(record.round == 1 and record.total == sum(record.parts.values()) for record in seen)
    assert "EVALUATIONS EXCEEDS LIMIT" in finished.message
    assert finished.warnflag == 1


def test_a_round_starts_where_the_last_was_evaluated(objective):
    """T16: not at the best point, and rounded to float32."""
    points = []

    def recording(image):
        points.append(image.copy())
        return objective(image)

    settings = Settings(iterations=3, max_evaluations=5)
    counts = [finished.evaluations for finished in descend(recording, start(), settings)]
    np.testing.assert_array_equal(points[counts[0]], points[counts[0] - 1])


def test_restart_best_takes_the_lowest_point(objective):
    totals = []

    def jumpy(image):
        parts, total, gradient = objective(image)
        totals.append(total)
        return parts, total, gradient

    best = run_round(jumpy, start(), Settings(max_evaluations=3, restart="best"))
    assert best.total == min(totals)


def test_resumed_rounds_are_bit_identical(objective):
    settings = Settings(iterations=6, max_evaluations=7)
    whole = list(descend(objective, start(), settings))
    again = list(descend(objective, whole[1].image, settings, first_round=3))
    assert [finished.index for finished in again] == [3, 4, 5]
    for one, other in zip(whole[2:], again, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        assert one.total == other.total


@pytest.mark.parametrize("bad", ["loss", "gradient"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_go_wrong_name_the_evaluation(objective, bad, value):
    calls = 0

    def broken(image):
        nonlocal calls
        calls += 1
        parts, total, gradient = objective(image)
        if calls == 4:
            if bad == "loss":
                parts["quartic"] = total = value
            else:
                gradient.flat[3] = value
        return parts, total, gradient

    with pytest.raises(RunError, match="round 1, evaluation 4") as caught:
        run_round(broken, start(), Settings())
    assert ("quartic" if bad == "loss" else "gradient") in str(caught.value)


def test_what_the_callback_raises_ends_the_transfer(objective):
    def stop(evaluation):
        if evaluation.index == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(descend(objective, start(), Settings(), stop))


def test_with_the_memory_kept_rounds_are_one_long_run(objective):
    """The points are those of one scipy run, however often it is cut; only that much the released rounds lose."""
    import scipy.optimize

    seen, expected = [], []
    settings = Settings(iterations=9, max_evaluations=3, restart="continue")
    rounds = list(descend(objective, start(), settings, lambda one: seen.append(one.total)))
    assert [finished.index for finished in rounds] == list(range(1, 9))

    def evaluate(point):
        _, total, gradient = objective(point.reshape(SHAPE).astype("float32"))
        expected.append(total)
        return total, gradient.ravel().astype("float64")

    scipy.optimize.fmin_l_bfgs_b(evaluate, start().ravel().astype("float64"))
    assert len(seen) > 20
    assert seen == expected[: len(seen)]
    afresh = list(descend(objective, start(), Settings(iterations=9, max_evaluations=3)))
    assert rounds[-1].total < afresh[-1].total


def test_with_its_state_a_descent_goes_on_to_the_bit(objective):
    settings = Settings(iterations=7, max_evaluations=3, restart="continue")
    whole = list(descend(objective, start(), settings))
    kept = {name: array.copy() for name, array in whole[2].state.items()}
    again = list(descend(objective, whole[2].image, settings, first_round=4, state=kept))
    assert [one.image.tobytes() for one in again] == [one.image.tobytes() for one in whole[3:]]
    for name, array in whole[2].state.items():
        assert np.array_equal(array, kept[name]), "the rounds after it have changed it"
    assert sum(array.nbytes for array in kept.values()) == state_size(start(), settings)
    assert state_size(start(), Settings()) == 0


def test_an_optimiser_at_its_end_is_followed_by_a_new_one(objective):
    settings = Settings(iterations=3, max_evaluations=1000, restart="continue")
    first, second = descend(objective, start(), settings)
    assert first.warnflag == 0
    assert first.state == {}
    assert second.total <= first.total * (1 + 1e-6)

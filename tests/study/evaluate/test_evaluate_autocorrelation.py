from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiostyle.study.evaluate import figure4 as ac
from audiostyle.study.evaluate.sounds import Sound

Build = Callable[..., Sound]


def naive_curve(lines):
    """Figure 4's curve of the lines of a matrix by its definition, lag by lag."""
    n = lines.shape[1]
    curves = []
    for line in lines:
        r = np.array([sum(line[i] * line[i + lag] for i in range(n - lag)) for lag in range(n)])
        curves.append(r[1:] - r[:-1])
    return np.mean(curves, axis=0)


def test_every_number_against_loops(sound):
    rng = np.random.RandomState(3)
    output, content, style = (rng.uniform(-4, 0, (14, 90)) for _ in range(3))
    scores = ac.evaluate(sound(mel=output), sound(mel=content), sound(mel=style))
    for name, turn in (("row", False), ("column", True)):
        curve, of_content, of_style = (naive_curve(m.T if turn else m) for m in (output, content, style))
        first = len(curve) // 40 + 1
        curve, of_content, of_style = curve[first:], of_content[first:], of_style[first:]
        for other, reference in (("style", of_style), ("content", of_content)):
            error = np.sqrt(np.mean((curve - reference) ** 2)) / np.std(reference)
            assert scores[f"{name}_ac_r_{other}"] == pytest.approx(np.corrcoef(curve, reference)[0, 1], abs=1e-9)
            assert scores[f"{name}_ac_nrmse_{other}"] == pytest.approx(error, abs=1e-9)
        size = np.linalg.norm(curve) / np.linalg.norm(of_style)
        assert scores[f"{name}_ac_amplitude_ratio"] == pytest.approx(size, abs=1e-9)
        assert scores[f"{name}_ac_swing_ratio"] == pytest.approx(curve.std() / of_style.std(), abs=1e-9)


def test_identical_pictures_match_perfectly(sound):
    it = sound()
    scores = ac.evaluate(it, it, it)
    for name in ("row", "column"):
        assert scores[f"{name}_ac_r_style"] == pytest.approx(1)
        assert scores[f"{name}_ac_nrmse_content"] == pytest.approx(0, abs=1e-12)
        assert scores[f"{name}_ac_amplitude_ratio"] == scores[f"{name}_ac_swing_ratio"] == 1


def test_a_fainter_picture_has_the_same_shape_and_a_smaller_amplitude(sound):
    style = sound()
    scores = ac.evaluate(sound(mel=0.5 * style.mel), style, style)
    assert scores["row_ac_r_style"] == pytest.approx(1)
    assert scores["row_ac_amplitude_ratio"] == pytest.approx(0.25)
    assert scores["row_ac_swing_ratio"] == pytest.approx(0.25)
    assert scores["row_ac_nrmse_style"] > 0.5


def test_another_level_moves_the_amplitude_but_not_the_swing():
    swing = np.sin(np.arange(400.0) / 5)
    assert ac.amplitude_ratio(swing - 10, swing) > 10
    assert ac.swing_ratio(swing - 10, swing) == pytest.approx(1)
    assert ac.correlation(swing - 10, swing) == pytest.approx(1)


@pytest.mark.parametrize("length", [40, 95, 853])
def test_the_first_lags_are_left_out_and_no_more(length):
    rng = np.random.RandomState(length)
    curve, reference = rng.standard_normal((2, length))
    first = length // 40 + 1
    assert ac.left_out(curve) == first
    changed = curve.copy()
    changed[:first] = 1e6
    for metric in (ac.correlation, ac.normalised_error, ac.amplitude_ratio, ac.swing_ratio):
        assert metric(changed, reference) == metric(curve, reference)
    assert ac.repeating_lag(np.concatenate([np.full(first, 1e6), curve[first:]])) == ac.repeating_lag(curve)
    changed = curve.copy()
    changed[first] += 1
    assert ac.correlation(changed, reference) != ac.correlation(curve, reference)


@pytest.mark.parametrize("period", [34.0, 42.5, 85.1])
def test_the_lag_of_a_beat_is_found_to_a_fraction_of_a_column(sound, period):
    # The paper's clips: 152.08 and 121.47 beats a minute are 34.0 and 42.5 columns.
    beat = np.cos(2 * np.pi * np.arange(854) / period) ** 15
    mel = np.clip(-2 + np.outer(np.linspace(0.5, 1, 24), beat), -4, 0)
    mel += 0.05 * np.random.RandomState(0).standard_normal(mel.shape)
    it = sound(mel=mel)
    scores = ac.evaluate(it, it, it)
    assert scores["row_ac_lag_columns"] == pytest.approx(period, abs=0.3)
    assert scores["row_ac_lag_seconds"] == pytest.approx(period * 256 / 22050, abs=0.004)
    assert scores["row_ac_lag_strength"] > 0.8


def test_a_slope_does_not_hide_the_period():
    lags = np.arange(853.0)
    lag, strength = ac.repeating_lag(np.sin(2 * np.pi * lags / 40) + 0.1 * lags)
    assert lag == pytest.approx(40, abs=0.3)
    assert strength > 0.9


def test_a_period_among_the_lags_left_out_is_not_the_beat():
    # Its multiples are.
    lag, _ = ac.repeating_lag(np.sin(2 * np.pi * np.arange(853) / 10))
    assert lag == pytest.approx(30, abs=0.3)


def test_noise_repeats_weakly():
    assert ac.repeating_lag(np.random.RandomState(0).standard_normal(853))[1] < 0.3


def test_a_straight_line_does_not_repeat():
    lag, strength = ac.repeating_lag(np.linspace(-5, -1, 300))
    assert np.isnan(lag)
    assert strength == 0


@settings(max_examples=20)
@given(st.randoms(use_true_random=False))
def test_order_of_rows_direction_of_time_and_sign_play_no_part_for_rows(sound, random):
    rng = np.random.RandomState(random.randrange(2**31))
    mel = rng.uniform(-4, 0, (10, 60))
    style = sound(mel=rng.uniform(-4, 0, (10, 60)))
    expected = ac.evaluate(sound(mel=mel), style, style)
    for other in (mel[rng.permutation(10)], mel[:, ::-1], -mel):
        scores = ac.evaluate(sound(mel=other), style, style)
        for name in (n for n in scores if n.startswith("row")):
            assert scores[name] == pytest.approx(expected[name], abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(("a", "b"), [((50,), (51,)), ((5, 10), (5, 10)), ((3,), (3,))])
def test_curves_that_cannot_be_compared_are_refused(a, b):
    with pytest.raises(ValueError, match="curve"):
        ac.correlation(np.zeros(a), np.zeros(b))

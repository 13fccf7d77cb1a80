from collections.abc import Callable

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from audiostyle.study.evaluate import timbre
from audiostyle.study.evaluate.sounds import Sound

Build = Callable[..., Sound]


def test_frechet_distance_against_the_matrix_square_root():
    rng = np.random.RandomState(0)
    a = rng.standard_normal((5, 5)) @ rng.standard_normal((5, 60)) + 1
    b = rng.standard_normal((5, 5)) @ rng.standard_normal((5, 80))
    gap = a.mean(axis=1) - b.mean(axis=1)
    c1, c2 = np.cov(a), np.cov(b)
    expected = gap @ gap + np.trace(c1 + c2 - 2 * scipy.linalg.sqrtm(c1 @ c2).real)
    assert timbre.frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_of_one_feature_is_that_of_means_and_deviations():
    a, b = np.array([[1.0, 3.0]]), np.array([[10.0, 20.0]])
    deviations = np.sqrt(2), np.sqrt(50)
    assert timbre.frechet_distance(a, b) == pytest.approx(13**2 + (deviations[1] - deviations[0]) ** 2)


@settings(max_examples=30)
@given(st.integers(0, 2**31 - 1))
def test_frechet_distance_is_a_distance_that_is_blind_to_order(seed):
    rng = np.random.RandomState(seed)
    a, b = rng.standard_normal((4, 30)), 2 * rng.standard_normal((4, 40)) + 1
    shift = rng.standard_normal((4, 1))
    assert timbre.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert timbre.frechet_distance(a, b) == pytest.approx(timbre.frechet_distance(b, a), rel=1e-9)
    assert timbre.frechet_distance(a[:, rng.permutation(30)], b) == pytest.approx(timbre.frechet_distance(a, b))
    assert timbre.frechet_distance(a, a + shift) == pytest.approx(np.sum(shift**2), abs=1e-9)


def test_features_that_do_not_vary_have_a_distance_too():
    assert timbre.frechet_distance(np.zeros((3, 5)), np.ones((3, 5))) == pytest.approx(3)


def test_the_duller_sound_is_nearer_to_the_dull_one(sound):
    noise = np.random.RandomState(0).standard_normal(22050)
    dull, duller, bright = (sound(scipy.signal.lfilter([1 - pole], [1, -pole], noise)) for pole in (0.9, 0.93, 0.0))
    scores = timbre.evaluate(dull, bright, duller)
    assert scores["mfcc_frechet_style"] < 0.2 * scores["mfcc_frechet_content"]


@pytest.mark.parametrize("gain", [1e-9, 100.0])
def test_loudness_plays_no_part(sound, gain):
    samples = np.random.RandomState(0).standard_normal(22050)
    np.testing.assert_allclose(timbre.mfcc_frames(sound(gain * samples)), timbre.mfcc_frames(sound(samples)), atol=1e-6)
    assert timbre.mfcc_frames(sound(samples)).shape[0] == 12


@pytest.mark.parametrize(("a", "b"), [((3, 5), (4, 5)), ((3,), (3,)), ((3, 1), (3, 5))])
def test_frames_that_cannot_be_compared_are_refused(a, b):
    with pytest.raises(ValueError, match=r"needed|needs"):
        timbre.frechet_distance(np.zeros(a), np.zeros(b))

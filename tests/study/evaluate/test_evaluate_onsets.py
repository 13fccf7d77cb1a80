"""Onsets and beats of sounds whose onsets are known."""

from collections.abc import Callable

import numpy as np
import pytest

from audiostyle.settings import Settings
from audiostyle.study.evaluate import onsets
from audiostyle.study.evaluate.sounds import Sound, measure

Build = Callable[..., Sound]
Clicks = Callable[..., np.ndarray]


def test_clicks_are_found_where_they_are(sound, clicks):
    found = onsets.onset_times(sound(clicks(120.0, 4.0)))
    np.testing.assert_allclose(found, np.arange(0.1, 3.9, 0.5), atol=0.03)


def test_beats_are_half_a_second_apart(sound, clicks):
    beats = onsets.beat_times(sound(clicks(120.0, 8.0)))
    assert len(beats) > 10
    np.testing.assert_allclose(np.diff(beats), 0.5, atol=0.03)


def test_silence_has_no_beat(sound):
    assert len(onsets.beat_times(sound(np.zeros(44100)))) == 0


def test_f_measure_of_known_times():
    reference = np.array([1.0, 2.0, 3.0, 4.0])
    assert onsets.f_measure(reference, reference, 0.05) == 1
    # Two of three hit, and two of four are found: precision 2/3, recall 1/2.
    assert onsets.f_measure(np.array([1.04, 2.5, 2.96]), reference, 0.05) == pytest.approx(4 / 7)
    assert onsets.f_measure(np.array([1.06]), reference, 0.05) == 0
    # One time hits one only.
    assert onsets.f_measure(np.array([1.0, 1.01]), np.array([1.0]), 0.05) == pytest.approx(2 / 3)
    assert onsets.f_measure(np.empty(0), reference, 0.05) == 0
    assert np.isnan(onsets.f_measure(reference, np.empty(0), 0.05))


def test_chance_against_a_loop_and_what_it_should_be():
    random = np.random.RandomState(0)
    times, reference = (np.sort(random.uniform(0, 10, 20)) for _ in range(2))
    turned = [np.sort((times + turn) % 10) for turn in np.arange(10, 91) / 10]
    expected = np.mean([onsets.f_measure(one, reference, 0.05) for one in turned])
    assert onsets.chance(times, reference, 0.05, 10.0) == pytest.approx(expected, abs=0.005)
    # An onset meets one of 20 windows of 0.1 s in 10 s by chance.
    assert onsets.chance(times, reference, 0.05, 10.0) == pytest.approx(0.18, abs=0.05)
    assert np.isnan(onsets.chance(times, reference, 0.05, 1.5))


def test_inter_onset_divergence():
    even, other = np.arange(0, 10, 0.52), np.arange(0, 10, 0.27)
    assert onsets.inter_onset_divergence(even, even) == 0
    # Not by when, only by how far apart.
    assert onsets.inter_onset_divergence(even + 0.2, even) == pytest.approx(0)
    assert onsets.inter_onset_divergence(other, even) > 2
    mixed = np.cumsum([0.52, 0.27] * 15)
    assert 0.2 < onsets.inter_onset_divergence(mixed, even) < onsets.inter_onset_divergence(other, even)
    assert np.isnan(onsets.inter_onset_divergence(even[:1], even))


def test_the_divergence_of_two_intervals_by_hand():
    # One interval of 0.52 s against one of 0.27 s; 40 bins share one more.
    high, low = (1 + 1 / 40) / 2, 1 / 80
    expected = high * np.log(high / low) + low * np.log(low / high)
    assert onsets.inter_onset_divergence(np.array([0, 0.52]), np.array([0, 0.27])) == pytest.approx(expected)


def test_an_output_with_the_styles_beat(clicks):
    settings = Settings(duration=8.0)
    content, style = (measure(clicks(bpm, 8.0), settings) for bpm in (97.0, 150.0))
    scores = onsets.evaluate(style, content, style)
    assert scores["onset_f_style"] == scores["beat_f_style"] == 1
    assert scores["inter_onset_divergence_style"] == 0
    assert scores["onset_f_content"] < 0.5
    assert scores["onset_f_style_chance"] < 0.7
    assert abs(scores["onset_f_content"] - scores["onset_f_content_chance"]) < 0.3
    assert scores["inter_onset_divergence_content"] > 1


@pytest.mark.parametrize("wrong", [np.ones((2, 2)), np.array([2.0, 1.0]), np.array([np.nan]), np.array([-1.0])])
def test_times_that_are_none(wrong):
    with pytest.raises(ValueError, match="Times are finite"):
        onsets.f_measure(wrong, np.array([1.0]), 0.05)

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiostyle.study.evaluate import rhythm
from audiostyle.study.evaluate.sounds import Sound

Build = Callable[..., Sound]
COLUMN = 256 / 22050


def test_beat_spectrum_against_the_similarity_matrix():
    mel = np.random.RandomState(0).uniform(-4, 0, (7, 40))
    # A column with nothing left once the means are gone.
    mel[:, 11] = np.delete(mel, 11, axis=1).mean(axis=1)
    columns = mel - mel.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(columns, axis=0)
    similarity = np.zeros((40, 40))
    for i in range(40):
        for j in range(40):
            if lengths[i] > 1e-9 and lengths[j] > 1e-9:
                similarity[i, j] = columns[:, i] @ columns[:, j] / (lengths[i] * lengths[j])
    expected = [np.diagonal(similarity, lag).mean() for lag in range(40)]
    np.testing.assert_allclose(rhythm.beat_spectrum(mel), expected, atol=1e-12)


def test_the_beat_spectrum_peaks_at_the_beat():
    rng = np.random.RandomState(1)
    mel = np.tile(rng.uniform(-4, 0, (20, 34)), 26)[:, :854] + 0.1 * rng.standard_normal((20, 854))
    spectrum = rhythm.beat_spectrum(mel)
    assert np.argmax(spectrum[10:60]) + 10 == 34
    assert rhythm.contrast(spectrum, COLUMN) > 0.9
    assert rhythm.contrast(spectrum + 0.5, COLUMN) == pytest.approx(rhythm.contrast(spectrum, COLUMN))
    noise = rhythm.beat_spectrum(rng.standard_normal((20, 854)))
    assert rhythm.contrast(noise, COLUMN) < 0.05


@settings(max_examples=20)
@given(st.integers(0, 2**31 - 1), st.floats(-3, 3), st.floats(0.1, 10))
def test_beat_spectrum_does_not_see_order_of_rows_level_contrast_or_direction(seed, level, k):
    rng = np.random.RandomState(seed)
    mel = rng.uniform(-4, 0, (6, 50))
    expected = rhythm.beat_spectrum(mel)
    assert expected[0] == pytest.approx(1)
    for other in (mel[rng.permutation(6)], mel + level, k * mel, mel[:, ::-1], mel + rng.uniform(-3, 3, (6, 1))):
        np.testing.assert_allclose(rhythm.beat_spectrum(other), expected, atol=1e-9)


@pytest.mark.parametrize("bpm", [60.0, 76.0, 100.0, 121.47, 152.08, 180.0])
def test_the_tempo_of_clicks_is_found(sound, clicks, bpm):
    it = sound(clicks(bpm))
    scores = rhythm.evaluate(it, it, it)
    found = min((bpm, 2 * bpm, bpm / 2), key=lambda candidate: abs(scores["tempo_bpm"] - candidate))
    assert scores["tempo_bpm"] == pytest.approx(found, rel=0.01)
    assert scores["tempo_matches_style"] == scores["tempo_p_score_content"] == 1
    assert scores["tempogram_cosine_style"] == pytest.approx(1)
    assert scores["pulse_clarity"] > 0.6


def test_tempi_tell_clips_apart(sound, clicks):
    fast, slow = sound(clicks(152.08)), sound(clicks(121.47))
    scores = rhythm.evaluate(fast, slow, fast)
    assert (scores["tempo_matches_style"], scores["tempo_matches_content"]) == (1, 0)
    assert (scores["tempo_p_score_style"], scores["tempo_p_score_content"]) == (1, 0)
    assert scores["tempogram_cosine_style"] > 0.99
    assert scores["tempogram_cosine_content"] < 0.5
    assert scores["beat_spectrum_cosine_style"] == pytest.approx(1)


def test_noise_has_no_pulse(sound):
    it = sound(np.random.RandomState(5).standard_normal(220500))
    assert rhythm.evaluate(it, it, it)["pulse_clarity"] < 0.15


def test_a_steady_tone_has_no_tempo(sound):
    bpm, weight = rhythm.tempi(np.zeros(400), COLUMN)
    assert list(bpm) == [0, 0]
    assert weight == 0
    assert np.isnan(rhythm.tempo_matches(120, 0))
    assert np.isnan(rhythm.p_score((bpm, weight), np.array([60.0, 120.0])))
    assert rhythm.pulse_clarity(np.zeros(400), COLUMN) == 0


@pytest.mark.parametrize(
    ("bpm", "matches"),
    [(100, 1), (107.9, 1), (108.1, 0), (92.1, 1), (91.9, 0), (50, 1), (200, 1), (215, 1), (150, 0), (0, 0)],
)
def test_octaves_are_forgiven_and_eight_per_cent(bpm, matches):
    assert rhythm.tempo_matches(bpm, 100) == matches


def test_p_score_is_the_weight_of_the_tempi_found():
    reference = (np.array([76.0, 152.0]), 0.3)
    assert rhythm.p_score(reference, np.array([76.0, 120.0])) == pytest.approx(0.3)
    assert rhythm.p_score(reference, np.array([100.0, 160.0])) == pytest.approx(0.7)
    assert rhythm.p_score(reference, np.array([100.0, 166.0])) == 0


def test_two_tempi_differ(clicks, sound):
    bpm, weight = rhythm.tempi(rhythm.onset_envelope(sound(clicks(100))), COLUMN)
    assert bpm[0] < bpm[1]
    assert bpm[1] / bpm[0] == pytest.approx(2, rel=0.02)
    assert 0 < weight < 1


@pytest.mark.parametrize(("weak", "slower", "heavier"), [(0.3, 76, True), (1.0, 76, False)])
def test_accents_make_the_slower_of_two_tempi_the_stronger(weak, slower, heavier):
    envelope = np.zeros(860)
    envelope[::34] = np.where(np.arange(26) % 2, weak, 1.0)
    bpm, weight = rhythm.tempi(envelope, COLUMN)
    assert bpm == pytest.approx([slower, 2 * slower], rel=0.01)
    assert (weight > 0.5) == heavier
    assert rhythm.main_tempo(bpm, weight) == bpm[0 if heavier else 1]


def test_cosines_are_of_the_spectra_less_their_means():
    rng = np.random.RandomState(0)
    a, b = rng.standard_normal((2, 854))
    value = rhythm.beat_spectrum_cosine(a, b, COLUMN)
    # 0.12 s are 10 columns, 4.75 s 409.
    assert value == pytest.approx(np.corrcoef(a[10:409], b[10:409])[0, 1])
    assert rhythm.beat_spectrum_cosine(a + 5, b, COLUMN) == pytest.approx(value)


@pytest.mark.parametrize("period", [7, 250])
def test_tempi_are_between_30_and_300(period):
    # 738 and 20.7 beats a minute.
    bpm, _ = rhythm.tempi((np.arange(860) % period == 0).astype(float) + 0.1 * np.sin(np.arange(860.0)), COLUMN)
    assert all(value == 0 or 30 <= value <= 300 for value in bpm)


def test_an_echo_is_no_pulse():
    # Repeats once, after 7 columns (81 ms), which is faster than any beat.
    noise = np.random.RandomState(0).standard_normal(860)
    echo = noise + np.roll(noise, 7)
    assert rhythm.repetition(echo)[7] > 0.4
    assert rhythm.pulse_clarity(echo, COLUMN) < 0.2


def test_repetition_is_the_autocorrelation():
    envelope = np.random.RandomState(2).uniform(0, 1, 60)
    swing = envelope - envelope.mean()
    expected = [np.sum(swing[: 60 - lag] * swing[lag:]) / np.sum(swing**2) for lag in range(60)]
    np.testing.assert_allclose(rhythm.repetition(envelope), expected, atol=1e-12)


@pytest.mark.parametrize("gain", [1e-6, 0.1, 1e4])
def test_loudness_plays_no_part(sound, clicks, gain):
    samples = clicks(100, seconds=4)
    style = sound(clicks(140, seconds=4))
    expected = rhythm.evaluate(sound(samples), style, style)
    assert rhythm.evaluate(sound(gain * samples), style, style) == pytest.approx(expected, rel=1e-6)


def test_what_is_no_envelope_is_refused():
    for envelope in (np.zeros((2, 5)), np.array([]), np.array([1.0, np.nan])):
        with pytest.raises(ValueError, match="envelope"):
            rhythm.tempi(envelope, COLUMN)
    with pytest.raises(ValueError, match="column"):
        rhythm.tempi(np.ones(9), 0.0)

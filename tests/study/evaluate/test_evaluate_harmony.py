from collections.abc import Callable

import numpy as np
import pytest

from audiostyle.study.evaluate import harmony
from audiostyle.study.evaluate.sounds import Sound

Build = Callable[..., Sound]
TIME = np.arange(2 * 22050) / 22050


def tones(*hertz):
    """Tones one after the other, of equal length."""
    return np.concatenate(
        [np.sin(2 * np.pi * h * part) for h, part in zip(hertz, np.split(TIME, len(hertz)), strict=True)]
    )


@pytest.mark.parametrize(("hertz", "pitch_class"), [(440.0, 9), (880.0, 9), (523.25, 0), (370.0, 6)])
def test_a_tone_is_its_pitch_class(sound, hertz, pitch_class):
    chroma = harmony.chromagram(sound(tones(hertz)))
    assert chroma.shape[0] == 12
    assert (chroma.argmax(axis=0) == pitch_class).all()
    np.testing.assert_allclose(chroma.sum(axis=0), 1, atol=1e-6)


def test_an_octave_is_the_same_and_a_tritone_is_not(sound):
    scores = harmony.evaluate(sound(tones(880.0)), sound(tones(440.0)), sound(tones(622.25)))
    assert scores["chroma_cosine_content"] > 0.98
    assert scores["chroma_cosine_style"] < 0.1


def test_the_same_notes_in_another_order_change_differently(sound):
    it = sound(tones(440.0, 523.25, 440.0, 659.25))
    scores = harmony.evaluate(it, it, sound(tones(523.25, 440.0, 659.25, 440.0)))
    assert scores["chroma_cosine_content"] == pytest.approx(1)
    assert scores["chroma_change_cosine_content"] == pytest.approx(1)
    assert scores["chroma_change_cosine_style"] < 0


def test_chroma_cosine_against_loops():
    rng = np.random.RandomState(0)
    a, b = rng.uniform(0, 1, (2, 12, 9))
    a[:, 4] = 0
    expected = np.mean(
        [a[:, j] @ b[:, j] / np.linalg.norm(a[:, j]) / np.linalg.norm(b[:, j]) for j in range(9) if j != 4]
    )
    assert harmony.chroma_cosine(a, b) == pytest.approx(expected)
    assert harmony.chroma_cosine(3 * a, 0.2 * b) == pytest.approx(expected)
    assert harmony.chroma_cosine(np.roll(a, 5, axis=0), np.roll(b, 5, axis=0)) == pytest.approx(expected)
    assert np.isnan(harmony.chroma_cosine(np.zeros((12, 9)), b))


@pytest.mark.parametrize("gain", [1e-6, 1e3])
def test_loudness_plays_no_part(sound, gain):
    samples = tones(440.0, 330.0)
    np.testing.assert_allclose(harmony.chromagram(sound(gain * samples)), harmony.chromagram(sound(samples)), atol=1e-6)


@pytest.mark.parametrize(("a", "b"), [((12, 5), (12, 6)), ((11, 5), (11, 5)), ((12,), (12,))])
def test_what_is_no_chromagram_is_refused(a, b):
    with pytest.raises(ValueError, match="chromagrams"):
        harmony.chroma_cosine(np.zeros(a), np.zeros(b))


NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


@pytest.mark.parametrize(("one", "other", "steps"), [
    ("C", "C", 0), ("C", "G", 1), ("C", "F", 1), ("C", "D", 2), ("C", "E", 4), ("C", "F#", 6), ("C", "A#", 2),
    ("C", "Am", 0), ("C", "Cm", 3), ("Em", "G", 0), ("Em", "C", 1), ("Bm", "Dm", 3),
])  # fmt: skip
def test_steps_on_the_circle_of_fifths(one, other, steps):
    keys = [(NAMES.index(name.rstrip("m")), name.endswith("m")) for name in (one, other)]
    assert harmony.key_distance(keys[0], keys[1]) == harmony.key_distance(keys[1], keys[0]) == steps


@pytest.mark.parametrize("tonic", range(0, 12, 5))
@pytest.mark.parametrize(("scale", "minor"), [((0, 2, 4, 5, 7, 9, 11), False), ((0, 2, 3, 5, 7, 8, 11), True)])
def test_the_key_of_a_scale(tonic, scale, minor):
    chroma = np.zeros((12, 9))
    chroma[[(tonic + step) % 12 for step in scale]] = 1
    chroma[[tonic, (tonic + 7) % 12]] = 2
    assert harmony.key(chroma) == (tonic, minor)


def test_dtw_forgives_when_but_not_what():
    notes = np.array([0, 4, 7, 9, 5])
    evenly, late = np.repeat(notes, 8), np.repeat(notes, [12, 4, 8, 4, 12])
    one, other = (np.eye(12)[indices].T for indices in (evenly, late))
    assert harmony.chroma_cosine(one, other) == pytest.approx(0.8)
    assert harmony.chroma_dtw(one, other, 1) == pytest.approx(1)
    assert harmony.chroma_dtw(one, np.roll(other, 1, axis=0), 1) < 0.2
    assert np.isnan(harmony.chroma_dtw(np.zeros((12, 40)), other, 1))


def test_the_key_of_sounds_is_compared(sound):
    major = tones(261.63, 329.63, 392.0, 261.63)
    scores = harmony.evaluate(sound(major), sound(major), sound(tones(369.99, 466.16, 554.37, 369.99)))
    assert scores["key_distance_content"] == 0
    assert scores["key_distance_style"] == 6
    assert scores["chroma_dtw_content"] == pytest.approx(1)
    assert scores["chroma_dtw_style"] < 0.5

from collections.abc import Callable

import numpy as np
import pytest

from audiostyle.study.evaluate import overlap
from audiostyle.study.evaluate.sounds import Sound

Build = Callable[..., Sound]
COLUMN = 256 / 22050


def picture(seed, columns=400):
    return np.random.RandomState(seed).uniform(-4, 0, (20, columns))


def test_the_identical_picture(sound):
    it = sound(mel=picture(0))
    scores = overlap.evaluate(it, it, it)
    assert scores["mel_correlation_content"] == scores["mel_change_correlation_style"] == pytest.approx(1)
    assert scores["mel_lag_columns_style"] == 0
    assert scores["bright_overlap_content"] == scores["bright_overlap_content_rank"] == 1
    assert scores["bright_overlap_content_chance"] < 0.1


@pytest.mark.parametrize("shift", [-6, -1, 0, 3, 6])
def test_a_shifted_copy_is_found_at_its_lag(shift):
    long = picture(1, 420)
    lag, value = overlap.best_lag(long[:, 10 + shift : 410 + shift], long[:, 10:410])
    assert lag == shift
    assert value == pytest.approx(1)


def test_a_copy_shifted_too_far_is_not_found():
    long = picture(1, 420)
    assert overlap.mel_correlation(long[:, :400], long[:, 7:407]) < 0.1


def test_the_colour_alone_correlates_but_its_change_does_not(sound):
    slope = np.linspace(-1, -3, 20)[:, None]
    output, content = (sound(mel=slope + 0.1 * (picture(seed) + 2)) for seed in (2, 3))
    scores = overlap.evaluate(output, content, content)
    assert scores["mel_correlation_content"] > 0.9
    assert abs(scores["mel_change_correlation_content"]) < 0.1


def test_level_and_contrast_play_no_part():
    mel, other = picture(0), picture(1)
    assert overlap.best_lag(0.3 * mel - 1, other) == pytest.approx(overlap.best_lag(mel, other))
    assert overlap.bright_overlap(0.3 * mel - 1, other, COLUMN) == overlap.bright_overlap(mel, other, COLUMN)


def test_bright_is_the_brightest_tenth():
    mel = picture(4)
    marked = overlap.bright(mel)
    assert marked.sum() == mel.size // 10
    assert mel[marked].min() > mel[~marked].max()


def test_overlap_chance_and_rank_against_turning():
    mel, reference = picture(5), picture(6)
    reference[:, 100:130] = mel[:, 100:130] = picture(7)[:, :30]
    mine, theirs = overlap.bright(mel), overlap.bright(reference)

    def jaccard(shift):
        turned = np.roll(mine, shift, axis=1)
        return (turned & theirs).sum() / (turned | theirs).sum()

    every = [jaccard(shift) for shift in range(400)]
    best = [max(every[(shift + near) % 400] for near in range(-6, 7)) for shift in range(400)]
    far = best[86 + 6 : 400 - 86 - 6 + 1]
    value, chance, rank = overlap.bright_overlap(mel, reference, COLUMN)
    assert value == pytest.approx(best[0])
    assert chance == pytest.approx(np.mean(far))
    assert rank == pytest.approx(np.mean(np.array(far) < best[0]))
    assert rank == 1


def test_unrelated_pictures_overlap_by_chance():
    ranks = []
    for seed in range(20):
        value, chance, rank = overlap.bright_overlap(picture(seed), picture(seed + 100), COLUMN)
        assert value == pytest.approx(chance, abs=0.02)
        ranks.append(rank)
    assert 0.2 < np.mean(ranks) < 0.8


def test_pictures_that_do_not_change_overlap_no_more_than_at_other_times():
    still = np.repeat(np.linspace(-1, -3, 20)[:, None], 400, axis=1)
    assert overlap.bright_overlap(still, still, COLUMN) == (1, 1, 0)


def test_short_pictures_have_no_level_of_chance():
    value, chance, rank = overlap.bright_overlap(picture(0, 100), picture(1, 100), COLUMN)
    assert 0 <= value <= 1
    assert np.isnan([chance, rank]).all()


def test_a_constant_picture_correlates_with_nothing():
    lag, value = overlap.best_lag(np.full((20, 50), -4.0), picture(0, 50))
    assert lag == 0
    assert np.isnan(value)


@pytest.mark.parametrize(("a", "b"), [((5, 50), (5, 51)), ((5, 13), (5, 13)), ((50,), (50,))])
def test_pictures_that_cannot_be_compared_are_refused(a, b):
    with pytest.raises(ValueError, match="mel image"):
        overlap.mel_correlation(np.zeros(a), np.zeros(b))


@pytest.mark.parametrize(
    ("name", "content", "style"),
    [
        ("mfcc__melOut", 0.648, 0.568),
        ("rowAC25l0w1em9__melOut", 0.656, 0.577),
        ("raccac25l0w1em9__melOut", 0.640, 0.626),
        ("spec__specOut", 0.116, 0.052),
    ],
)
def test_the_published_results_correlate_as_recorded(golden, name, content, style):
    mels = golden("published_mels.npz")
    mel, rock, reggae = (
        mels[key].astype(float) for key in (f"{name}__mel_raw", "rock17__mel_pre10s", "reggae07__mel_pre10s")
    )
    assert overlap.mel_correlation(mel, rock) == pytest.approx(content, abs=6e-4)
    assert overlap.mel_correlation(mel, reggae) == pytest.approx(style, abs=6e-4)


def test_the_audio_path_alone_correlates_as_recorded(golden):
    rock = golden("published_mels.npz")["rock17__mel_pre10s"].astype(float)
    back = golden("inversion_roundtrip_mels.npz")["mel_uint8__mel"].astype(float)
    assert overlap.best_lag(back, rock) == (3, pytest.approx(0.946, abs=6e-4))

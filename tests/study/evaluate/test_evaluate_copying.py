from collections.abc import Callable

import numpy as np
import pytest

from audiostyle.study.evaluate import copying
from audiostyle.study.evaluate.sounds import Sound

Build = Callable[..., Sound]
COLUMN = 256 / 22050


def noise(*shape, seed=0):
    return np.random.RandomState(seed).standard_normal(shape)


def test_copies_are_found(sound):
    it, other = sound(noise(22050), noise(16, 200)), sound(noise(22050, seed=1), noise(16, 200, seed=1))
    scores = copying.evaluate(it, other, it)
    for kind in ("waveform", "picture", "patches"):
        assert scores[f"copy_{kind}_style"] == pytest.approx(1)
        assert scores[f"copy_{kind}_content"] < 0.3


@pytest.mark.parametrize(("shift", "gain"), [(1, 1.0), (-5000, 0.01), (9000, -3.0)])
def test_a_moved_and_scaled_piece_of_sound_is_found(shift, gain):
    long = noise(60000)
    assert copying.waveform_copy(gain * long[20000 + shift : 40000 + shift], long[20000:40000]) == pytest.approx(
        1, abs=0.02
    )


def test_a_copy_with_less_than_half_in_common_is_not():
    long = noise(40000)
    assert copying.waveform_copy(long[12000:32000], long[:20000]) < 0.1


def test_a_late_picture_is_a_copy_and_one_at_another_level_too():
    long = noise(12, 260)
    level = noise(12, 1, seed=4)
    assert copying.picture_copy(3 * long[:, 60:] + level, long[:, :200]) == pytest.approx(1, abs=0.05)
    # Turned upside down in level it is the opposite of a copy.
    assert copying.picture_copy(-long[:, :200], long[:, :200]) < 0.3


def test_a_collage_is_found_by_its_pieces():
    style = noise(12, 860)
    pieces = np.split(style, 10, axis=1)
    collage = np.concatenate([pieces[index] for index in (7, 2, 9, 4, 0, 5, 8, 1, 6, 3)], axis=1)
    assert copying.patch_copy(collage, style, COLUMN) == pytest.approx(1, abs=0.01)
    assert copying.picture_copy(collage, style) < 0.5
    assert copying.patch_copy(noise(12, 860, seed=2), style, COLUMN) < 0.2


def test_one_copied_second_of_ten_is_not_a_collage():
    style, output = noise(12, 860), noise(12, 860, seed=2)
    nothing = copying.patch_copy(output, style, COLUMN)
    output[:, :86] = style[:, 300:386]
    one = copying.patch_copy(output, style, COLUMN)
    assert one - nothing == pytest.approx((1 - nothing) / 10, abs=0.02)


def test_the_same_colour_is_no_copy():
    slope = np.linspace(-10, 10, 12)[:, None]
    a, b = slope + noise(12, 300), slope + noise(12, 300, seed=3)
    assert copying.picture_copy(a, b) < 0.2
    assert copying.patch_copy(a, b, COLUMN) < 0.2


def test_silence_is_no_copy():
    assert copying.waveform_copy(np.zeros(100), noise(100)) == 0


@pytest.mark.parametrize(("a", "b"), [((5, 9), (6, 9)), ((9,), (1, 9)), ((2, 2, 2), (2, 2, 2))])
def test_what_cannot_be_compared_is_refused(a, b):
    with pytest.raises(ValueError, match="same rows"):
        copying.picture_copy(np.zeros(a), np.zeros(b))

"""What a transfer says of the buzz in its own result; the measure itself is tested in test_evaluate_buzz."""

import numpy as np
import pytest

from audiostyle.audio.stuck_rows import Buzz, find_buzz
from audiostyle.settings import Settings
from audiostyle.study.evaluate.buzz import stuck_rows
from audiostyle.study.evaluate.sounds import measure


def beats(rate, seconds=2.0):
    time = np.arange(round(rate * seconds)) / rate
    return np.random.RandomState(1).standard_normal(len(time)) * (0.05 + np.exp(-12 * (time % 0.25)))


def tone(rate, hertz, seconds=2.0):
    return np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


def test_music_does_not_buzz():
    found = find_buzz(beats(22050), 22050)
    assert found is not None
    assert found.index_db < 1
    assert found.hertz == ()
    assert found.sentence == ""


@pytest.mark.parametrize("rate", [22050, 44100])
def test_a_tone_that_never_ends_buzzes_where_it_is(rate):
    found = find_buzz(beats(rate) + tone(rate, 3000.0), rate)
    assert found is not None
    assert found.index_db > 6
    assert any(abs(hertz / 3000 - 1) < 0.05 for hertz in found.hertz)
    assert all(abs(hertz / 3000 - 1) < 0.15 for hertz in found.hertz)
    assert "--seed" in found.sentence


def test_it_is_what_evaluate_says():
    sound = beats(22050) + tone(22050, 1200.0) + tone(22050, 2000.0)
    index, count, _ = stuck_rows(measure(sound, Settings()).mel)
    found = find_buzz(sound, 22050)
    assert found is not None
    assert (found.index_db, len(found.hertz)) == (index, count)
    assert count >= 2
    assert found.hertz == tuple(sorted(found.hertz))


def test_what_is_too_short_is_not_measured():
    assert find_buzz(beats(22050, 0.05), 22050) is None


def test_one_row_and_several_are_said_apart():
    assert Buzz(4.0, (5012.3,)).sentence.startswith("One row of the result buzzes at 5012 Hz, 4.0 dB")
    assert Buzz(12.5, (5012.3, 6990.0)).sentence.startswith("2 rows of the result buzz from 5012 to 6990 Hz, 12.5 dB")

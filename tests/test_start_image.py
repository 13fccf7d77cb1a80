"""The start image is the one the authors' code would have drawn (T15)."""

import dataclasses

import numpy as np
import pytest

from audiostyle.optimise import start_image
from audiostyle.settings import Settings


def test_released_start_is_the_authors(golden):
    recorded = golden("end_to_end_one_round.npz")["x0"]
    np.testing.assert_array_equal(start_image(96, 854, Settings(seed=0)).ravel(), recorded)


def test_released_start_of_a_crop(golden):
    recorded = golden("lbfgs_crop256.npz")["uniform_call_18"]
    np.testing.assert_array_equal(start_image(96, 256, Settings(float_type="float64")), recorded)


def test_skipped_numbers_are_those_of_the_initial_weights():
    """Sixteen Glorot draws of out * in * 3 * 3 numbers, then one image, then ours."""
    random = np.random.RandomState(7)
    before = 3
    for channels in [64] * 2 + [128] * 2 + [256] * 4 + [512] * 8:
        random.uniform(-1, 1, (channels, before, 3, 3))
        before = channels
    random.uniform(-128, 128, (1, 3, 4, 6))
    expected = random.uniform(-128, 128, (1, 3, 4, 6)).astype("float32")
    np.testing.assert_array_equal(start_image(4, 6, Settings(seed=7)), expected)


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_first_draw_is_the_seeds_first(seed):
    expected = np.random.RandomState(seed).uniform(-128, 128, (1, 3, 4, 6)).astype("float32")
    np.testing.assert_array_equal(start_image(4, 6, Settings(seed=seed, start="first_draw")), expected)


def test_a_picture_and_its_blend_with_noise():
    picture = np.random.RandomState(3).uniform(-128, 128, (1, 3, 4, 6)).astype("float32")
    noise = start_image(4, 6, Settings(seed=5, start="first_draw"))
    content = Settings(seed=5, start="content")
    np.testing.assert_array_equal(start_image(4, 6, content, picture), picture)
    blended = start_image(4, 6, dataclasses.replace(content, start_noise=0.25), picture)
    np.testing.assert_allclose(blended, 0.75 * picture + 0.25 * noise, rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(start_image(4, 6, dataclasses.replace(content, start_noise=1.0), picture), noise)
    # Noise has no use for the content's picture; an earlier run's goes before the settings' own start.
    np.testing.assert_array_equal(start_image(4, 6, Settings(seed=5, start="first_draw"), picture), noise)
    np.testing.assert_array_equal(start_image(4, 6, Settings(), None, picture), picture)
    np.testing.assert_array_equal(start_image(4, 6, content, noise, picture), picture)
    with pytest.raises(ValueError, match="content"):
        start_image(4, 6, content)

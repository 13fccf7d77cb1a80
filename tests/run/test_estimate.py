"""The memory that is announced is near what runs took (measured on two cores; docs/performance.md)."""

import pytest

from audiostyle.audio.representation import image_shape
from audiostyle.run.estimate import columns_that_fit, estimate_memory, free_memory
from audiostyle.settings import Settings

MEASURED = {  # GiB
    "mel, 3 s": ({"duration": 3.0}, 0.96),
    "mel, 10 s": ({}, 1.13),
    "mel, 30 s": ({"duration": 30.0}, 1.78),
    "mel, 10 s, 6x6 tiles": ({"convolution": "onednn_f6"}, 1.43),
    "mel, 30 s, 6x6 tiles": ({"duration": 30.0, "convolution": "onednn_f6"}, 2.09),
    "mel, 120 s": ({"duration": 120.0}, 3.1),
    "mel, 240 s in tiles": ({"duration": 240.0, "tile_columns": 1024}, 3.24),
    "spectrogram, 10 s": ({"representation": "spectrogram"}, 2.02),
    "whole spectrogram, 10 s": ({"representation": "spectrogram", "spec_zoom": 1}, 5.15),
}


@pytest.mark.parametrize("case", MEASURED)
def test_estimate_is_within_a_quarter(case):
    changes, measured = MEASURED[case]
    settings = Settings(**changes)
    assert 0.75 < estimate_memory(image_shape(settings), settings) / 2**30 / measured < 1.25


def test_float64_takes_more():
    settings = {"representation": "spectrogram"}
    one, other = (Settings(**settings, float_type=name) for name in ("float32", "float64"))
    assert estimate_memory((856, 512), other) > 1.3 * estimate_memory((856, 512), one)


@pytest.mark.parametrize("changes", [{}, {"duration": 30.0}, {"representation": "spectrogram"}], ids=str)
def test_larger_tiles_take_more(changes):
    """Measured: 0.30 GiB, whichever stage holds the most."""
    small, large = (Settings(**changes, convolution=name) for name in ("onednn", "onednn_f6"))
    shape = image_shape(small)
    assert 0.25 < (estimate_memory(shape, large) - estimate_memory(shape, small)) / 2**30 < 0.35


SONG = (96, 20662)


def test_tiles_are_as_large_as_the_memory_allows():
    settings = Settings(duration=240.0)
    assert columns_that_fit(SONG, settings, 64 * 2**30) == 0
    chosen = [columns_that_fit(SONG, settings, gibibytes * 2**30) for gibibytes in (3.5, 3.2, 2.9, 0.5)]
    assert chosen == sorted(chosen, reverse=True)
    assert chosen[0] > chosen[-1] == 256
    assert columns_that_fit(SONG, Settings(duration=240.0, tile_columns=700), 2**30) == 700


def test_no_tiles_where_they_do_not_help():
    assert columns_that_fit((96, 200), Settings(), 2**20) == 0
    assert columns_that_fit(SONG, Settings(rowac=True, ac_layers=("conv1_1",)), 2**30) == 0


def test_free_memory_is_known_here():
    assert 2**20 < free_memory() < 2**50

"""Where an image is cut: the parts follow each other, and each has its margins."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiostyle.errors import InputError
from audiostyle.network.tiles import check_tiling, margins, needs_tiles, plan_tiles, stride, tile_size
from audiostyle.settings import Settings


@given(st.integers(16, 4000), st.integers(1, 700), st.integers(0, 16), st.data())
def test_parts_follow_each_other_and_have_their_margins(length, columns, steps, data):
    size = tile_size(length, columns, 16 * steps)
    assert size <= length
    # The first pass has smaller margins, in tiles of the same size.
    margin = 16 * data.draw(st.integers(0, steps))
    tiles = plan_tiles(length, size, margin)
    assert tiles[0].first == 0
    assert tiles[-1].last == length
    for before, after in itertools.pairwise(tiles):
        assert before.last == after.first > before.first
    for tile in tiles:
        assert 0 <= tile.start <= tile.first < tile.last <= tile.stop <= length
        assert tile.stop - tile.start == size
        assert tile.start % 16 == tile.first % 16 == 0, "the poolings begin anew"
        assert tile.start == 0 or tile.first - tile.start >= margin
        # What the poolings drop at the end of a tile makes its margin narrower.
        assert tile.stop == length or tile.stop - size % 16 - tile.last >= margin
        assert tile.last - tile.first <= -(-columns // 16) * 16 + 2 * (16 * steps) + 15


@given(st.integers(1, 5000), st.integers(1, 700))
def test_one_tile_is_the_whole_image(length, columns):
    size = tile_size(length, columns, 160)
    assert (size < length) == (len(plan_tiles(length, size, 160)) > 1)


@pytest.mark.parametrize(
    ("layer", "pixels", "field"), [("conv1_1", 1, 3), ("conv3_4", 4, 48), ("conv4_2", 8, 84), ("conv5_1", 16, 156)]
)
def test_margins_hold_the_receptive_field(layer, pixels, field):
    half, whole = margins([layer, "conv1_1"])
    assert stride(layer) == pixels
    assert whole % 16 == half % 16 == 0
    assert field <= whole < field + 16
    assert field / 2 <= half < field / 2 + 16


def test_autocorrelations_of_deeper_layers_are_refused():
    settings = Settings(rowac=True, ac_layers=("input", "conv2_1", "conv1_1"))
    with pytest.raises(InputError, match="autocorrelation of conv1_1, conv2_1 needs whole rows"):
        check_tiling(settings)
    check_tiling(Settings(ac_layers=("conv1_1",)))
    check_tiling(Settings(rowac=True, colac=True))


def test_short_images_need_no_tiles():
    assert not needs_tiles(20700, Settings())
    assert not needs_tiles(854, Settings(tile_columns=1024))
    assert needs_tiles(20700, Settings(tile_columns=1024))

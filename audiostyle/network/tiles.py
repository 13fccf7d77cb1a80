"""How a long image is cut into tiles of time, so that the network sees one at a time and no number is another.

Gram matrices and the content loss are sums over positions, so they are summed tile by tile; and a pixel's
gradient depends on activations no further away than half the receptive field, which depend on pixels no
further away than the other half.  So a tile that is wider by a receptive field on each side gives the exact
gradient of what lies between, and by half of one the exact activations.

Every tile begins at a multiple of 16, where the four poolings begin anew, and all are of one size, so that
one function and one set of buffers serve them.  Zeros that the convolutions find beyond a tile's ends are
what there is beyond the clip's own ends, and elsewhere they reach no further than the margin.
"""

import dataclasses
import itertools
from collections.abc import Sequence

from audiostyle.errors import InputError
from audiostyle.network.terms import loss_terms
from audiostyle.settings import Settings
from audiostyle.weights.layers import CONV_LAYERS, POOL_AFTER

__all__ = ["Tile", "check_tiling", "margins", "needs_tiles", "plan_tiles", "stride", "tile_size"]

# Pixels of one position after four poolings.
_STEP = 16


@dataclasses.dataclass(frozen=True)
class Tile:
    """A stretch of time that the network sees, and the part of it that counts.

    Attributes
    ----------
    start, stop : int
        The first column of the tile and the one behind its last.
    first, last : int
        The same of the part whose numbers are those of the whole image.
    """

    start: int
    stop: int
    first: int
    last: int

    def part(self, pixels: int = 1) -> tuple[int, int]:
        """Return where the part begins and ends within the tile, at a layer whose positions are so many pixels wide."""
        return (self.first - self.start) // pixels, (self.last - self.start) // pixels


def stride(layer: str) -> int:
    """Return the pixels of one position of a layer each way: 1, 2, 4, 8 or 16.

    Examples
    --------
    >>> stride("input"), stride("conv1_2"), stride("conv5_1")
    (1, 1, 16)
    """
    return 1 if layer == "input" else 1 << int(layer.removeprefix("conv")[0]) - 1


def margins(layers: Sequence[str]) -> tuple[int, int]:
    """Return how much wider a tile must be on each side for exact activations of these layers, and for gradients.

    Examples
    --------
    The receptive field of conv5_1 is 156 pixels:

    >>> margins(["conv1_1", "conv5_1"]), margins(["conv2_1"]), margins([])
    ((80, 160), (16, 16), (0, 0))
    """
    field = 1 if layers else 0
    deepest = max((next(i for i, one in enumerate(CONV_LAYERS) if one.name == name) for name in layers), default=-1)
    for layer in CONV_LAYERS[: deepest + 1]:
        field += 2 * stride(layer.name)
        if layer.name in POOL_AFTER and layer is not CONV_LAYERS[deepest]:
            field += stride(layer.name)
    return _whole_steps(-(-field // 2)), _whole_steps(field)


def tile_size(length: int, columns: int, margin: int) -> int:
    """Return the columns of a tile of an image of `length` columns; `length` itself if one tile is enough.

    Parameters
    ----------
    length : int
    columns : int
        What a tile may bring forward at most, besides its margins, rounded up to whole steps of 16.
    margin : int
        A multiple of 16.

    Examples
    --------
    >>> tile_size(854, 1024, 160), tile_size(20700, 1024, 160)
    (854, 1356)
    """
    # What is left of the last step of 16 is dropped by the poolings wherever a tile ends, so every tile ends as
    # the image does, and the margin is so much wider.
    rest = length % _STEP
    to_do = length - rest - 2 * margin
    tiles = -(-to_do // _whole_steps(columns))
    if tiles <= 1:
        return length
    return _whole_steps(-(-to_do // tiles)) + 2 * margin + rest


def plan_tiles(length: int, size: int, margin: int) -> list[Tile]:
    """Return tiles of `size` columns whose parts follow each other from 0 to `length`.

    Parameters
    ----------
    length : int
    size : int
        As :func:`tile_size` returns it for this margin or a larger one.
    margin : int
        A multiple of 16.

    Examples
    --------
    >>> plan_tiles(100, 84, 16)
    [Tile(start=0, stop=84, first=0, last=32), Tile(start=16, stop=100, first=32, last=100)]
    """
    rest = length % _STEP
    step, last_start = size - 2 * margin - rest, length - size
    starts = [0] if not last_start else [*range(0, last_start, step), last_start]
    firsts = [0, *(start + margin for start in starts[1:]), length]
    return [Tile(start, start + size, *part) for start, part in zip(starts, itertools.pairwise(firsts), strict=True)]


def needs_tiles(length: int, settings: Settings) -> bool:
    """Say whether the settings cut an image of `length` columns into tiles at all."""
    layers = [term.layer for term in loss_terms(settings) if term.layer != "input"]
    return bool(settings.tile_columns) and tile_size(length, settings.tile_columns, margins(layers)[1]) < length


def check_tiling(settings: Settings) -> None:
    """Raise InputError if a loss cannot be taken tile by tile."""
    deeper = sorted({term.layer for term in loss_terms(settings) if term.axis and term.layer != "input"})
    if deeper:
        raise InputError(
            f"The autocorrelation of {', '.join(deeper)} needs whole rows of these layers, which are never there at "
            "once when the network sees tiles of time; use --set tile_columns=0, or --ac-layers input."
        )


def _whole_steps(columns: int) -> int:
    return -(-columns // _STEP) * _STEP

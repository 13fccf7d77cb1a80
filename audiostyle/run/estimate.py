"""How much memory a run will take, before it takes it, and how much there is."""

import dataclasses
from pathlib import Path

from audiostyle.errors import InputError
from audiostyle.network.tiles import check_tiling, needs_tiles
from audiostyle.settings import Settings

__all__ = ["columns_that_fit", "estimate_memory", "free_memory"]

# Measured (docs/performance.md).  Two stages can hold the most: the network, whose activations grow with the
# image, and the drawing of pictures, whose columns grow with the clip up to a length (run/plots.py).
_NETWORK_BASE, _NETWORK_PER_PIXEL = 0.75 * 2**30, 2.65 * 2**10
_LARGER_FILTERS = 0.30 * 2**30  # onednn_f6: 64 instead of 36 numbers of each filter's transform, both ways
_DESCENT_PER_PIXEL = 0.85 * 2**10  # of these, what the descent itself and the clips hold
_PICTURES_BASE, _PICTURES_PER_SECOND = 0.80 * 2**30, 0.033 * 2**30
_DRAWN_SECONDS, _PER_FURTHER_SECOND = 47, 0.0045 * 2**30
# Columns of time that are tried, and the pixels a tile's margins add on either side.
_COLUMNS, _MARGIN = (2048, 1024, 512, 256), 160


def estimate_memory(shape: tuple[int, int], settings: Settings) -> int:
    """Return the expected peak memory of a run in bytes.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image.
    settings : Settings
        ``float_type``, ``duration``, ``convolution``, ``tile_columns``.
    """
    drawn = min(settings.duration, _DRAWN_SECONDS)
    further = settings.duration - drawn
    pictures = _PICTURES_BASE + drawn * _PICTURES_PER_SECOND + further * _PER_FURTHER_SECOND
    return round(max(_of_network(shape, settings), pictures + _further_filters(settings)))


def columns_that_fit(shape: tuple[int, int], settings: Settings, free: float) -> int:
    """Return the ``tile_columns`` with which a run needs no more memory than there is.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image.
    settings : Settings
        Those without tiles.
    free : float
        Bytes.

    Returns
    -------
    int
        0 if no tiles are needed, or none are possible; the smallest tiles if none are small enough.
    """
    if settings.tile_columns or _of_network(shape, settings) <= free:
        return settings.tile_columns
    try:
        check_tiling(settings)
    except InputError:
        return 0
    length = shape[settings.time_axis - 2]
    tiled = [dataclasses.replace(settings, tile_columns=columns) for columns in _COLUMNS]
    fitting = [one for one in tiled if needs_tiles(length, one)]
    return next((one for one in fitting if _of_network(shape, one) <= free), (fitting or [settings])[-1]).tile_columns


def free_memory() -> float:
    """Return the bytes that the machine, or the container, has left for a run; infinite if they are not known."""
    return min(_machine_has_left(), _container_has_left())


def _machine_has_left() -> float:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return float("inf")


def _container_has_left() -> float:
    left = [float("inf")]
    for folder, limit, used in (
        ("/sys/fs/cgroup", "memory.max", "memory.current"),
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        try:
            # What files have in memory is given back when something else needs it.
            cached = dict(line.split() for line in Path(folder, "memory.stat").read_text().splitlines())
            taken = float(Path(folder, used).read_text()) - float(cached.get("inactive_file", 0))
            left.append(float(Path(folder, limit).read_text()) - taken)
        except (OSError, ValueError):
            continue
    return min(left)


def _further_filters(settings: Settings) -> float:
    return _LARGER_FILTERS if settings.convolution == "onednn_f6" else 0.0


def _of_network(shape: tuple[int, int], settings: Settings) -> float:
    words = {"float32": 1, "float64": 2}[settings.float_type]
    pixels = shape[0] * shape[1]
    length = shape[settings.time_axis - 2]
    base = _NETWORK_BASE + _further_filters(settings)
    if not needs_tiles(length, settings):
        return base + pixels * _NETWORK_PER_PIXEL * words
    seen = pixels / length * (settings.tile_columns + 2 * _MARGIN)
    return base + seen * _NETWORK_PER_PIXEL * words + pixels * _DESCENT_PER_PIXEL

"""Fast convolutions in Theano's graph, on the CPU: oneDNN's, and Winograd kernels in oneDNN's layout.

Theano's own CorrMM unrolls images into matrices (im2col) and reaches a fraction of the processor's
speed.  oneDNN convolves in a blocked layout without that; 3x3 filters are left to Winograd's algorithm,
which needs a quarter of the multiplications (:file:`kernels/winograd.cpp` says why not oneDNN's own).
:func:`onednn_mode` gives a mode to compile a function with; everything else stays Theano's.
"""

from typing import Any

from audiostyle.network.onednn.build import Unavailable
from audiostyle.network.onednn.library import load_library

__all__ = ["TILES", "available", "description", "onednn_mode", "set_threads"]

#: The convolutions that settings may name, and the pixels a side of Winograd's largest tiles in them.
TILES = {"onednn": 4, "onednn_f6": 6}

# Before canonicalisation (1), while ReLU and its gradient look as they were written; after destroy
# handlers (49.5) and with Theano's own in-place rewrites (75).
_LAYOUT, _IN_PLACE = 0.66, 74.0


def available(tile: int = 4) -> tuple[bool, str]:
    """Tell whether oneDNN can be used, and why not (or how), with Winograd's tiles of a size."""
    try:
        library = load_library()
        return True, library.description(library.load_tiles(tile).tile)
    except Unavailable as error:
        return False, str(error)


def description() -> str:
    """Return what ``run.json`` says of the convolution: oneDNN's version, kernels and threads."""
    return available()[1]


def set_threads(threads: int) -> None:
    """Run oneDNN's kernels on this many threads from now on; 0 means what OpenMP says."""
    load_library().set_threads(threads)


def onednn_mode(base: Any = None, tile: int = 4) -> Any:
    """Return a Theano mode that compiles as another does, with convolutions by oneDNN.

    Parameters
    ----------
    base : theano.compile.Mode or str, optional
        The other mode; Theano's default if not given.
    tile : int
        Pixels a side of Winograd's largest tiles; see :meth:`.library.Library.convolve`.

    Raises
    ------
    Unavailable
        If oneDNN cannot be used; see :func:`available`.
    """
    from theano.compile.mode import get_mode

    from audiostyle.network.onednn.fusion import in_place_rewrite
    from audiostyle.network.onednn.rewrite import layout_rewrite

    load_library().buffers.release()  # what an earlier network, perhaps of a larger image, has left
    return get_mode(base).register((layout_rewrite(tile), _LAYOUT), (in_place_rewrite(), _IN_PLACE))

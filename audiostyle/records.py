"""What a transfer reports while it runs: one record per evaluation and one per round.

The optimiser yields them and knows neither screen nor file; a progress bar shows them, an archive
keeps them, a test compares them.
"""

import dataclasses

import numpy as np

__all__ = ["Evaluation", "Round"]


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """One evaluation of the losses and their gradient.

    Attributes
    ----------
    round : int
        Round it belongs to, from 1.
    index : int
        Its number within the round, from 1.
    parts : dict of str to float
        Weighted loss parts by name: ``content``, ``style_conv1_1``, ``total_variation``,
        ``row_autocorrelation``, ``column_autocorrelation``; autocorrelations of layers other than
        the input end in the layer's name (``row_autocorrelation_conv1_1``).
    total : float
        Their sum as the optimiser saw it.
    seconds : float
        Wall-clock time it took.
    image : numpy.ndarray ``(1, 3, height, width)`` or None
        Where it was, while it is being reported; nobody keeps the images of thousands of evaluations.
    """

    round: int
    index: int
    parts: dict[str, float]
    total: float
    seconds: float
    image: np.ndarray | None = dataclasses.field(default=None, compare=False, repr=False)


@dataclasses.dataclass(frozen=True)
class Round:
    """One finished L-BFGS run (T16: its memory starts empty).

    Attributes
    ----------
    index : int
        Its number, from 1.
    image : numpy.ndarray of float32 ``(1, 3, height, width)``
        Where the next round starts.
    total : float
        Loss at the end of the round.
    evaluations : int
        Number of evaluations it took.
    message : str
        Why L-BFGS stopped, in scipy's words.
    warnflag : int
        0 converged, 1 limit reached, 2 anything else.
    nit : int
        L-BFGS steps taken.
    seconds : float
        Wall-clock time of the whole round.
    state : dict of str to numpy.ndarray
        What the optimiser carries into the next round besides the image; nothing where its memory starts empty.
    """

    index: int
    image: np.ndarray
    total: float
    evaluations: int
    message: str
    warnflag: int
    nit: int
    seconds: float
    state: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)

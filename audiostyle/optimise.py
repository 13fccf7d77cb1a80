"""From noise downhill: the start image, L-BFGS in rounds over an objective, and a record of each step.

Nothing here knows of a screen, a file or a network: records go to whoever asked for them, and a progress
bar shows them, an archive keeps them, a test compares them.

The authors call ``scipy.optimize.fmin_l_bfgs_b`` again and again, 40 evaluations each, from the last
point that was evaluated and with an empty memory (imageTransfer.py:104-107; D5, T16).  So between two
rounds the image is the whole state, which is what makes an exact resume possible; with
``restart="continue"`` the optimiser's arrays belong to it.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from audiostyle.errors import RunError
from audiostyle.lbfgs import Lbfgs, Resumable
from audiostyle.settings import Settings
from audiostyle.two_loop import TwoLoop

__all__ = ["Evaluation", "Round", "descend", "run_round", "start_image", "state_size"]

ObjectiveFunction = Callable[[np.ndarray], tuple[dict[str, float], float, np.ndarray]]

# The authors' code initialises sixteen convolution layers at random before it loads their weights
# (vggnet.py), so that many numbers of numpy's generator are gone: sum of out * in * 9.
_GLOROT_DRAWS = 20_018_880
# scipy's warnflag where a round has had its evaluations.
_LIMIT_REACHED = 1
_OPTIMISERS: dict[str, type[Resumable]] = {"lbfgsb": Lbfgs, "two_loop": TwoLoop}


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
    """One finished L-BFGS run (T16: its memory starts empty), or part of one with ``restart="continue"``.

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
        What the optimiser carries into the next round besides the image; nothing where its memory starts empty:
        without ``restart="continue"``, and after an optimiser that had come to its end.
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


def start_image(
    height: int,
    width: int,
    settings: Settings,
    content: np.ndarray | None = None,
    earlier: np.ndarray | None = None,
) -> np.ndarray:
    """Return the first image: uniform noise in -128 .. 128, or a picture with a share of it.

    Parameters
    ----------
    height, width : int
        Size in pixels.
    settings : Settings
        ``seed``; with ``start='released'`` the numbers that the authors' code draws and throws away
        (the network's initial weights, one whole image, imageTransfer.py:46) are skipped.
        ``start_noise`` is the share of noise, the seed's first draw, that is blended into a picture.
    content : np.ndarray ``(1, 3, height, width)``, optional
        The network's image of the content; needed, and used, for ``start='content'`` only.
    earlier : np.ndarray ``(1, 3, height, width)``, optional
        Where an earlier run ended; with it, the start is made of it whatever ``start`` says.

    Returns
    -------
    np.ndarray ``(1, 3, height, width)`` of the settings' ``float_type``
    """
    shape = (1, 3, height, width)
    random = np.random.RandomState(settings.seed)
    if earlier is not None or settings.start == "content":
        picture = content if earlier is None else earlier
        if picture is None:
            raise ValueError("start='content' needs the content's image")
        noise = random.uniform(-128, 128, shape)
        return ((1 - settings.start_noise) * picture + settings.start_noise * noise).astype(settings.float_type)
    if settings.start == "released":
        to_skip = _GLOROT_DRAWS + int(np.prod(shape))
        while to_skip:
            to_skip -= random.random_sample(min(to_skip, 1_000_000)).size
    return random.uniform(-128, 128, shape).astype(settings.float_type)


def state_size(image: np.ndarray, settings: Settings) -> int:
    """Return the bytes of the :attr:`Round.state` of rounds over such an image, at most."""
    if settings.restart != "continue":
        return 0
    return sum(array.nbytes for array in _OPTIMISERS[settings.optimiser](image).state.values())


def _ignore(evaluation: Evaluation) -> None:
    """Take an evaluation's record and do nothing."""


def descend(
    objective: ObjectiveFunction,
    image: np.ndarray,
    settings: Settings,
    on_evaluation: Callable[[Evaluation], None] = _ignore,
    first_round: int = 1,
    state: Mapping[str, np.ndarray] | None = None,
) -> Iterator[Round]:
    """Run the rounds that `settings` ask for, yielding each when it is done.

    Parameters
    ----------
    objective : callable
        From an image ``(1, 3, height, width)`` to loss parts, total and gradient.
    image : np.ndarray ``(1, 3, height, width)``
        Where the first round starts.
    settings : Settings
        ``rounds``, ``max_evaluations``, ``restart``, ``optimiser``.
    on_evaluation : callable
        Called with an :class:`Evaluation` after each; what it raises ends the descent.
    first_round : int
        Number of the first round, greater than 1 when a run is resumed.
    state : mapping of str to np.ndarray, optional
        :attr:`Round.state` of the round before, when a run is resumed; ``restart='continue'`` only goes on with it.

    Yields
    ------
    Round

    Raises
    ------
    RunError
        If a loss or gradient is not finite, or `state` is that of another version of scipy.
    """
    for index in range(first_round, settings.rounds + 1):
        finished = run_round(objective, image, settings, index, on_evaluation, state)
        image, state = finished.image, finished.state
        yield finished


def run_round(
    objective: ObjectiveFunction,
    image: np.ndarray,
    settings: Settings,
    index: int = 1,
    on_evaluation: Callable[[Evaluation], None] = _ignore,
    state: Mapping[str, np.ndarray] | None = None,
) -> Round:
    """Run one L-BFGS from `image`, or go on with that of `state`, and return where the next one starts.

    It visits the points that ``scipy.optimize.fmin_l_bfgs_b``, which the authors call, visits; with
    ``optimiser="two_loop"`` but for rounding (T27).
    """
    shape, dtype = image.shape, image.dtype
    started = time.perf_counter()
    count = 0
    last_image, last_total = image, np.inf

    def evaluate(point: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal count, last_image, last_total
        begun = time.perf_counter()
        # The network sees float32, and so does the next round (T16).
        candidate = point.reshape(shape).astype(dtype)
        parts, total, gradient = objective(candidate)
        count += 1
        _check_finite(parts, total, gradient, index, count)
        last_image, last_total = candidate, total
        on_evaluation(Evaluation(index, count, parts, total, time.perf_counter() - begun, candidate))
        return total, gradient.ravel()

    kind = _OPTIMISERS[settings.optimiser]
    lbfgs = kind.resumed(state) if state and settings.restart == "continue" else kind(image)
    message, warnflag, steps = lbfgs.run(evaluate, settings.max_evaluations)
    if settings.restart == "best":
        last_image, last_total = lbfgs.point.reshape(shape).astype(dtype), float(lbfgs.state["f"])
    # Stopped by the limit it goes on; what is left to do when it has come to its end, a new one finds.
    kept = lbfgs.state if settings.restart == "continue" and warnflag == _LIMIT_REACHED else {}
    return Round(
        index=index,
        image=last_image,
        total=last_total,
        evaluations=count,
        message=message,
        warnflag=warnflag,
        nit=steps,
        seconds=time.perf_counter() - started,
        state=kept,
    )


def _check_finite(parts: dict[str, float], total: float, gradient: np.ndarray, index: int, count: int) -> None:
    if np.isfinite(total) and np.isfinite(gradient.sum()):
        return
    wrong = [f"{name} is {value}" for name, value in parts.items() if not np.isfinite(value)]
    raise RunError(
        f"In round {index}, evaluation {count}, the loss stopped being a finite number "
        f"({', '.join(wrong) or 'its gradient is not'}); the last good image is kept. Smaller loss weights, "
        "normalised network weights or --set float_type=float64 usually cure this."
    )

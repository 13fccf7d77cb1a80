"""L-BFGS in rounds over an objective; knows no screen, no file and no network.

The authors call ``scipy.optimize.fmin_l_bfgs_b`` again and again, 40 evaluations each, from the last
point that was evaluated and with an empty memory (imageTransfer.py:104-107; D5, T16).  So between two
rounds the image is the whole state, which is what makes an exact resume possible; ``restart="continue"``
keeps the optimiser's memory, and then the optimiser's arrays are the state.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator

import numpy as np
import scipy.optimize

from audiostyle.errors import RunError
from audiostyle.lbfgs import Lbfgs
from audiostyle.records import Evaluation, Round
from audiostyle.settings import Settings

__all__ = ["Memory", "run_round", "transfer"]

ObjectiveFunction = Callable[[np.ndarray], tuple[dict[str, float], float, np.ndarray]]


@dataclasses.dataclass
class Memory:
    """What ``restart='continue'`` hands from round to round.

    Attributes
    ----------
    lbfgs : Lbfgs or None
        The optimiser as the last round left it; None before the first round, and after one whose
        optimiser had come to its end.
    """

    lbfgs: Lbfgs | None = None


def _ignore(evaluation: Evaluation) -> None:
    """Take an evaluation's record and do nothing."""


def transfer(
    objective: ObjectiveFunction,
    image: np.ndarray,
    settings: Settings,
    on_evaluation: Callable[[Evaluation], None] = _ignore,
    first_round: int = 1,
    memory: Memory | None = None,
) -> Iterator[Round]:
    """Run the rounds that `settings` ask for, yielding each when it is done.

    Parameters
    ----------
    objective : callable
        From an image ``(1, 3, height, width)`` to loss parts, total and gradient.
    image : np.ndarray ``(1, 3, height, width)``
        Where the first round starts.
    settings : Settings
        ``rounds``, ``max_evaluations``, ``restart``.
    on_evaluation : callable
        Called with an :class:`Evaluation` after each; what it raises ends the transfer.
    first_round : int
        Number of the first round, greater than 1 when a run is resumed.
    memory : Memory, optional
        Used and changed by ``restart='continue'`` only; whenever a round is yielded it is that with
        which the next round goes on.

    Yields
    ------
    Round

    Raises
    ------
    RunError
        If a loss or gradient is not finite.
    """
    memory = memory or Memory()
    for index in range(first_round, settings.rounds + 1):
        finished = run_round(objective, image, settings, index, on_evaluation, memory)
        image = finished.image
        yield finished


def run_round(
    objective: ObjectiveFunction,
    image: np.ndarray,
    settings: Settings,
    index: int = 1,
    on_evaluation: Callable[[Evaluation], None] = _ignore,
    memory: Memory | None = None,
) -> Round:
    """Run one L-BFGS-B from `image`, or go on with that of `memory`, and return where the next one starts."""
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
        on_evaluation(Evaluation(index, count, parts, total, time.perf_counter() - begun))
        return total, gradient.ravel().astype("float64")

    if settings.restart == "continue":
        message, warnflag, steps = _go_on(evaluate, image, settings.max_evaluations, memory or Memory())
        return Round(index, last_image, last_total, count, message, warnflag, steps, time.perf_counter() - started)
    best, best_total, information = scipy.optimize.fmin_l_bfgs_b(
        evaluate, image.ravel().astype("float64"), maxfun=settings.max_evaluations
    )
    if settings.restart == "best":
        last_image, last_total = best.reshape(shape).astype(dtype), float(best_total)
    message = information["task"]
    return Round(
        index=index,
        image=last_image,
        total=last_total,
        evaluations=count,
        message=message.decode() if isinstance(message, bytes) else str(message),
        warnflag=int(information["warnflag"]),
        nit=int(information["nit"]),
        seconds=time.perf_counter() - started,
    )


def _go_on(
    evaluate: Callable[[np.ndarray], tuple[float, np.ndarray]], image: np.ndarray, limit: int, memory: Memory
) -> tuple[str, int, int]:
    """Take steps until `limit` evaluations are passed, as scipy does; return message, warnflag and number of steps."""
    lbfgs = memory.lbfgs = memory.lbfgs or Lbfgs(image)
    evaluations = steps = 0
    while (event := lbfgs.advance()) in ("evaluate", "step"):
        if event == "evaluate":
            lbfgs.tell(*evaluate(lbfgs.point))
            evaluations += 1
        else:
            steps += 1
            if evaluations > limit:
                return "STOP: TOTAL NO. of f AND g EVALUATIONS EXCEEDS LIMIT", 1, steps
    # It has come to its end: what is left to do, a new one finds.
    memory.lbfgs = None
    return lbfgs.message, 0 if event == "converged" else 2, steps


def _check_finite(parts: dict[str, float], total: float, gradient: np.ndarray, index: int, count: int) -> None:
    if np.isfinite(total) and np.isfinite(gradient.sum()):
        return
    wrong = [f"{name} is {value}" for name, value in parts.items() if not np.isfinite(value)]
    raise RunError(
        f"In round {index}, evaluation {count}, the loss stopped being a finite number "
        f"({', '.join(wrong) or 'its gradient is not'}); the last good image is kept. Smaller loss weights, "
        "normalised network weights or --set float_type=float64 usually cure this."
    )

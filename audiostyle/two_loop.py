"""L-BFGS by the two-loop recursion: the steps of scipy's L-BFGS-B where there are no bounds, in half the time or less.

L-BFGS-B carries what bounds need through every step: small matrices of inner products of all pairs, summed one after
the other on one core.  Without bounds its step is the textbook's, which goes through the memory twice.  Line
search, scaling, tests of convergence and the rule by which a pair is left out are those of L-BFGS-B; what differs is
rounding (T27).  ``optimiser="two_loop"`` chooses it.

References
----------
J. Nocedal and S. Wright, Numerical Optimization, 2nd edition, Springer, 2006, algorithm 7.4: the recursion.
J. More and D. Thuente, Line search algorithms with guaranteed sufficient decrease, ACM Trans. Math. Softw. 20(3),
1994, 286-307: the line search, scipy's.
"""

import numpy as np
from scipy.linalg.blas import daxpy, ddot
from scipy.optimize._linesearch import scalar_search_wolfe1

from audiostyle.lbfgs import FACTOR, GRADIENT, LIMIT, PAIRS, SEARCH, Function, Resumable

__all__ = ["TwoLoop"]

# L-BFGS-B's: decrease, curvature and interval of the line search, and its longest step.
_DECREASE, _CURVATURE, _INTERVAL, _LONGEST = 1e-3, 0.9, 0.1, 1e10
_PRECISION = np.finfo(float).eps
_FLAT = "CONVERGENCE: NORM_OF_PROJECTED_GRADIENT_<=_PGTOL"


class TwoLoop(Resumable):
    """One descent without bounds.

    Parameters
    ----------
    start : np.ndarray ``(n,)``
        Where to begin; it is not changed.

    Attributes
    ----------
    state : dict of str to np.ndarray
        All there is to know between two calls of :meth:`run`: about ``2 * 10 * n + 2 * n`` numbers.
    """

    def __init__(self, start: np.ndarray) -> None:
        n = start.size
        self.state = {
            "x": np.array(start, dtype=np.float64).ravel(),
            "f": np.array(np.nan),  # until the first evaluation
            "g": np.zeros(n),
            "steps": np.zeros((PAIRS, n)),
            "changes": np.zeros((PAIRS, n)),
            "products": np.zeros(PAIRS),  # of each step and its change
            "pairs": np.array(0),
        }

    def run(self, evaluate: Function, limit: int) -> tuple[str, int, int]:
        """See :class:`audiostyle.lbfgs.Resumable`."""
        s, evaluations, steps = self.state, 0, 0
        fresh = bool(np.isnan(s["f"]))
        if fresh:
            s["f"][...], s["g"][:] = evaluate(s["x"])
            evaluations = 1
            if np.abs(s["g"]).max() <= GRADIENT:
                return _FLAT, 0, steps
        while True:
            direction = self._direction()
            if fresh and not steps:
                direction /= np.sqrt(_dot(direction, direction))
            slope, before = _dot(direction, s["g"]), float(s["f"])
            search = _Search(evaluate, s["x"], direction)
            found = slope < 0 and search.run(before, slope)
            evaluations += search.evaluations
            if not found:
                if not s["pairs"]:
                    return "ABNORMAL_TERMINATION_IN_LNSRCH", 2, steps
                s["pairs"][...] = 0
                continue
            steps += 1
            self._remember(search.point - s["x"], search.gradient - s["g"], -slope * search.length)
            s["x"][:], s["f"][...], s["g"][:] = search.point, search.value, search.gradient
            if evaluations > limit:
                return LIMIT, 1, steps
            if np.abs(s["g"]).max() <= GRADIENT:
                return _FLAT, 0, steps
            if before - search.value <= FACTOR * _PRECISION * max(abs(before), abs(search.value), 1):
                return "CONVERGENCE: REL_REDUCTION_OF_F_<=_FACTR*EPSMCH", 0, steps

    def _direction(self) -> np.ndarray:
        """Return where to go, ``(n,)``: minus the gradient, times the inverse Hessian that the pairs amount to."""
        s = self.state
        direction = -s["g"]
        newest = int(s["pairs"]) - 1
        if newest < 0:
            return direction
        slots = [index % PAIRS for index in range(newest, max(-1, newest - PAIRS), -1)]
        shares = {}
        for slot in slots:
            shares[slot] = _dot(s["steps"][slot], direction) / s["products"][slot]
            direction = daxpy(s["changes"][slot], direction, a=-shares[slot])
        last = s["changes"][slots[0]]
        direction *= s["products"][slots[0]] / _dot(last, last)
        for slot in reversed(slots):
            share = shares[slot] - _dot(s["changes"][slot], direction) / s["products"][slot]
            direction = daxpy(s["steps"][slot], direction, a=share)
        return direction

    def _remember(self, step: np.ndarray, change: np.ndarray, expected: float) -> None:
        """Keep a pair, the oldest being forgotten, unless the curvature along it is none."""
        product = _dot(step, change)
        if product <= _PRECISION * expected:
            return
        s, slot = self.state, int(self.state["pairs"]) % PAIRS
        s["steps"][slot], s["changes"][slot], s["products"][slot] = step, change, product
        s["pairs"] += 1


class _Search:
    """A line search from `start` along `direction`; afterwards where it ended, with value and gradient."""

    def __init__(self, evaluate: Function, start: np.ndarray, direction: np.ndarray) -> None:
        self._evaluate, self._start, self._direction = evaluate, start, direction
        self.evaluations = 0
        self.length = self.value = 0.0
        self.point = self.gradient = start

    def run(self, value: float, slope: float) -> bool:
        """Search from a point with that `value` and `slope`; return whether it ended within the trials allowed.

        A search that rounding errors end early counts as ended, as it does in L-BFGS-B.
        """
        try:
            scalar_search_wolfe1(
                self._value, self._slope, value, None, slope, _DECREASE, _CURVATURE, _LONGEST, 0, _INTERVAL
            )
        except _TooManyTrialsError:
            return False
        return self.evaluations > 0

    def _value(self, length: float) -> float:
        if self.evaluations == SEARCH:
            raise _TooManyTrialsError
        self.length, self.point = length, self._start + length * self._direction
        self.value, self.gradient = self._evaluate(self.point)
        self.evaluations += 1
        return self.value

    def _slope(self, length: float) -> float:
        return _dot(self.gradient, self._direction)


class _TooManyTrialsError(Exception):
    """A line search went on for too long."""


def _dot(one: np.ndarray, other: np.ndarray) -> float:
    return ddot(one, other)

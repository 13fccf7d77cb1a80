"""L-BFGS-B that can be put down between two evaluations and taken up again, to the bit.

``scipy.optimize.fmin_l_bfgs_b`` keeps its memory of steps and gradients to itself, so that a run in
rounds loses it each time and a run that is killed loses it for good; and it copies and compares every
point several times.  Below it lies ``setulb``, which calls nothing: it is called, says what it wants, and
keeps everything it knows in arrays of the caller.
It is private to scipy and its arguments changed with version 1.15, so it is used here and nowhere else.

References
----------
C. Zhu, R. Byrd, P. Lu and J. Nocedal, Algorithm 778: L-BFGS-B, ACM Trans. Math. Softw. 23(4), 1997,
550-560: the reverse communication and the arrays.
"""

from collections.abc import Callable, Mapping
from typing import Self

import numpy as np
import scipy
from scipy.optimize import _lbfgsb

from audiostyle.errors import RunError

__all__ = ["FACTOR", "GRADIENT", "LIMIT", "PAIRS", "SEARCH", "Function", "Lbfgs", "Resumable"]

#: From a point ``(n,)`` to value and gradient ``(n,)``.
Function = Callable[[np.ndarray], tuple[float, np.ndarray]]

# scipy's defaults, and so the authors': ten pairs of memory, a relative change of the value of about
# 2e-9, a gradient of 1e-5, twenty points in one line search.
PAIRS, FACTOR, GRADIENT, SEARCH = 10, 2.2204460492503131e-09 / np.finfo(float).eps, 1e-5, 20
LIMIT = "STOP: TOTAL NO. of f AND g EVALUATIONS EXCEEDS LIMIT"
# Up to 1.14 setulb is Fortran and speaks in words, from 1.15 on it is C and speaks in numbers.
_WORDS = hasattr(_lbfgsb, "types")
_EVENTS = {1: "step", 3: "evaluate", 4: "converged"}
_REASONS = {401: "NORM OF PROJECTED GRADIENT <= PGTOL", 402: "RELATIVE REDUCTION OF F <= FACTR*EPSMCH"}


class Resumable:
    """An optimiser whose arrays are all there is to know of it between two calls.

    Attributes
    ----------
    state : dict of str to np.ndarray
        The arrays themselves, the point ``x`` and its value ``f`` among them; copy them to keep them.
    """

    state: dict[str, np.ndarray]

    def __init__(self, start: np.ndarray) -> None:
        raise NotImplementedError

    @classmethod
    def resumed(cls, state: Mapping[str, np.ndarray]) -> Self:
        """Go on from the :attr:`state` of another one, which is copied.

        Raises
        ------
        RunError
            If it is not such a state, or one of a scipy whose arrays are others.
        """
        made = cls(np.asarray(state["x"]) if "x" in state else np.zeros(1))
        for name, array in made.state.items():
            kept = np.asarray(state[name]) if name in state else None
            if kept is None or kept.shape != array.shape or kept.dtype != array.dtype:
                raise RunError(
                    f"The memory of the descent was kept by another version of scipy than {scipy.__version__}, or is "
                    "damaged; go on with the packages that made it, or start the run afresh."
                )
            array[...] = kept
        return made

    @property
    def point(self) -> np.ndarray:
        """Where it is, ``(n,)`` float64; changed in place when it goes on."""
        return self.state["x"]

    def run(self, evaluate: Function, limit: int) -> tuple[str, int, int]:
        """Take steps until more than `limit` evaluations are passed, as scipy does, or until the optimiser ends.

        Parameters
        ----------
        evaluate : callable
            From a point ``(n,)`` to value and gradient ``(n,)``.
        limit : int

        Returns
        -------
        message : str
            Why it stopped, in scipy's words.
        warnflag : int
            scipy's: 0 converged, 1 limit reached, 2 anything else.
        steps : int
            Number of steps taken.
        """
        raise NotImplementedError


class Lbfgs(Resumable):
    """One descent without bounds, driven by its caller.

    ::

        lbfgs = Lbfgs(start)
        while (event := lbfgs.advance()) in ("evaluate", "step"):
            if event == "evaluate":
                lbfgs.tell(*function(lbfgs.point))
            elif enough:
                break

    visits the points that ``fmin_l_bfgs_b(function, start)`` visits.  At any time between two calls
    :attr:`state` is all there is to know, and ``Lbfgs.resumed(state)`` goes on as if nothing had been.

    Parameters
    ----------
    start : np.ndarray ``(n,)``
        Where to begin; it is not changed.

    Attributes
    ----------
    point : np.ndarray ``(n,)`` float64
        What is to be evaluated, or where the last step ended.  Changed in place by :meth:`advance`.
    state : dict of str to np.ndarray
        The arrays themselves, of about ``2 * 10 * n + 7 * n`` numbers together; copy them to keep them.
    """

    def __init__(self, start: np.ndarray) -> None:
        n, m = start.size, PAIRS
        whole = _lbfgsb.types.intvar.dtype if _WORDS else np.int32
        self.state = {
            "x": np.array(start, dtype=np.float64).ravel(),
            "f": np.array(0.0),
            "g": np.zeros(n),
            "wa": np.zeros(2 * m * n + 5 * n + 11 * m * m + 8 * m),
            "iwa": np.zeros(3 * n, dtype=whole),
            "lsave": np.zeros(4, dtype=whole),
            "isave": np.zeros(44, dtype=whole),
            "dsave": np.zeros(29),
        }
        if _WORDS:
            self.state |= {"task": np.array([b"START"], dtype="S60"), "csave": np.zeros(1, dtype="S60")}
        else:
            self.state |= {"task": np.zeros(2, dtype=np.int32), "ln_task": np.zeros(2, dtype=np.int32)}
        self._bounds = np.zeros(n), np.zeros(n), np.zeros(n, dtype=whole)

    @property
    def message(self) -> str:
        """What the optimiser says of its state, in scipy's words."""
        task = self.state["task"]
        if _WORDS:
            return task[0].decode().strip()
        event = _EVENTS.get(int(task[0]), "abnormal").upper()
        return f"{event}: {_REASONS.get(int(task[1]), f'code {task[1]}')}" if event != "EVALUATE" else event

    def advance(self) -> str:
        """Go on to where something is wanted or over.

        Returns
        -------
        str
            ``evaluate``: tell value and gradient at `point`; ``step``: one step is done, and the last
            point evaluated is where it ended; ``converged``; ``abnormal``: no line search finds a lower
            value any more.

        Raises
        ------
        RunError
            If this scipy's optimiser is another than the two that are known.
        """
        s, (low, high, kinds) = self.state, self._bounds
        first = (PAIRS, s["x"], low, high, kinds, s["f"], s["g"], FACTOR, GRADIENT, s["wa"], s["iwa"], s["task"])
        try:
            if _WORDS:
                _lbfgsb.setulb(*first, -1, s["csave"], s["lsave"], s["isave"], s["dsave"], SEARCH)
            else:
                _lbfgsb.setulb(*first, s["lsave"], s["isave"], s["dsave"], SEARCH, s["ln_task"])
        except (TypeError, ValueError) as error:
            raise RunError(
                f"The L-BFGS of scipy {scipy.__version__} takes other arguments than those known here ({error}); "
                "install the scipy that requirements.txt names."
            ) from None
        if not _WORDS:
            return _EVENTS.get(int(s["task"][0]), "abnormal")
        word = s["task"][0]
        known = {b"FG": "evaluate", b"NEW_X": "step", b"CONV": "converged"}
        return next((event for start, event in known.items() if word.startswith(start)), "abnormal")

    def tell(self, value: float, gradient: np.ndarray) -> None:
        """Say the value and the gradient ``(n,)`` at :attr:`point`."""
        self.state["f"][...] = value
        self.state["g"][:] = gradient

    def run(self, evaluate: Function, limit: int) -> tuple[str, int, int]:
        """See :class:`Resumable`."""
        evaluations = steps = 0
        while (event := self.advance()) in ("evaluate", "step"):
            if event == "evaluate":
                self.tell(*evaluate(self.point))
                evaluations += 1
            else:
                steps += 1
                if evaluations > limit:
                    return LIMIT, 1, steps
        return self.message, 0 if event == "converged" else 2, steps

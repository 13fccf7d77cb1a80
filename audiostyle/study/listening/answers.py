"""What listeners answered: who can be relied upon, and the median of each condition with its confidence interval.

A listener's score of a condition is the median over the trials; the numbers of a condition are of listeners, which are
independent of each other, as ratings by one listener are not.  The interval of the median comes from order statistics
(the binomial distribution) and assumes nothing of the scores.
"""

import csv
import dataclasses
import io
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from audiostyle.errors import InputError
from audiostyle.files import read_bytes, shown
from audiostyle.study.listening.blinded_sounds import HIDDEN

__all__ = ["Condition", "ListeningOutcome", "analyse_answers", "as_lines", "median_interval"]

# BS.1534-3, 4.1.2: who gives the hidden reference less than 90 in more than 15 % of the trials is left out.
_LEAST_SCORE, _MOST_SHARE = 90.0, 0.15
_LARGEST = 2**26
_COLUMNS = ("session_uuid", "trial_id", "rating_stimulus", "rating_score")


@dataclasses.dataclass(frozen=True)
class Condition:
    """What listeners said of one condition.

    Attributes
    ----------
    name : str
    listeners : int
    median, lower_quartile, upper_quartile : float
        0 (bad) to 100 (excellent).
    interval : tuple of float or None
        95 % confidence interval of the median; None with fewer than six listeners, of whom no interval is so sure.
    """

    name: str
    listeners: int
    median: float
    lower_quartile: float
    upper_quartile: float
    interval: tuple[float, float] | None


@dataclasses.dataclass(frozen=True)
class ListeningOutcome:
    """The outcome of a test.

    Attributes
    ----------
    question : str
    conditions : list of Condition
        Best first.
    listeners : int
        Who answered.
    excluded : dict of str to str
        Who was left out, and why.
    """

    question: str
    conditions: list[Condition]
    listeners: int
    excluded: dict[str, str]


def analyse_answers(paths: Sequence[str], key: Mapping[str, Any]) -> ListeningOutcome:
    """Read and analyse answers.

    Parameters
    ----------
    paths : sequence of str
        CSV files of webMUSHRA (``mushra.csv``) or of our own page, one for each listener or several in one.
    key : mapping
        From :func:`audiostyle.study.listening.write_test.read_key`.

    Raises
    ------
    InputError
        If a file is none, or its answers are of another test.
    """
    # Listener to condition to the score of each trial.
    scores: dict[str, dict[str, dict[str, float]]] = {}
    for path in paths:
        for listener, trial, condition, score in _read(path, key):
            scores.setdefault(listener, {}).setdefault(condition, {})[trial] = score
    if not scores:
        raise InputError("There are no answers in the files.")
    excluded = {listener: why for listener, said in scores.items() if (why := _unreliable(said.get(HIDDEN, {})))}
    kept = [said for listener, said in scores.items() if listener not in excluded]
    names = dict.fromkeys(name for said in kept for name in said)
    conditions = [
        _summed_up(name, [statistics.median(said[name].values()) for said in kept if name in said]) for name in names
    ]
    conditions.sort(key=lambda one: -one.median)
    return ListeningOutcome(str(key.get("question", "")), conditions, len(scores), excluded)


def median_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """Return the narrowest pair of order statistics that holds the median with this confidence, or None.

    Examples
    --------
    With ten values the second and the ninth do, at 97.9 %; with five none do.

    >>> median_interval([float(value) for value in range(1, 11)])
    (2.0, 9.0)
    >>> median_interval([1.0, 2.0, 3.0, 4.0, 5.0]) is None
    True
    """
    n, ordered = len(values), sorted(values)
    outside, rank = 0.0, 0
    # As many values may be left out on each side as the median is below with a chance of less than 2.5 %.
    while (more := outside + math.comb(n, rank) / 2**n) <= (1 - confidence) / 2:
        outside, rank = more, rank + 1
    return (ordered[rank - 1], ordered[n - rank]) if rank else None


def as_lines(analysis: ListeningOutcome) -> list[str]:
    """Return the outcome as lines of a table."""
    kept = analysis.listeners - len(analysis.excluded)
    width = max([len(one.name) for one in analysis.conditions] + [9])
    lines = [
        f"{analysis.listeners} listeners, {kept} of them kept (how near to the {analysis.question}, 0 to 100)",
        "",
        f"{'condition':<{width}}  median  quartiles     95 % of the median",
    ]
    for one in analysis.conditions:
        quartiles = f"{one.lower_quartile:.1f} to {one.upper_quartile:.1f}"
        interval = "too few listeners" if one.interval is None else f"{one.interval[0]:.1f} to {one.interval[1]:.1f}"
        lines.append(f"{one.name:<{width}}  {one.median:6.1f}  {quartiles:<12}  {interval}")
    if not analysis.conditions:
        lines = [f"{analysis.listeners} listeners, none of whom can be relied upon."]
    if analysis.excluded:
        lines += ["", "Left out (BS.1534):", *(f"  {who}: {why}" for who, why in analysis.excluded.items())]
    return lines


def _read(path: str, key: Mapping[str, Any]) -> list[tuple[str, str, str, float]]:
    """Return listener, trial, condition and score of each answer."""
    try:
        text = read_bytes(path, _LARGEST).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text), restval="")
        if missing := [name for name in _COLUMNS if name not in (reader.fieldnames or [])]:
            raise ValueError(f"it has no column {missing[0]}")
        return [_answer(row, key, f"line {reader.line_num}") for row in reader]
    except (ValueError, csv.Error) as error:
        raise InputError(f"The answers in {shown(path)} cannot be used: {error}.") from None


def _answer(row: Mapping[str, str], key: Mapping[str, Any], where: str) -> tuple[str, str, str, float]:
    listener, trial, stimulus, said = (row[name].strip() for name in _COLUMNS)
    if trial not in key["trials"]:
        raise ValueError(f"{where}: the key has no trial {trial[:40]!a}, so they are of another test")
    entry = key["trials"][trial].get(stimulus)
    # webMUSHRA calls the hidden reference so itself.
    condition = HIDDEN if stimulus == "reference" else entry["condition"] if entry else None
    if condition is None:
        raise ValueError(f"{where}: the key has no stimulus {stimulus[:40]!a} in {trial}")
    try:
        score = float(said)
    except ValueError:
        score = math.nan
    if not 0 <= score <= 100:
        raise ValueError(f"{where}: the score {said[:40]!a} is not from 0 to 100")
    if not listener:
        raise ValueError(f"{where}: there is no session_uuid")
    return listener, trial, condition, score


def _unreliable(hidden: Mapping[str, float]) -> str:
    """Say why a listener is left out; nothing if not."""
    if not hidden:
        return "did not rate the hidden reference"
    low = sum(score < _LEAST_SCORE for score in hidden.values())
    if low <= _MOST_SHARE * len(hidden):
        return ""
    return f"gave the hidden reference less than {_LEAST_SCORE:g} in {low} of {len(hidden)} trials"


def _summed_up(name: str, values: Sequence[float]) -> Condition:
    quartiles = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return Condition(name, len(values), statistics.median(values), quartiles[0], quartiles[2], median_interval(values))

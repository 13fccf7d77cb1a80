"""``sweep.toml``: which settings a batch tries on every pair, as a list of points."""

import itertools
import math
import random
import tomllib
from typing import Any, NoReturn

from audiostyle.errors import InputError
from audiostyle.files import AnyPath, read_bytes, shown

__all__ = ["Point", "read_sweep"]

#: Settings by name, as text.
Point = dict[str, str]

_PARTS = ("fixed", "grid", "random", "points")
_LARGEST = 2**20
_MOST_POINTS = 10**6


def read_sweep(path: AnyPath) -> list[Point]:
    """Return every point of a sweep: each of ``[[points]]`` with each of ``[grid]`` and each draw of ``[random]``.

    Raises
    ------
    InputError
        If the file cannot be read or is no sweep.  Whether there are such settings is for the plan to say.
    """
    try:
        document = tomllib.loads(read_bytes(path, _LARGEST).decode())
    except (ValueError, RecursionError) as error:
        raise InputError(f"The sweep {shown(path)} is no TOML: {error}.") from error
    refuse = _Refusal(path)
    if unknown := sorted(set(document) - set(_PARTS)):
        refuse(f"it has [{unknown[0]}], but a sweep has [fixed], [grid], [random] and [[points]]")
    fixed = {name: _text(name, value, refuse) for name, value in _table(document, "fixed", refuse).items()}
    grid = {
        name: [_text(name, value, refuse) for value in _several(name, values, refuse)]
        for name, values in _table(document, "grid", refuse).items()
    }
    points = document.get("points", [{}])
    if not isinstance(points, list) or not points or not all(isinstance(one, dict) for one in points):
        refuse("its [[points]] are no tables")
    named = [{name: _text(name, value, refuse) for name, value in one.items()} for one in points]
    draws = _draws(_table(document, "random", refuse), refuse)
    if len(named) * len(draws) * math.prod(map(len, grid.values())) > _MOST_POINTS:
        refuse(f"it has more than {_MOST_POINTS} points")
    parts = {"grid": set(grid), "random": set(draws[0]), "points": set().union(*named), "fixed": set(fixed)}
    for (one, names), (other, others) in itertools.combinations(parts.items(), 2):
        if twice := sorted(names & others):
            refuse(f"{twice[0]} is in [{one}] and in [{other}]")
    axes = itertools.product(*([(name, value) for value in values] for name, values in grid.items()))
    return [{**fixed, **point, **dict(axis), **draw} for point, axis, draw in itertools.product(named, axes, draws)]


class _Refusal:
    def __init__(self, path: AnyPath) -> None:
        self._path = path

    def __call__(self, why: str) -> NoReturn:
        raise InputError(f"The sweep {shown(self._path)} cannot be used: {why}.")


def _table(document: dict[str, Any], name: str, refuse: _Refusal) -> dict[str, Any]:
    table = document.get(name, {})
    if not isinstance(table, dict):
        refuse(f"its {name} is no table")
    return table


def _several(name: str, values: Any, refuse: _Refusal) -> list[Any]:
    if not isinstance(values, list) or not values:
        refuse(f"[grid] {name} is no list of values")
    return values


def _draws(table: dict[str, Any], refuse: _Refusal) -> list[Point]:
    """Draw once, from a seed: the plan keeps what was drawn."""
    if not table:
        return [{}]
    count, seed = table.pop("draws", None), table.pop("seed_of_draws", 0)
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= _MOST_POINTS:
        refuse("[random] needs draws, a whole number of at least 1")
    # A generator for each setting, so that another setting changes nothing of this one's draws.
    generators = {name: random.Random(f"{seed}/{name}") for name in table}
    return [
        {name: _drawn(name, how, generators[name].random(), refuse) for name, how in table.items()}
        for _ in range(count)
    ]


def _drawn(name: str, how: Any, share: float, refuse: _Refusal) -> str:
    """Return the value at a share of the way between the ends, or of a list."""
    kind, values = next(iter(how.items())) if isinstance(how, dict) and len(how) == 1 else ("", [])
    if kind == "choice" and isinstance(values, list) and values:
        return _text(name, values[int(share * len(values))], refuse)
    ends = isinstance(values, list) and len(values) == 2 and all(type(end) in (int, float) for end in values)
    if not ends or kind not in ("uniform", "log", "whole") or (kind == "log" and min(values) <= 0):
        refuse(
            f"[random] {name} must be {{uniform = [low, high]}}, {{log = [low, high]}} with both above 0, "
            "{whole = [low, high]} or {choice = [...]}"
        )
    low, high = values
    if kind == "log":
        return repr(math.exp(math.log(low) + share * (math.log(high) - math.log(low))))
    if kind == "whole":
        return str(int(low) + int(share * (int(high) - int(low) + 1)))
    return repr(low + share * (high - low))


def _text(name: str, value: Any, refuse: _Refusal) -> str:
    """Return a value as ``--set`` takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(_text(name, one, refuse) for one in value)
    if not isinstance(value, (str, int, float)):
        refuse(f"the value of {name} is neither a number nor a text")
    return str(value)

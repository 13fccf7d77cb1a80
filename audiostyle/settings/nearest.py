"""What somebody who mistyped a name probably meant."""

import difflib
from collections.abc import Iterable

__all__ = ["did_you_mean"]

_CLOSE = 0.65
# Comparing takes time that grows with the square of the length, and no name of ours is as long.
_LONGEST = 60


def did_you_mean(given: object, names: Iterable[object]) -> str:
    """Return ``; did you mean pooling?``, to be put behind a sentence, or nothing if no name is near.

    Examples
    --------
    >>> did_you_mean("poling", ["pooling", "seed"])
    '; did you mean pooling?'
    >>> did_you_mean("colour", ["pooling", "seed"])
    ''
    """
    known = {str(name).casefold(): str(name) for name in names}
    near = difflib.get_close_matches(str(given)[:_LONGEST].casefold(), known, 1, _CLOSE)
    return f"; did you mean {known[near[0]]}?" if near else ""

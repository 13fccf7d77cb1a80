"""How every picture of a run is drawn and saved.

With matplotlib's objects only: no window system, no state that a caller's own plots could meet, and the
same whatever the user's matplotlibrc says.
"""

import contextlib
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from audiostyle.run.folder import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["drawing", "save"]


@contextlib.contextmanager
def drawing(width: float, height: float) -> "Iterator[Figure]":
    """A figure of `width` by `height` inches under matplotlib's own defaults."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # A user's matplotlibrc may ask for LaTeX or for fonts that are not there.
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({"axes.formatter.useoffset": False, "axes.spines.top": False, "axes.spines.right": False})
        figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure


def save(figure: "Figure", folder: RunFolder, name: str) -> None:
    """Write a figure into the folder as a PNG.

    Raises
    ------
    RunError
        If the file cannot be written.
    """
    # In memory first, so that only writing a file can fail as writing a file.
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": "AudioStyle"})
    folder.write_bytes(name, data.getvalue())

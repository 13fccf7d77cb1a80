"""How every picture of a run is drawn and saved.

With matplotlib's objects only: no window system, no state that a caller's own plots could meet, and the
same whatever the user's matplotlibrc says.
"""

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from audiostyle.run.folder import RunFolder
from audiostyle.settings import Settings, preset_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["caption_of", "drawing", "save"]

_LONGEST_NAME = 50


def caption_of(content: str, style: str, settings: Settings) -> str:
    """Return the line under every picture of a run: clips, preset and seed.

    Parameters
    ----------
    content, style : str
        Names of the clips' files, which may hold anything.
    settings : Settings
    """
    kind = preset_of(settings)
    made = f"preset {kind}" if kind else "settings of no preset"
    return f"{_shown(content)} in the style of {_shown(style)}; {made}, seed {settings.seed}"


def _shown(name: str) -> str:
    name = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)
    half = _LONGEST_NAME // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[:half]}...{name[-half:]}"


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


def save(figure: "Figure", folder: RunFolder, name: str, caption: str = "") -> None:
    """Write a figure into the folder as a PNG, with a caption under it.

    Raises
    ------
    RunError
        If the file cannot be written.
    """
    if caption:
        # A dollar in a file's name begins no formula.
        figure.supxlabel(caption, x=0.01, ha="left", fontsize="small", color="0.35", parse_math=False)
    with warnings.catch_warnings():
        # Names may have letters that the font lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        _write(figure, folder, name)


def _write(figure: "Figure", folder: RunFolder, name: str) -> None:
    # In memory first, so that only writing a file can fail as writing a file.
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": "AudioStyle"})
    folder.write_bytes(name, data.getvalue())

"""The paper's Figures 1 to 4, panel by panel as the authors drew them: colours, axes, order.

What of the four experiments is not there leaves its panels out; the others keep their letters.
"""

import contextlib
import dataclasses
import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from audiostyle.pipeline import Analysis
from audiostyle.run.curves import autocorrelation_curve
from audiostyle.settings import Settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["CAPTIONS", "Result", "draw_figures"]

#: The paper's captions, with what is really in the panels where that differs (D1).
CAPTIONS = {
    "figure1.png": "Figure 1: (a) Spectrogram transformation of audio clip. (b) MFCC transformation of audio clip "
    "(in the released code a mel spectrogram, D1). It is the style clip.",
    "figure2.png": "Figure 2: Spectrograms of the input audio files. (a) Content clip. (b) Style clip.",
    "figure3.png": "Figure 3: Output spectrograms after style transfer using (a) original loss function (b) MFCC "
    "transform with original loss function (c) MFCC transform with row autocorrelation added to loss function (d) MFCC "
    "transform with row and column autocorrelation added to loss function.",
    "figure4.png": "Figure 4: Autocorrelation plots. Red, blue, and green lines represent the content, style, and "
    "output images respectively. (a) Row autocorrelation for MFCC transformation. (b) Column autocorrelation for MFCC "
    "transformation. (c) Row autocorrelation for MFCC transformation with updated loss function. (d) Column "
    "autocorrelation for MFCC transformation with updated loss function.",
}

# Height over width of the authors' panels.
_PICTURE, _CURVE = 277 / 1664, 141 / 1672
_WIDTH = 12.0
_CAPTION = 0.3


@dataclasses.dataclass(frozen=True)
class Result:
    """What an experiment came to, as far as the figures show it.

    Attributes
    ----------
    settings : Settings
    values : np.ndarray
        In the range of the representation, in the orientation of the network's image.
    spectrogram : np.ndarray ``(n_frames, n_bins)``
        What was inverted: before it became sound (4.2, "converted back to spectrogram form").
    """

    settings: Settings
    values: np.ndarray
    spectrogram: np.ndarray


def draw_figures(content: Analysis, style: Analysis, results: Mapping[str, Result]) -> dict[str, bytes]:
    """Draw all figures of which there is a panel.

    Parameters
    ----------
    content, style : Analysis
        The clips as experiment 3b sees them.
    results : mapping of str to Result
        By ``3a`` to ``3d``.

    Returns
    -------
    dict of str to bytes
        PNG files by name: ``figure1.png`` to ``figure4.png``.
    """
    pictures = {
        # The paper does not say which clip this is; its picture is that of the style.
        "figure1.png": {"a": style.spectrogram.T, "b": style.values},
        "figure2.png": {"a": content.spectrogram.T, "b": style.spectrogram.T},
        "figure3.png": {name[1]: result.spectrogram.T for name, result in sorted(results.items())},
    }
    drawn = {name: _draw_pictures(panels) for name, panels in pictures.items() if panels}
    curves = {}
    for letters, name in (("ab", "3b"), ("cd", "3d")):
        if name in results:
            for letter, direction in zip(letters, ("row", "column"), strict=True):
                values = (content.values, style.values, results[name].values)
                curves[letter] = [autocorrelation_curve(x, direction, results[name].settings) for x in values]
    if curves:
        drawn["figure4.png"] = _draw_curves(curves)
    return drawn


def _draw_pictures(panels: Mapping[str, np.ndarray]) -> bytes:
    """Spectrograms one above the other; each uses all colours, as in the paper."""
    with _drawing(len(panels), _PICTURE) as (figure, axes):
        for ax, (letter, panel) in zip(axes, panels.items(), strict=True):
            ax.imshow(panel, cmap="afmhot", origin="lower", aspect="auto", interpolation="antialiased")
            _finish(ax, letter)
        return _png(figure)


def _draw_curves(panels: Mapping[str, list[np.ndarray]]) -> bytes:
    """Content red, style blue, result green; the first lags, which dwarf the rest, are cut off (T22)."""
    with _drawing(len(panels), _CURVE) as (figure, axes):
        for ax, (letter, three) in zip(axes, panels.items(), strict=True):
            for curve, colour in zip(three, ("red", "blue", "green"), strict=True):
                ax.plot(curve, color=colour, linewidth=1.2)
            seen = np.concatenate([curve[len(three[0]) // 40 + 1 :] for curve in three])
            if seen.size and seen.min() < seen.max():
                ax.set_ylim(seen.min(), seen.max())
            _finish(ax, letter)
        return _png(figure)


@contextlib.contextmanager
def _drawing(count: int, ratio: float) -> "Iterator[tuple[Figure, list[Axes]]]":
    """A figure of `count` panels with room for a letter below each, whatever the user's matplotlibrc says."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()
        panel = _WIDTH * ratio
        height = count * (panel + _CAPTION)
        figure = Figure(figsize=(_WIDTH, height), dpi=110)
        FigureCanvasAgg(figure)
        axes = [
            figure.add_axes((0.002, 1 - ((index + 1) * panel + index * _CAPTION) / height, 0.996, panel / height))
            for index in range(count)
        ]
        yield figure, axes


def _finish(ax: "Axes", letter: str) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_xlabel(f"({letter})", labelpad=3, fontsize="medium")


def _png(figure: "Figure") -> bytes:
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": "AudioStyle"})
    return data.getvalue()

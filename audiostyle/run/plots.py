"""The pictures of a run: what went in and came out, and how it repeats itself."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from audiostyle.audio.chroma import CLASSES
from audiostyle.audio.constantq import LOWEST, ROWS_PER_OCTAVE
from audiostyle.run.figure import drawing, save
from audiostyle.run.folder import RunFolder
from audiostyle.settings import Settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_autocorrelations", "draw_representation", "mel_centres"]

Triple = tuple[np.ndarray, np.ndarray, np.ndarray]

# The authors' colours (viz.py), in shades of different lightness: whoever cannot tell red from green
# still sees a light thin line and a dark thick one.
_CURVES = (("Content", "#f0524f", 1.1), ("Style", "#2456c8", 1.1), ("Result", "#0a6b1d", 1.7))
# Columns of a panel, which has a thousand pixels, that are drawn one by one: those of 47 s of a spectrogram.
_WIDEST = 8192
_PITCHES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")


def draw_representation(
    folder: RunFolder,
    name: str,
    content: np.ndarray,
    style: np.ndarray,
    result: np.ndarray,
    settings: Settings,
    caption: str = "",
) -> None:
    """Draw content, style and result one above the other, on one colour scale.

    Parameters
    ----------
    folder : RunFolder
        Where the picture goes.
    name : {'mel.png', 'mfcc.png', 'cqt.png', 'chroma.png', 'spectrogram.png'}
        File name, and what the values are.
    content, style, result : numpy.ndarray
        ``(n_rows, n_columns)``, or ``(n_frames, n_bins)`` for the spectrogram whatever
        ``spec_orientation`` is.
    settings : Settings
        For the axes.
    caption : str
        Stands under the picture.

    Raises
    ------
    RunError
        If the picture cannot be written.
    """
    kind = name.removesuffix(".png")
    # In float32: matplotlib makes several copies of a whole spectrogram, and these were a run's peak of memory.
    turned = [panel.T if kind == "spectrogram" else panel for panel in (content, style, result)]
    panels = [_narrowed(panel) for panel in turned]
    limits = [bound for panel in panels for bound in _limits(panel, kind)]
    with drawing(12.0, 9.0) as figure:
        axes = figure.subplots(3, 1, sharex=True, sharey=True)
        for ax, panel, whole, title in zip(axes, panels, turned, _titles(kind), strict=True):
            image = ax.imshow(
                panel,
                cmap="afmhot",
                origin="lower",
                aspect="auto",
                vmin=min(limits),
                vmax=max(limits),
                extent=_extent(whole, kind, settings),
            )
            ax.set_title(title, loc="left")
            _label_rows(ax, len(panel), kind, settings)
        axes[-1].set_xlabel("time in seconds")
        unit = "coefficient" if kind == "mfcc" else "log10 of magnitude (0 is the loudest)"
        figure.colorbar(image, ax=list(axes), label=unit, fraction=0.03, aspect=45, pad=0.015)
        save(figure, folder, name, caption)


def draw_autocorrelations(
    folder: RunFolder,
    name: str,
    curves: Mapping[str, Triple],
    settings: Settings,
    direction: str,
    caption: str = "",
) -> None:
    """Draw the autocorrelation curves of all layers, as Figure 4 and the authors' plots do (T22).

    Parameters
    ----------
    folder : RunFolder
        Where the picture goes.
    name : str
        ``row_autocorrelation.png`` or ``column_autocorrelation.png``.
    curves : mapping of str to (content, style, result)
        By layer, from the top panel down: ``input``, whose curves are of the de-quantised values,
        and names such as ``conv1_1``; each curve as
        :func:`audiostyle.run.curves.autocorrelation_curve` returns it.
    settings : Settings
        For the axes.
    direction : {'row', 'column'}
        Whether the lag is a time or a distance in frequency.
    caption : str
        Stands under the picture.

    Raises
    ------
    RunError
        If the picture cannot be written.
    """
    steps = {layer: _lag_step(layer, direction, settings) for layer in curves}
    span = max((steps[layer] * (len(curve) + 1) for layer, three in curves.items() for curve in three), default=1.0)
    with drawing(12.0, 1.2 + 1.55 * max(len(curves), 1)) as figure:
        axes = figure.subplots(max(len(curves), 1), 1, sharex=True, squeeze=False)[:, 0]
        for ax, (layer, three) in zip(axes, curves.items(), strict=False):
            for curve, (label, colour, width) in zip(three, _CURVES, strict=True):
                # A step belongs to the middle between its two lags.
                lags = (np.arange(len(curve)) + 0.5) * steps[layer]
                ax.plot(lags, curve, color=colour, linewidth=width, label=label)
            ax.set_title(layer, loc="left", fontsize="medium")
            ax.axhline(0, color="0.8", linewidth=0.6, zorder=0)
            _limit_curves(ax, three)
        axes[-1].set_xlim(0, span)
        axes[-1].set_xlabel(_lag_label(direction, settings))
        over = "rows" if direction == "row" else "columns"
        figure.supylabel(f"step of the autocorrelation from lag to lag, mean over {over}", fontsize="medium")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=3, frameon=False)
        save(figure, folder, name, caption)


def mel_centres(settings: Settings) -> np.ndarray:
    """Return the frequency in Hz of the clip at the middle of each mel filter, ``(n_mels,)``.

    The filters are made for ``mel_sample_rate`` and applied to clips of ``sample_rate``, so their
    frequencies in the clip are in that proportion (D2).
    """
    low, high = 2595 * np.log10(1 + np.array([settings.mel_fmin, settings.mel_fmax]) / 700)
    centres = 700 * (10 ** (np.linspace(low, high, settings.n_mels + 2)[1:-1] / 2595) - 1)
    return centres * settings.sample_rate / settings.mel_sample_rate


def _narrowed(panel: np.ndarray) -> np.ndarray:
    """Return a panel in float32; of a long clip with the means of so many columns at a time as a pixel hardly shows."""
    together = -(-panel.shape[1] // _WIDEST)
    if together == 1:
        return np.asarray(panel, dtype=np.float32)
    starts = np.arange(0, panel.shape[1], together)
    counts = np.diff(starts, append=panel.shape[1])
    means: np.ndarray = np.add.reduceat(panel, starts, axis=1, dtype=np.float32) / counts.astype(np.float32)
    return means


def _titles(kind: str) -> tuple[str, str, str]:
    """Name the panels; what the inversion does to the result is not in its spectrogram."""
    return "Content", "Style", "Result, before it is made into sound" if kind == "spectrogram" else "Result"


def _limits(panel: np.ndarray, kind: str) -> tuple[float, float]:
    """Lowest and highest value to tell apart; the first two cepstral coefficients dwarf all others."""
    values = panel[2:] if kind == "mfcc" else panel
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 0.0
    low, high = np.percentile(finite, (1, 99)) if kind == "mfcc" else (finite.min(), finite.max())
    return float(low), float(high)


def _extent(panel: np.ndarray, kind: str, settings: Settings) -> tuple[float, float, float, float]:
    """Edges of a panel in seconds and, for the spectrogram, in Hz (otherwise in rows)."""
    height, width = panel.shape
    # A frame is where the middle of its window is; mel loses its first column (mfcc.py:299).
    zoom, first = (1, 0) if kind == "spectrogram" else (settings.time_zoom, 1)
    step = zoom * settings.hop_length / settings.sample_rate
    start = (first - 0.5) * step + settings.n_fft / 2 / settings.sample_rate
    row = settings.sample_rate / settings.n_fft if kind == "spectrogram" else 1.0
    return start, start + width * step, -0.5 * row, (height - 0.5) * row


def _label_rows(ax: "Axes", height: int, kind: str, settings: Settings) -> None:
    if kind == "mel":
        _mark_frequencies(ax, mel_centres(settings))
    elif kind == "cqt":
        _mark_frequencies(ax, LOWEST * 2 ** (np.arange(height) / ROWS_PER_OCTAVE))
    elif kind == "chroma":
        ax.set_yticks((np.arange(CLASSES) + 0.5) * height / CLASSES - 0.5, _PITCHES)
    ax.set_ylabel({"mfcc": "cepstral coefficient", "chroma": "pitch class"}.get(kind, "frequency in Hz"))


def _mark_frequencies(ax: "Axes", centres: np.ndarray) -> None:
    """Put ticks at round frequencies, 100, 200, 500, 1k and so on, between the rows whose centres are given."""
    steps = [step * 10**power for power in range(1, 5) for step in (1, 2, 5)]
    seen = [step for step in steps if centres[0] <= step <= centres[-1]]
    if len(seen) < 2:
        seen = [round(float(centres[0])), round(float(centres[-1]))]
    labels = [f"{step // 1000}k" if step % 1000 == 0 else str(step) for step in seen]
    ax.set_yticks(np.interp(seen, centres, np.arange(len(centres))), labels)


def _lag_step(layer: str, direction: str, settings: Settings) -> float:
    """How much a step of one lag is in the unit of the axis, at a layer."""
    spectrogram = settings.representation == "spectrogram"
    if direction == "row":
        step = settings.hop_length / settings.sample_rate * (1 if spectrogram else settings.time_zoom)
    else:
        step = settings.sample_rate / settings.n_fft if spectrogram else 1.0
    if layer == "input":
        return step
    # Each pooling halves the picture, and before the network the spectrogram was shrunk (D6).
    halvings = int(layer.removeprefix("conv").split("_")[0]) - 1
    if spectrogram and settings.spec_zoom_axes == "both":
        step *= settings.spec_zoom
    elif spectrogram and direction == "row":
        step *= settings.spec_zoom**2
    return step * 2**halvings


def _lag_label(direction: str, settings: Settings) -> str:
    if direction == "row":
        return "lag in seconds"
    units = {
        "mel": "mel bands",
        "mfcc": "cepstral coefficients",
        "spectrogram": "Hz",
        "cqt": "semitones",
        "chroma": "rows of the picture",
    }
    return f"lag in {units[settings.representation]}"


def _limit_curves(ax: "Axes", three: Triple) -> None:
    """Set the limits without the first lags, which dwarf the rest (T22)."""
    skip = len(three[0]) // 40 + 1
    seen = np.concatenate([np.asarray(curve, dtype=np.float64)[skip:] for curve in three])
    seen = seen[np.isfinite(seen)]
    if seen.size and seen.min() < seen.max():
        ax.set_ylim(seen.min(), seen.max())
    ax.locator_params(axis="y", nbins=4)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "\N{MINUS SIGN}"))

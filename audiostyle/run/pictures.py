"""The pictures of a run: what went in and came out, how it repeats itself, and how the losses fell.

Drawn with matplotlib's objects only: no window system, no state that a caller's own plots could meet,
and the same whatever the user's matplotlibrc says.
"""

import contextlib
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from audiostyle.audio.chroma import CLASSES
from audiostyle.audio.constantq import LOWEST, ROWS_PER_OCTAVE
from audiostyle.records import Evaluation
from audiostyle.run.folder import RunFolder
from audiostyle.settings import Settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_autocorrelations", "draw_losses", "draw_representation", "mel_centres", "write_losses_csv"]

Triple = tuple[np.ndarray, np.ndarray, np.ndarray]

# The authors' colours (viz.py), in shades of different lightness: whoever cannot tell red from green
# still sees a light thin line and a dark thick one.
_CURVES = (("Content", "#f0524f", 1.1), ("Style", "#2456c8", 1.1), ("Result", "#0a6b1d", 1.7))
# Okabe and Ito's palette, which the common kinds of colour blindness leave apart; layers of one loss
# differ in their dashes too.
_LOSS_COLOURS = {
    "content": ("#d55e00",),
    "style": ("#003f6b", "#0072b2", "#2f9fe0", "#56b4e9", "#9bd3f5"),
    "total_variation": ("#808080",),
    "row_autocorrelation": ("#009e73",),
    "column_autocorrelation": ("#cc79a7",),
}
_OTHER_COLOURS = ("#e69f00", "#c8b400")
_DASHES: tuple[Any, ...] = ("-", (0, (6, 1.5)), (0, (1.5, 1)), (0, (6, 1.2, 1.2, 1.2)), (0, (3, 1)))
_MOST_BOUNDARIES = 200
_PITCHES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")


def draw_representation(
    folder: RunFolder, name: str, content: np.ndarray, style: np.ndarray, result: np.ndarray, settings: Settings
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

    Raises
    ------
    RunError
        If the picture cannot be written.
    """
    kind = name.removesuffix(".png")
    panels = [np.asarray(panel, dtype=np.float64) for panel in (content, style, result)]
    if kind == "spectrogram":
        panels = [panel.T for panel in panels]
    limits = [bound for panel in panels for bound in _limits(panel, kind)]
    with _drawing(12.0, 9.0) as figure:
        axes = figure.subplots(3, 1, sharex=True, sharey=True)
        for ax, panel, title in zip(axes, panels, ("Content", "Style", "Result"), strict=True):
            image = ax.imshow(
                panel,
                cmap="afmhot",
                origin="lower",
                aspect="auto",
                vmin=min(limits),
                vmax=max(limits),
                extent=_extent(panel, kind, settings),
            )
            ax.set_title(title, loc="left")
            _label_rows(ax, len(panel), kind, settings)
        axes[-1].set_xlabel("time in seconds")
        unit = "coefficient" if kind == "mfcc" else "log10 of magnitude (0 is the loudest)"
        figure.colorbar(image, ax=list(axes), label=unit, fraction=0.03, aspect=45, pad=0.015)
        _save(figure, folder, name)


def draw_autocorrelations(
    folder: RunFolder, name: str, curves: Mapping[str, Triple], settings: Settings, direction: str
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

    Raises
    ------
    RunError
        If the picture cannot be written.
    """
    steps = {layer: _lag_step(layer, direction, settings) for layer in curves}
    span = max((steps[layer] * (len(curve) + 1) for layer, three in curves.items() for curve in three), default=1.0)
    with _drawing(12.0, 1.2 + 1.55 * max(len(curves), 1)) as figure:
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
        _save(figure, folder, name)


def draw_losses(folder: RunFolder, evaluations: Sequence[Evaluation], name: str = "losses.png") -> None:
    """Draw every weighted loss part and the total against the number of the evaluation.

    Parameters
    ----------
    folder : RunFolder
        Where the picture goes.
    evaluations : sequence of Evaluation
        In order; values that a logarithmic axis cannot show (0, NaN) leave a gap.
    name : str
        File name.

    Raises
    ------
    RunError
        If the picture cannot be written.
    """
    numbers = np.arange(1, len(evaluations) + 1)
    with _drawing(12.0, 6.5) as figure:
        ax = figure.subplots()
        for part, line in _loss_lines(_part_names(evaluations)):
            _draw_loss(ax, numbers, np.array([one.parts.get(part, np.nan) for one in evaluations]), **line)
        total = np.array([one.total for one in evaluations], dtype=np.float64)
        _draw_loss(ax, numbers, total, label="total", color="black", linewidth=2.0)
        ax.set_yscale("log", nonpositive="mask")
        ax.set_xlim(0.5, max(len(evaluations), 1) + 0.5)
        ax.locator_params(axis="x", integer=True)
        ax.set_xlabel("evaluation")
        ax.set_ylabel("weighted loss")
        ax.grid(axis="y", color="0.92")
        ax.set_axisbelow(True)
        _mark_rounds(ax, evaluations)
        figure.legend(loc="outside right upper", frameon=False)
        _save(figure, folder, name)


def write_losses_csv(folder: RunFolder, evaluations: Sequence[Evaluation], name: str = "losses.csv") -> None:
    """Write every evaluation as a row: evaluation, round, index, seconds, total, then every part.

    Numbers have all their digits.  A part that an evaluation lacks is an empty field.

    Parameters
    ----------
    folder : RunFolder
        Where the file goes.
    evaluations : sequence of Evaluation
        In order.
    name : str
        File name.

    Raises
    ------
    RunError
        If the file cannot be written.
    """
    parts = _part_names(evaluations)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["evaluation", "round", "index", "seconds", "total", *parts])
    for number, one in enumerate(evaluations, start=1):
        values = [repr(float(one.parts[part])) if part in one.parts else "" for part in parts]
        writer.writerow([number, one.round, one.index, f"{one.seconds:.6f}", repr(float(one.total)), *values])
    folder.write_bytes(name, text.getvalue().encode())


def mel_centres(settings: Settings) -> np.ndarray:
    """Return the frequency in Hz of the clip at the middle of each mel filter, ``(n_mels,)``.

    The filters are made for ``mel_sample_rate`` and applied to clips of ``sample_rate``, so their
    frequencies in the clip are in that proportion (D2).
    """
    low, high = 2595 * np.log10(1 + np.array([settings.mel_fmin, settings.mel_fmax]) / 700)
    centres = 700 * (10 ** (np.linspace(low, high, settings.n_mels + 2)[1:-1] / 2595) - 1)
    return centres * settings.sample_rate / settings.mel_sample_rate


@contextlib.contextmanager
def _drawing(width: float, height: float) -> "Iterator[Figure]":
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


def _save(figure: "Figure", folder: RunFolder, name: str) -> None:
    # In memory first, so that only writing a file can fail as writing a file.
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": "AudioStyle"})
    folder.write_bytes(name, data.getvalue())


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
        rows = np.unique(np.linspace(0, height - 1, 7).round().astype(int))
        ax.set_yticks(rows, [f"{mel_centres(settings)[row]:.0f}" for row in rows])
    elif kind == "cqt":
        rows = np.arange(0, height, ROWS_PER_OCTAVE)
        ax.set_yticks(rows, [f"{LOWEST * 2 ** (row / ROWS_PER_OCTAVE):.0f}" for row in rows])
    elif kind == "chroma":
        ax.set_yticks((np.arange(CLASSES) + 0.5) * height / CLASSES - 0.5, _PITCHES)
    ax.set_ylabel({"mfcc": "cepstral coefficient", "chroma": "pitch class"}.get(kind, "frequency in Hz"))


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


def _part_names(evaluations: Sequence[Evaluation]) -> list[str]:
    return list(dict.fromkeys(part for one in evaluations for part in one.parts))


def _loss_lines(parts: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every part its line: the colour says which loss, the dashes which layer."""
    drawn: dict[str, int] = {}
    for part in parts:
        loss = next((name for name in _LOSS_COLOURS if part.startswith(name)), "other")
        colours, index = _LOSS_COLOURS.get(loss, _OTHER_COLOURS), drawn.get(loss, 0)
        drawn[loss] = index + 1
        layer = part.removeprefix(loss).strip("_")
        yield (
            part,
            {
                "label": part if loss == "other" else f"{loss.replace('_', ' ')} {layer}".strip(),
                "color": colours[index % len(colours)],
                "linestyle": _DASHES[index % len(_DASHES)],
                "linewidth": 1.3,
            },
        )


def _draw_loss(ax: "Axes", numbers: np.ndarray, values: np.ndarray, **line: Any) -> None:
    # A line through a single point would not be seen.
    ax.plot(numbers, np.where(values > 0, values, np.nan), marker="." if len(numbers) == 1 else "", **line)


def _mark_rounds(ax: "Axes", evaluations: Sequence[Evaluation]) -> None:
    """Draw a faint line where each round begins, and number some of them along the top."""
    starts = [(at + 1, one.round) for at, one in enumerate(evaluations) if one.index == 1]
    if not starts:
        return
    if len(starts) <= _MOST_BOUNDARIES:
        for at, _ in starts[1:]:
            ax.axvline(at - 0.5, color="0.88", linewidth=0.6, zorder=0)
    top = ax.secondary_xaxis("top")
    shown = starts[:: max(1, -(-len(starts) // 10))]
    top.set_xticks([at - 0.5 for at, _ in shown], [str(index) for _, index in shown])
    top.set_xlabel("round")

"""How the losses of a run fell, as a picture and as a table."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from audiostyle.network.terms import NAMES
from audiostyle.optimise import Evaluation
from audiostyle.run.figure import drawing, save
from audiostyle.run.folder import RunFolder

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_losses", "write_losses_csv"]

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


def draw_losses(
    folder: RunFolder, evaluations: Sequence[Evaluation], name: str = "losses.png", caption: str = ""
) -> None:
    """Draw every weighted loss part and the total against the number of the evaluation.

    Parameters
    ----------
    folder : RunFolder
        Where the picture goes.
    evaluations : sequence of Evaluation
        In order; values that a logarithmic axis cannot show (0, NaN) leave a gap.
    name : str
        File name.
    caption : str
        Stands under the picture.

    Raises
    ------
    RunError
        If the picture cannot be written.
    """
    numbers = np.arange(1, len(evaluations) + 1)
    with drawing(12.0, 6.5) as figure:
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
        save(figure, folder, name, caption)


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


def _part_names(evaluations: Sequence[Evaluation]) -> list[str]:
    return list(dict.fromkeys(part for one in evaluations for part in one.parts))


def _loss_lines(parts: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every part its line: the colour says which loss, the dashes which layer."""
    drawn: dict[str, int] = {}
    for part in parts:
        loss, layer = NAMES.get(part, ("other", ""))
        colours, index = _LOSS_COLOURS.get(loss, _OTHER_COLOURS), drawn.get(loss, 0)
        drawn[loss] = index + 1
        where = "" if part == loss else layer
        yield (
            part,
            {
                "label": part if loss == "other" else f"{loss.replace('_', ' ')} {where}".strip(),
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

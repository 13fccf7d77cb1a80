"""All metrics of one output, in order."""

from collections import OrderedDict

from audiostyle.study.evaluate import (
    buzz,
    copying,
    figure4,
    harmony,
    loudness_metric,
    onsets,
    overlap,
    rhythm,
    spectral,
    timbre,
)
from audiostyle.study.evaluate.sounds import Sound, cut

__all__ = ["MODULES", "evaluate", "evaluate_by_module"]

#: Module by module, in the order of the tables; the keys head the parts of a table.
MODULES = OrderedDict(
    [
        ("autocorrelation (the paper's Figure 4)", figure4),
        ("rhythm", rhythm),
        ("onsets and beats", onsets),
        ("timbre", timbre),
        ("harmony", harmony),
        ("overlap of the mel images", overlap),
        ("spectral distance", spectral),
        ("copying", copying),
        ("buzz", buzz),
        ("loudness", loudness_metric),
    ]
)


def evaluate_by_module(output: Sound, content: Sound, style: Sound) -> "OrderedDict[str, OrderedDict[str, float]]":
    """Return the metrics of one output under the headings of :data:`MODULES`.

    The three sounds are cut to what all of them have (:func:`~audiostyle.study.evaluate.sounds.cut`).
    """
    sounds = cut({"output": output, "content": content, "style": style})
    return OrderedDict(
        (heading, module.evaluate(sounds["output"], sounds["content"], sounds["style"]))
        for heading, module in MODULES.items()
    )


def evaluate(output: Sound, content: Sound, style: Sound) -> "OrderedDict[str, float]":
    """Return every metric of one output by name, as ``mir_eval``'s tasks do."""
    scores: OrderedDict[str, float] = OrderedDict()
    for part in evaluate_by_module(output, content, style).values():
        scores.update(part)
    return scores

"""The paper's own losses of any sound: how well does it reach what the descent minimises?

A sound is carried to the network's image by the settings of a run, as a clip is, but not band-passed again;
content and style are cut to its length, but for a style that has a duration of its own, whose targets are of
all of it.  What the loss of the content or of the style itself is, and of the content after inversion alone,
says how to read it.  The image is scaled to its own range, and it is not moved in time, so the way back from
the image (T10, T11) costs something too: the inverted content says how much.
"""

import dataclasses
from collections import OrderedDict
from typing import Any

import numpy as np

from audiostyle.api import make_objective
from audiostyle.audio.clip import bandpass, load_clip
from audiostyle.pipeline import analyse_samples
from audiostyle.run.estimate import columns_that_fit, free_memory
from audiostyle.settings import Settings
from audiostyle.weights.load import Weights

__all__ = ["PaperLosses"]


class PaperLosses:
    """Measures sounds against a pair of clips.

    Parameters
    ----------
    content, style : str
        The clips.
    weights : Weights
    settings : Settings
        Of the run: analysis, image, layers, weights of the losses.
    """

    def __init__(self, content: str, style: str, weights: Weights, settings: Settings) -> None:
        self.settings = settings
        self._weights = weights
        # All four losses of the paper are measured, also those that the run did not ask for.
        self._measured = dataclasses.replace(settings, rowac=True, colac=True)
        clips = (content, settings, settings.offset_content), (style, settings.of_style, settings.offset_style)
        self._filtered = [bandpass(load_clip(*clip), settings) for clip in clips]
        # One compiled objective for each length of sound.
        self._objectives: dict[int, Any] = {}

    def clip(self, role: str) -> np.ndarray:
        """Return the band-passed samples of ``content`` or ``style``, at the settings' rate."""
        return self._filtered[role == "style"]

    def __call__(self, samples: np.ndarray) -> "OrderedDict[str, float]":
        """Return the weighted losses of samples at the settings' sample rate.

        Returns
        -------
        OrderedDict
            ``loss_content``, ``loss_style`` (of all layers), ``loss_style_conv1_1`` ..., ``loss_total_variation``,
            ``loss_row_autocorrelation``, ``loss_column_autocorrelation``, each with the weight it has or would have,
            and ``loss_total``: what a run with these settings would have minimised.
        """
        n_samples = min(len(samples), len(self._filtered[0]))
        objective = self._objective(n_samples)
        tensor = self._tensor(samples[:n_samples])
        parts = objective(tensor.astype(objective.dtype))[0]
        wanted = {"row_autocorrelation": self.settings.rowac, "column_autocorrelation": self.settings.colac}
        minimised = [term.name for term in objective.terms if wanted.get(term.loss, True)]
        found: OrderedDict[str, float] = OrderedDict()
        for term in objective.terms:
            if term.loss == "style" and "loss_style" not in found:
                found["loss_style"] = sum(parts[one.name] for one in objective.terms if one.loss == "style")
            found[f"loss_{term.name}"] = parts[term.name]
        found["loss_total"] = sum(parts[name] for name in minimised)
        return found

    def _objective(self, n_samples: int) -> Any:
        if n_samples not in self._objectives:
            content, style = self._filtered
            whole = bool(self.settings.duration_style)
            tensors = self._tensor(content[:n_samples]), self._tensor(style if whole else style[:n_samples])
            height, width = tensors[0].shape[2:]
            columns = columns_that_fit((height, width), self._measured, free_memory())
            settings = dataclasses.replace(self._measured, tile_columns=columns)
            self._objectives[n_samples] = make_objective(*tensors, self._weights, settings)
        return self._objectives[n_samples]

    def _tensor(self, samples: np.ndarray) -> np.ndarray:
        return analyse_samples(samples, samples, self.settings).tensor

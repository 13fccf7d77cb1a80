"""A whole transfer in memory, for those who program: no folder, no screen, callbacks for progress.

``docs/api.md`` has examples.  The command line runs the same steps and writes them to a folder
(:mod:`audiostyle.run.job`).
"""

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from audiostyle.network.tiles import needs_tiles
from audiostyle.optimise import Evaluation, Round, descend, start_image
from audiostyle.pipeline import Analysis, Synthesis, analyse, synthesise
from audiostyle.settings import Settings
from audiostyle.weights.load import Weights, load_weights

__all__ = ["Transfer", "make_objective", "transfer"]


@dataclasses.dataclass(frozen=True)
class Transfer:
    """What a transfer computed.

    Attributes
    ----------
    settings : Settings
    content, style : Analysis
        The clips at every stage before the network.
    weights : Weights
    rounds : list of Round
        Every finished round with its image; what L-BFGS remembers, which is large, only the last one has.
    evaluations : list of Evaluation
        Every evaluation of the losses, in order.
    result : Synthesis
        The last image as values, spectrogram and samples.
    """

    settings: Settings
    content: Analysis
    style: Analysis
    weights: Weights
    rounds: list[Round]
    evaluations: list[Evaluation]
    result: Synthesis

    @property
    def image(self) -> np.ndarray:
        """The network's last image, ``(1, 3, height, width)``."""
        return self.rounds[-1].image

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the sound as a WAV file, whole or not at all."""
        from audiostyle.audio.clip import write_wav

        write_wav(path, self.result.samples, self.settings, self.content.level(self.settings))


def make_objective(content: np.ndarray, style: np.ndarray, weights: Weights, settings: Settings) -> Any:
    """Return the function to be minimised, with Theano started as the settings say.

    Parameters
    ----------
    content, style : np.ndarray ``(1, 3, height, width)``
        Network images, as :attr:`audiostyle.pipeline.Analysis.tensor` has them; they may differ in length.
    weights : Weights
    settings : Settings
        ``device`` and ``threads`` are those of the first call in a process.  With ``tile_columns`` the network sees
        a part of a long image at a time.

    Returns
    -------
    audiostyle.network.objective.Objective
        From an image to loss parts, total and gradient.
    """
    from audiostyle.network.start import start_theano

    start_theano(settings.device, settings.threads)
    from audiostyle.network.objective import Objective
    from audiostyle.network.tiled_objective import TiledObjective

    kind = TiledObjective if needs_tiles(content.shape[settings.time_axis], settings) else Objective
    return kind(content.astype(settings.float_type), style.astype(settings.float_type), weights.arrays, settings)


def transfer(
    content: str | os.PathLike[str],
    style: str | os.PathLike[str],
    weights: Weights | str | os.PathLike[str],
    settings: Settings | None = None,
    *,
    on_evaluation: Callable[[Evaluation], None] | None = None,
    on_round: Callable[[Round], None] | None = None,
) -> Transfer:
    """Make the content of one clip sound in the style of another.

    Parameters
    ----------
    content, style : path
        Sound files.
    weights : Weights or path
        VGG-19 weights of any known form, or the word ``random``.
    settings : Settings, optional
        By default what the authors' code does.
    on_evaluation, on_round : callable, optional
        Called with each record; what they raise ends the transfer.

    Raises
    ------
    InputError
        If the clips, weights or settings cannot be used.
    RunError
        If the descent fails.
    """
    settings = settings or Settings()
    first = analyse(content, settings, settings.offset_content)
    second = analyse(style, settings.of_style, settings.offset_style)
    loaded = weights if isinstance(weights, Weights) else load_weights(os.fspath(weights), settings.threads)
    objective = make_objective(first.tensor, second.tensor, loaded, settings)
    evaluations: list[Evaluation] = []

    def heard(evaluation: Evaluation) -> None:
        # Its image would be a megabyte for each of a thousand.
        evaluations.append(dataclasses.replace(evaluation, image=None))
        if on_evaluation is not None:
            on_evaluation(evaluation)

    height, width = first.tensor.shape[2:]
    image = start_image(height, width, settings, first.tensor)
    rounds: list[Round] = []
    for finished in descend(objective, image, settings, heard):
        rounds[-1:] = [dataclasses.replace(before, state={}) for before in rounds[-1:]]
        rounds.append(finished)
        image = finished.image
        if on_round is not None:
            on_round(finished)
    return Transfer(settings, first, second, loaded, rounds, evaluations, synthesise(image, first, second, settings))

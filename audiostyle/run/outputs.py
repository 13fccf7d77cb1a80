"""From the network's last image to what a run leaves: sound, pictures, tables."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from audiostyle.audio.sound_writer import sound_name, write_sound
from audiostyle.audio.stuck_rows import Buzz, find_buzz
from audiostyle.optimise import Evaluation
from audiostyle.pipeline import Analysis, read_back, sound_of
from audiostyle.run.curves import DIRECTIONS, autocorrelation_curve
from audiostyle.run.folder import RunFolder
from audiostyle.run.loss_history import draw_losses, write_losses_csv
from audiostyle.run.plots import draw_autocorrelations, draw_representation
from audiostyle.settings import STYLE_LAYERS, Settings

__all__ = ["write_outputs"]


def write_outputs(
    folder: RunFolder,
    content: Analysis,
    style: Analysis,
    image: np.ndarray,
    objective: Any,
    evaluations: Sequence[Evaluation],
    settings: Settings,
    clip: str,
    caption: str = "",
    tell: Callable[[str], None] = lambda text: None,
    pictures: bool = True,
) -> Buzz | None:
    """Write losses, pictures and, last because it takes longest, the sound.

    Parameters
    ----------
    folder : RunFolder
    content, style : Analysis
    image : np.ndarray ``(1, 3, height, width)``
        The network's image at the end of the descent.
    objective : Objective
        Gives the activations whose autocorrelations are drawn.
    evaluations : sequence of Evaluation
    settings : Settings
    clip : str
        File of the content clip, which may say of how many channels and at which rate the sound is.
    caption : str
        Stands under every picture.
    tell : callable
        Called with a few words before each part.
    pictures : bool
        Whether to draw any.

    Returns
    -------
    Buzz or None
        What is wrong with the sound; None if it is too short to say.

    Raises
    ------
    RunError
        If a file cannot be written.
    """
    write_losses_csv(folder, evaluations)
    values, spectrogram = read_back(image, content, style, settings)
    if pictures:
        _draw(folder, (content, style), values, spectrogram, image, objective, evaluations, settings, caption, tell)
    tell(f"Making {settings.duration:g} s of sound by {settings.inversion_iterations} estimates of its phase")
    samples = sound_of(spectrogram, content, settings)
    with folder.atomic_path(sound_name(settings)) as part:
        write_sound(part, samples, clip, settings, content.level(settings))
    return find_buzz(samples, settings.sample_rate)


def _draw(
    folder: RunFolder,
    clips: tuple[Analysis, Analysis],
    values: np.ndarray,
    spectrogram: np.ndarray,
    image: np.ndarray,
    objective: Any,
    evaluations: Sequence[Evaluation],
    settings: Settings,
    caption: str,
    tell: Callable[[str], None],
) -> None:
    """Draw the losses, the images and their autocorrelations."""
    content, style = clips
    tell("Drawing the losses and the images")
    draw_losses(folder, evaluations, caption=caption)
    if settings.representation != "spectrogram":
        draw_representation(
            folder, f"{settings.representation}.png", content.values, style.values, values, settings, caption
        )
    draw_representation(
        folder, "spectrogram.png", content.spectrogram, style.spectrogram, spectrogram, settings, caption
    )
    tell("Drawing the autocorrelations")
    _draw_curves(folder, clips, values, image, objective, settings, caption)


def _draw_curves(
    folder: RunFolder,
    clips: tuple[Analysis, Analysis],
    values: np.ndarray,
    image: np.ndarray,
    objective: Any,
    settings: Settings,
    caption: str,
) -> None:
    """Draw Figure 4 and its deeper layers (T22): values themselves first, then activations."""
    curves: dict[str, dict[str, list[np.ndarray]]] = {
        direction: {
            "input": [autocorrelation_curve(x, direction, settings) for x in (*(c.values for c in clips), values)]
        }
        for direction in DIRECTIONS
    }
    for tensor in (*(clip.tensor for clip in clips), image):
        for layer, activation in objective.each_feature(tensor, STYLE_LAYERS):
            for direction in DIRECTIONS:
                curve = autocorrelation_curve(activation, direction, settings)
                curves[direction].setdefault(layer, []).append(curve)
            # The next one is made before this name is taken again.
            del activation
    for direction in DIRECTIONS:
        triples = {layer: (three[0], three[1], three[2]) for layer, three in curves[direction].items()}
        draw_autocorrelations(folder, f"{direction}_autocorrelation.png", triples, settings, direction, caption)

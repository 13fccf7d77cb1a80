"""Every intermediate of the pipeline, from two clips to losses and gradient and back to sound.

The numbers are those a transfer computes, by the same functions; here they are only kept.  By them a
port of the authors' code elsewhere can be compared stage by stage (``docs/stages.md``).
"""

import dataclasses
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from audiostyle.audio.mel import mel_filters, to_mel
from audiostyle.audio.representation import image_shape
from audiostyle.audio.spectrogram import log_spectrogram
from audiostyle.errors import InputError, RunError
from audiostyle.files import sha256_of_file, shown
from audiostyle.image import rescale_image
from audiostyle.optimise import start_image
from audiostyle.pipeline import Analysis, analyse, synthesise
from audiostyle.run.description import describe_versions
from audiostyle.settings import Settings
from audiostyle.study.stage_file import StageWriter, statistics
from audiostyle.study.stage_names import LAYERS, STATISTICS
from audiostyle.weights.load import Weights

__all__ = ["Point", "choose_image", "read_image", "write_stages"]

# Representations that are made from a mel spectrogram.
_ON_MEL = ("mel", "mfcc")
# What a row of each representation is.
_ROWS = {"mel": "mel", "mfcc": "coefficient", "cqt": "bin", "chroma": "pitch class"}

# Beyond any image an optimiser visits, and its losses fit a float32.
_LARGEST_LEVEL = 1e4

Stages = Iterator[tuple[str, Any, dict[str, Any]]]


def _ignore(text: str) -> None:
    """Take a line of progress and do nothing."""


@dataclasses.dataclass(frozen=True)
class Point:
    """Where the network is looked at.

    Attributes
    ----------
    weights : Weights
    image : np.ndarray ``(1, 3, height, width)``
    origin : str
        Where the image comes from, in a few words.
    whole_features : bool
        Keep whole activations and not only their statistics.
    """

    weights: Weights
    image: np.ndarray
    origin: str
    whole_features: bool = False


def write_stages(
    path: str,
    content: str,
    style: str,
    settings: Settings,
    point: Point | None = None,
    progress: Callable[[str], None] = _ignore,
) -> int:
    """Write all stages of two clips to an HDF5 file and return how many they are.

    Parameters
    ----------
    path : str
        The file to make.
    content, style : str
        Sound files.
    settings : Settings
    point : Point, optional
        Weights and image of the network's stages; without it there are none.
    progress : callable
        Called with a few words before each long part.

    Raises
    ------
    InputError
        If a clip, the image or the settings cannot be used.
    RunError
        If the file cannot be written or a loss is not finite.
    """
    progress("Reading the clips")
    clips = {
        "content": analyse(content, settings, settings.offset_content),
        "style": analyse(style, settings.of_style, settings.offset_style),
    }
    attributes: dict[str, Any] = {
        "settings": dataclasses.asdict(settings),
        "versions": describe_versions(),
        "float_type": settings.float_type,
        "content_sha256": sha256_of_file(content),
        "style_sha256": sha256_of_file(style),
    }
    parts: list[Stages] = [_clip_stages(clips, settings), _inversion_stages(clips, settings, progress)]
    if point is not None:
        progress("Building the network")
        objective, device = _build_objective(clips, point, settings)
        attributes |= {
            "weights_sha256": point.weights.sha256,
            "image_origin": point.origin,
            "device": device,
            "convolution": objective.convolution.description,
        }
        parts.insert(1, _network_stages(objective, clips, point, progress))
    with StageWriter(path, attributes) as writer:
        for part in parts:
            for name, value, extra in part:
                writer.put(name, value, **extra)
    return writer.count


def choose_image(
    path: str | None, seed: int | None, settings: Settings, content: str | None = None
) -> tuple[np.ndarray, str]:
    """Return the image of a file or of a seed, or else that which a transfer starts from, and a word on its origin.

    Of a seed it is ``RandomState(seed).uniform(-128, 128, (1, 3, height, width))`` rounded to
    float32, in float64 arithmetic too, so that both look at the same point.  `content` is the content clip,
    which a transfer with ``start='content'`` starts from.

    Raises
    ------
    InputError
        If the file cannot be used, or the settings lead to no image.
    """
    height, width = image_shape(settings)
    if path is not None:
        return read_image(path, height, width), f"file {sha256_of_file(path)}"
    if seed is not None:
        noise = np.random.RandomState(seed).uniform(-128, 128, (1, 3, height, width))
        return noise.astype(np.float32), f"seed {seed}"
    tensor = None
    if content is not None and settings.start == "content":
        tensor = analyse(content, settings, settings.offset_content).tensor
    return start_image(height, width, settings, tensor), f"start image of seed {settings.seed} ({settings.start})"


def read_image(path: str, height: int, width: int) -> np.ndarray:
    """Read an image of the network from a ``.npy`` file.

    Returns
    -------
    np.ndarray ``(1, 3, height, width)``
        float32 or float64, as the file has it; whole numbers become float64.

    Raises
    ------
    InputError
        If it is no such file, of another shape, or not of finite real numbers.
    """
    expected = (1, 3, height, width)
    name = f"The image {shown(path)}"
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError(f"{name} is not a file, but a .npy file is expected.")
    try:
        # Mapped, so that a header which lies about the size is found out before memory is asked for.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{name} cannot be read: there is no such file.") from None
    except Exception as error:  # numpy has many kinds for what is not a .npy file
        why = " ".join(str(error).split())[:120].rstrip(".")
        raise InputError(
            f"{name} cannot be read as a .npy file ({why}); make it with numpy.save(name, image) from an array of "
            f"the shape {expected}."
        ) from None
    if not isinstance(array, np.ndarray):
        raise InputError(f"{name} is an archive of arrays, but one array in a .npy file is expected.")
    if array.dtype.kind not in "fiu":
        raise InputError(f"{name} holds {array.dtype}, but float32 or float64 numbers are expected.")
    if array.shape != expected:
        raise InputError(
            f"{name} has the shape {array.shape}, but these clips and settings make images of the shape {expected}."
        )
    array = np.array(array, dtype=np.float32 if array.dtype.newbyteorder("=") == np.float32 else np.float64)
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds numbers that are not finite (NaN or infinity).")
    if np.abs(array).max() > _LARGEST_LEVEL:
        raise InputError(
            f"{name} holds numbers up to {np.abs(array).max():g}, but images have values of about -128 to 128 and "
            f"{_LARGEST_LEVEL:g} is the limit."
        )
    return array


def _clip_stages(clips: dict[str, Analysis], settings: Settings) -> Stages:
    """Yield both clips from samples to tensor."""
    with_mel = settings.representation in _ON_MEL or _mel_works(settings)
    if with_mel:
        mel_filter, inverse = mel_filters(settings)
        yield "mel_filter", mel_filter, {}
        yield "mel_filter_inverse", inverse, {}
    for role, clip in clips.items():
        yield f"{role}/samples", clip.samples, {"sample_rate": settings.sample_rate}
        yield f"{role}/bandpassed", clip.bandpassed, {}
        yield f"{role}/spectrogram", clip.spectrogram, {}
        if with_mel:
            # In spectrogram mode nothing comes of it; it is there to compare a port's mel function.
            yield f"{role}/mel", to_mel(clip.spectrogram, settings), {}
        if settings.representation not in ("mel", "spectrogram"):
            yield f"{role}/{settings.representation}", clip.values, {}
        yield f"{role}/range", np.array(clip.value_range), {}
        yield f"{role}/image", clip.image, {"axes": _image_axes(settings)}
        if settings.representation == "spectrogram":
            yield f"{role}/rescaled", rescale_image(clip.image, settings), {"axes": _image_axes(settings)}
        yield f"{role}/tensor", clip.tensor, {"channels": "blue, green, red"}


def _mel_works(settings: Settings) -> bool:
    """Say whether the settings of a run without mel allow a mel spectrogram as well."""
    try:
        mel_filters(settings)
        image_shape(dataclasses.replace(settings, representation="mel"))
    except InputError:
        return False
    return True


def _image_axes(settings: Settings) -> str:
    if settings.representation != "spectrogram":
        return f"{_ROWS[settings.representation]}, column"
    return "frame, bin" if settings.spec_orientation == "time_rows" else "bin, frame"


def _build_objective(clips: dict[str, Analysis], point: Point, settings: Settings) -> tuple[Any, str]:
    """Return an Objective that measures every term, and the device it runs on."""
    from audiostyle.network.start import start_theano

    backend = start_theano(settings.device, settings.threads)
    from audiostyle.network.objective import Objective

    if settings.convolution == "auto":
        # Theano's own convolution adds up in the authors' order.  The faster kernels are as exact, but round
        # otherwise, and one ReLU in five million that turns over changes a random network's gradient by 7e-4.
        settings = dataclasses.replace(settings, convolution="corrmm")
    content, style = (clips[role].tensor.astype(settings.float_type) for role in ("content", "style"))
    return Objective(content, style, point.weights.arrays, settings, every_term=True), backend.device


def _network_stages(
    objective: Any, clips: dict[str, Analysis], point: Point, progress: Callable[[str], None]
) -> Stages:
    """Yield losses, gradient and activations at an image."""
    image = point.image.astype(objective.dtype)
    yield "image", image, {}
    progress("Computing losses and gradient")
    unweighted, _, total, gradient = objective.measure(image)
    wrong = [name for name, value in {**unweighted, "total": total}.items() if not np.isfinite(value)]
    if wrong or not np.isfinite(gradient).all():
        raise RunError(
            f"At this image {', '.join(wrong) or 'the gradient'} is not a finite number; images have values of about "
            "-128 to 128, and --float64 reaches further."
        )
    for term in objective.terms:
        yield f"losses/{term.name}", unweighted[term.name], {"weight": term.weight}
    yield "losses/total", total, {}
    yield "gradient", gradient, {}
    for source, tensor in {"content": clips["content"].tensor, "style": clips["style"].tensor, "image": image}.items():
        progress(f"Computing the activations of the {source}")
        for layer, activation in objective.features(tensor, LAYERS).items():
            if not activation.size:
                continue  # a small image has nothing left after the last pooling
            values = statistics(activation)
            extra = dict(zip(STATISTICS, values.tolist(), strict=True)) | {"shape": activation.shape}
            yield f"features/{source}/{layer}", activation if point.whole_features else values, extra


def _inversion_stages(clips: dict[str, Analysis], settings: Settings, progress: Callable[[str], None]) -> Stages:
    """Yield the content image put straight back into sound, with no transfer."""
    progress("Inverting the content's image")
    waves: dict[int, np.ndarray] = {}
    offsets: list[np.ndarray] = []

    def keep(index: int, wave: np.ndarray, slides: np.ndarray) -> None:
        if index < 2:
            waves[index] = wave.copy()
        offsets.append(slides)

    made = synthesise(clips["content"].tensor, clips["content"], clips["style"], settings, trace=keep)
    log_spec, samples = made.spectrogram, made.samples
    yield "inversion/spectrogram", log_spec, {}
    if settings.inversion == "released":
        yield "inversion/offsets", np.array(offsets, dtype=np.int32), {}
        for index, wave in waves.items():
            yield f"inversion/wave_{index}", wave, {}
    yield "inversion/samples", samples, {}
    again = log_spectrogram(samples, settings)
    common = min(len(again), len(log_spec))
    yield "inversion/spectral_error", np.abs(again[:common] - log_spec[:common]).mean(dtype=np.float64), {}

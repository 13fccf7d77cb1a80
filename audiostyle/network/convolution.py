"""Which convolution a network runs on: oneDNN's, or Theano's own."""

import dataclasses
from typing import Any

import theano

from audiostyle.errors import InputError
from audiostyle.network.onednn import TILES, available, onednn_mode, set_threads
from audiostyle.network.start import thread_count
from audiostyle.settings import Settings

__all__ = ["ConvolutionChoice", "choose_convolution"]


@dataclasses.dataclass(frozen=True)
class ConvolutionChoice:
    """A choice, and how to compile for it.

    Attributes
    ----------
    name : {'onednn', 'onednn_f6', 'corrmm', 'gpucorrmm'}
    description : str
        Library, kernels and threads, or why not oneDNN; recorded in ``run.json``.
    mode : theano.compile.Mode or None
        Mode to compile a function of the network with; None is Theano's default.
    """

    name: str
    description: str
    mode: Any


def choose_convolution(settings: Settings) -> ConvolutionChoice:
    """Return the convolution that settings ask for on the device that Theano was started with.

    Raises
    ------
    InputError
        If oneDNN is asked for and cannot be used.
    """
    if theano.config.device != "cpu":
        return ConvolutionChoice("gpucorrmm", f"Theano GpuCorrMM on {theano.config.device}", None)
    if settings.convolution == "corrmm":
        return ConvolutionChoice("corrmm", "Theano CorrMM, as asked", None)
    name = settings.convolution if settings.convolution in TILES else "onednn"
    works, how = (False, "it has no float64") if settings.float_type == "float64" else available(TILES[name])
    if works:
        set_threads(thread_count(settings.threads))
        return ConvolutionChoice(name, how, onednn_mode(tile=TILES[name]))
    if settings.convolution != "auto":
        raise InputError(f"The convolution {name} was asked for, but {how}; --convolution auto or corrmm works.")
    return ConvolutionChoice("corrmm", f"Theano CorrMM instead of oneDNN: {how}", None)

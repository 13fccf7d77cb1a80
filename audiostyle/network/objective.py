"""What is minimised: one compiled function from an image to its loss parts and their gradient.

The authors compiled loss and gradient as two functions that each ran the network forward (T17); here
one function does both.  Targets (content activation, Gram matrices, power spectra) are computed once.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import theano
import theano.tensor as T

from audiostyle.errors import InputError
from audiostyle.network.convolution import choose_convolution
from audiostyle.network.losses import (
    autocorrelation_loss,
    autocorrelation_spectra,
    content_loss,
    style_loss,
    total_variation_loss,
)
from audiostyle.network.vgg19 import build_vgg19, features
from audiostyle.settings import Settings

__all__ = ["Objective", "loss_weights"]


def loss_weights(settings: Settings, every_term: bool = False) -> dict[str, float]:
    """Return the weight of every loss part that these settings ask for, by name, in order.

    Parts of weight 0 are left out, since they are not computed; with `every_term` they are all there,
    an autocorrelation that is not asked for with weight 0.  One without a target is never there.
    """
    weights = {"content": settings.content_weight}
    weights |= {f"style_{layer}": settings.style_weight for layer in settings.style_layers}
    weights["total_variation"] = settings.tv_weight
    factors = settings.ac_layer_weights or (1.0,) * len(settings.ac_layers)
    for axis, wanted, weight, target in (
        ("row", settings.rowac, settings.row_weight, settings.row_target),
        ("column", settings.colac, settings.column_weight, settings.column_target),
    ):
        for layer, factor in zip(settings.ac_layers, factors, strict=True) if target != "none" else ():
            suffix = "" if layer == "input" else f"_{layer}"
            weights[f"{axis}_autocorrelation{suffix}"] = weight * factor if wanted else 0.0
    return {name: weight for name, weight in weights.items() if weight or every_term}


class Objective:
    """The weighted losses of an image, given a content image, a style image and a network.

    Parameters
    ----------
    content, style : np.ndarray ``(1, 3, height, width)``
        Network images, of the same size.
    parameters : list of 32 np.ndarray
        As :func:`audiostyle.network.vgg19.build_vgg19` takes them.
    settings : Settings
    every_term : bool
        Compute the parts of weight 0 too, for :meth:`measure`; they change neither total nor gradient.

    Attributes
    ----------
    shape : tuple (1, 3, height, width)
    weights : dict of str to float
        Weight of each loss part.
    convolution : Convolution
        Which one runs.
    """

    def __init__(
        self,
        content: np.ndarray,
        style: np.ndarray,
        parameters: list[np.ndarray],
        settings: Settings,
        every_term: bool = False,
    ) -> None:
        self.settings = settings
        self.shape: tuple[int, int, int, int] = content.shape  # type: ignore[assignment]
        self.dtype = np.dtype(settings.float_type)
        self.weights = loss_weights(settings, every_term)
        self.convolution = choose_convolution(settings)
        self._on_cpu = theano.config.device == "cpu"
        self._layers = build_vgg19(
            *self.shape[2:], parameters, pooling=settings.pooling, float_type=settings.float_type
        )
        self._feature_functions: dict[tuple[str, ...], Callable[[np.ndarray], list[np.ndarray]]] = {}
        self._targets = self._measure_targets(content, style)
        self._function = self._compile()

    def __call__(self, image: np.ndarray) -> tuple[dict[str, float], float, np.ndarray]:
        """Return the weighted loss parts, their sum and its gradient.

        Parameters
        ----------
        image : np.ndarray ``(1, 3, height, width)`` of the settings' ``float_type``

        Returns
        -------
        parts : dict of str to float
        total : float
        gradient : np.ndarray ``(1, 3, height, width)``
        """
        return self.measure(image)[1:]

    def measure(self, image: np.ndarray) -> tuple[dict[str, float], dict[str, float], float, np.ndarray]:
        """As a call, but the unweighted loss parts come first."""
        unweighted, weighted, gradient = self._function(image)
        by_name, parts = (dict(zip(self.weights, values.tolist(), strict=True)) for values in (unweighted, weighted))
        return by_name, parts, float(weighted.sum()), np.asarray(gradient)

    def features(self, image: np.ndarray, names: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Return activations ``(1, channels, height, width)`` of the named layers at an image.

        The function that measured the targets serves again for any of its layers, since compiling
        another takes seconds.
        """
        taps = self._taps()
        compiled = taps if set(names) <= set(taps) else tuple(names)
        if compiled not in self._feature_functions:
            symbol = self._layers["input"].input_var.type("image")
            outputs = list(features(self._layers, compiled, symbol).values())
            self._feature_functions[compiled] = theano.function([symbol], outputs, mode=self.convolution.mode)
        values = self._feature_functions[compiled](np.asarray(image, dtype=self.dtype))
        found = dict(zip(compiled, map(np.asarray, values), strict=True))
        return {name: found[name] for name in names}

    def _shape_of(self, layer: str) -> Any:
        return self._layers[layer].output_shape

    def _taps(self) -> tuple[str, ...]:
        """Layers that a loss looks at, in the network's order."""
        settings = self.settings
        wanted = {settings.content_layer, *settings.style_layers}
        if any("autocorrelation" in name for name in self.weights):
            wanted |= set(settings.ac_layers)
        return tuple(layer for layer in self._layers if layer in wanted)

    def _measure_targets(self, content: np.ndarray, style: np.ndarray) -> dict[str, np.ndarray]:
        # One clip after the other: the activations of both at once would be more than an evaluation ever holds.
        return self._targets_of("content", content) | self._targets_of("style", style)

    def _targets_of(self, clip: str, image: np.ndarray) -> dict[str, np.ndarray]:
        """Return the targets that are measured at one of the clips."""
        settings, activations = self.settings, self.features(image, self._taps())
        targets = {}
        if clip == "content":
            targets["content"] = activations[settings.content_layer]
        else:
            for layer in settings.style_layers:
                matrix = activations[layer].reshape(self._shape_of(layer)[1], -1)
                targets[f"style_{layer}"] = matrix @ matrix.T
        for axis, source in (("row", settings.row_target), ("column", settings.column_target)):
            for layer in settings.ac_layers if source == clip else ():
                name = f"{axis}_autocorrelation" + ("" if layer == "input" else f"_{layer}")
                if name in self.weights:
                    symbol = T.TensorType(self.dtype.name, (False,) * 4)()
                    # Nothing to compile for the CPU's own Op; a device's have no Python form.
                    mode = "FAST_COMPILE" if self._on_cpu else None
                    spectra = theano.function([symbol], self._spectra(symbol, layer, axis), mode=mode)
                    targets[name] = np.asarray(spectra(activations[layer]))
        return targets

    def _spectra(self, activation: Any, layer: str, axis: str) -> Any:
        return autocorrelation_spectra(
            activation, self._shape_of(layer), axis, mean=self.settings.ac_mean, on_cpu=self._on_cpu
        )

    def _parts(self, image: Any) -> dict[str, Any]:
        """Return the unweighted losses of a symbolic image by name."""
        settings, taps = self.settings, self._taps()
        activations = features(self._layers, taps, image)
        targets = {name: theano.shared(value, name=f"target {name}") for name, value in self._targets.items()}
        parts = {}
        for name in self.weights:
            if name == "content":
                parts[name] = content_loss(activations[settings.content_layer], targets[name])
            elif name == "total_variation":
                parts[name] = total_variation_loss(image, settings.tv_exponent)
            elif name.startswith("style_"):
                layer = name.removeprefix("style_")
                parts[name] = style_loss(activations[layer], targets[name], self._shape_of(layer))
            else:
                axis, _, rest = name.partition("_autocorrelation")
                layer = rest.removeprefix("_") or "input"
                shape = self._shape_of(layer)
                _, channels, height, width = shape
                normaliser = height * width * (channels if settings.ac_normaliser == "channels_height_width" else 1)
                parts[name] = autocorrelation_loss(
                    activations[layer], targets[name], shape, axis,
                    mean=settings.ac_mean, normaliser=normaliser, on_cpu=self._on_cpu,
                )  # fmt: skip
        return parts

    def _compile(self) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, Any]]:
        image = self._layers["input"].input_var.type("image")
        parts = self._parts(image)
        weighted = {
            name: T.cast(T.constant(np.asarray(self.weights[name], dtype=part.dtype)) * part, "float64")
            for name, part in parts.items()
        }
        wanted = [weighted[name] for name, weight in self.weights.items() if weight]
        if not wanted:
            raise InputError("Every loss weight is 0, so there is nothing to minimise; give one of them a value.")
        total = wanted[0]
        for part in wanted[1:]:
            total = total + part
        unweighted = _vector([T.cast(part, "float64") for part in parts.values()])
        function: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, Any]] = theano.function(
            [image],
            [unweighted, _vector(list(weighted.values())), T.grad(total, image)],
            mode=self.convolution.mode,
        )
        return function


def _vector(scalars: list[Any]) -> Any:
    """Return scalars as one vector, made where they are: ``T.stack`` would fetch each from a GPU by itself."""
    return T.concatenate([scalar.dimshuffle("x") for scalar in scalars])

"""What is minimised: one compiled function from an image to its loss parts and their gradient.

The authors compiled loss and gradient as two functions that each ran the network forward (T17); here
one function does both.  Targets (content activation, Gram matrices, power spectra) are computed once.
"""

from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
import theano
import theano.tensor as T

from audiostyle.errors import InputError
from audiostyle.network.convolution import choose_convolution
from audiostyle.network.fitting import fit_gram, fit_spectra
from audiostyle.network.losses import (
    autocorrelation_loss,
    autocorrelation_spectra,
    content_loss,
    gram_matrix,
    style_loss,
    total_variation_loss,
)
from audiostyle.network.terms import Term, loss_terms
from audiostyle.network.vgg19 import build_vgg19, check_size, features, shared_parameters
from audiostyle.settings import Settings

__all__ = ["Evaluate", "Objective"]

#: From an image to its unweighted and its weighted loss parts, and the gradient of their sum.
Evaluate = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, Any]]


class Objective:
    """The weighted losses of an image, given a content image, a style image and a network.

    Parameters
    ----------
    content, style : np.ndarray ``(1, 3, height, width)``
        Network images; the style's may be longer or shorter in time (:mod:`audiostyle.network.fitting`).
    parameters : list of 32 np.ndarray
        As :func:`audiostyle.network.vgg19.shared_parameters` takes them.
    settings : Settings
    every_term : bool
        Compute the parts of weight 0 too, for :meth:`measure`; they change neither total nor gradient.

    Attributes
    ----------
    shape : tuple (1, 3, height, width)
    terms : list of Term
        The addends of the loss, in order.
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
        self.shape = cast(tuple[int, int, int, int], content.shape)
        self.dtype = np.dtype(settings.float_type)
        self.terms = loss_terms(settings, every_term)
        if not any(term.weight for term in self.terms):
            raise InputError("Every loss weight is 0, so there is nothing to minimise; give one of them a value.")
        self.convolution = choose_convolution(settings)
        self._on_cpu = theano.config.device == "cpu"
        for image in (content, style):
            check_size(*image.shape[2:])
        self._parameters = shared_parameters(parameters, settings.float_type)
        self._layers = self._build()
        self._feature_functions: dict[tuple[Any, ...], Callable[[np.ndarray], list[np.ndarray]]] = {}
        # One clip after the other: the activations of both at once would be more than an evaluation ever holds.
        self._targets = self._measure_targets("content", content) | self._measure_targets("style", style)
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
        names = [term.name for term in self.terms]
        by_name, parts = (dict(zip(names, values.tolist(), strict=True)) for values in (unweighted, weighted))
        return by_name, parts, float(weighted.sum()), np.asarray(gradient)

    def features(self, image: np.ndarray, names: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Return activations ``(1, channels, height, width)`` of the named layers at an image.

        The function that measured the targets serves again for any of its layers, since compiling
        another takes seconds.
        """
        taps = self._taps()
        compiled = taps if set(names) <= set(taps) else tuple(names)
        same_size = image.shape == self.shape
        if (compiled, same_size) not in self._feature_functions:
            layers = self._layers if same_size else self._build(any_size=True)
            symbol = layers["input"].input_var.type("image")
            outputs = list(features(layers, compiled, symbol).values())
            function = theano.function([symbol], outputs, mode=self.convolution.mode)
            self._feature_functions[compiled, same_size] = function
        values = self._feature_functions[compiled, same_size](np.asarray(image, dtype=self.dtype))
        found = dict(zip(compiled, map(np.asarray, values), strict=True))
        return {name: found[name] for name in names}

    def each_feature(self, image: np.ndarray, names: tuple[str, ...]) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the names and the activations of :meth:`features`; a long image's one after the other."""
        yield from self.features(image, names).items()

    def _build(self, any_size: bool = False) -> dict[str, Any]:
        height, width = (None, None) if any_size else self.shape[2:]
        return build_vgg19(
            height, width, self._parameters, pooling=self.settings.pooling, float_type=self.settings.float_type
        )

    def _shape_of(self, layer: str) -> Any:
        return self._layers[layer].output_shape

    def _taps(self) -> tuple[str, ...]:
        """Layers that a loss looks at, in the network's order; a layer of weight 0 too, as a plot will want it."""
        wanted = {term.layer for term in self.terms if term.loss != "total_variation"}
        wanted |= {self.settings.content_layer, *self.settings.style_layers}
        return tuple(layer for layer in self._layers if layer in wanted)

    def _measure_targets(self, clip: str, image: np.ndarray) -> dict[str, np.ndarray]:
        """Return what each term compares the image with, by the term's name, for the terms of one clip."""
        activations = self.features(image, self._taps())
        return {term.name: self._target(term, activations[term.layer]) for term in self.terms if term.clip == clip}

    def _target(self, term: Term, activation: np.ndarray) -> np.ndarray:
        if term.loss == "content":
            return activation
        theirs: Any = activation.shape
        ours = self._shape_of(term.layer)
        if term.loss == "style":
            return fit_gram(gram_matrix(activation, theirs), theirs, ours)
        symbol = T.TensorType(self.dtype.name, (False,) * 4)()
        spectra = autocorrelation_spectra(
            symbol, theirs, term.axis, mean=self.settings.ac_mean, on_cpu=self._on_cpu
        )  # fmt: skip
        # Nothing to compile for the CPU's own Op; a device's have no Python form.
        mode = "FAST_COMPILE" if self._on_cpu else None
        measured = np.asarray(theano.function([symbol], spectra, mode=mode)(activation))
        return fit_spectra(measured, theirs, ours, term.axis)

    def _loss(self, term: Term, image: Any, activation: Any) -> Any:
        """Return the unweighted loss of a symbolic image, whose activation at the term's layer is given."""
        if term.loss == "total_variation":
            return total_variation_loss(image, self.settings.tv_exponent)
        target = theano.shared(self._targets[term.name], name=f"target {term.name}")
        if term.loss == "content":
            return content_loss(activation, target)
        shape = self._shape_of(term.layer)
        if term.loss == "style":
            return style_loss(activation, target, shape)
        _, channels, height, width = shape
        normaliser = height * width * (channels if self.settings.ac_normaliser == "channels_height_width" else 1)
        return autocorrelation_loss(
            activation, target, shape, term.axis,
            mean=self.settings.ac_mean, normaliser=normaliser, on_cpu=self._on_cpu,
        )  # fmt: skip

    def _compile(self) -> Evaluate:
        image = self._layers["input"].input_var.type("image")
        return self._compiled(image, self.terms, features(self._layers, self._taps(), image))

    def _compiled(self, image: Any, terms: list[Term], activations: dict[str, Any]) -> Evaluate:
        """Compile some terms: their unweighted and weighted parts, and the gradient of the parts' sum."""
        activations = {"input": image} | activations
        parts = [self._loss(term, image, activations[term.layer]) for term in terms]
        weighted = [
            T.cast(T.constant(np.asarray(term.weight, dtype=part.dtype)) * part, "float64")
            for term, part in zip(terms, parts, strict=True)
        ]
        wanted = [part for term, part in zip(terms, weighted, strict=True) if term.weight]
        total = sum(wanted[1:], wanted[0]) if wanted else None
        unweighted = _vector([T.cast(part, "float64") for part in parts])
        function: Evaluate = theano.function(
            [image],
            [unweighted, _vector(weighted), T.zeros_like(image) if total is None else T.grad(total, image)],
            mode=self.convolution.mode,
        )
        return function


def _vector(scalars: list[Any]) -> Any:
    """Return scalars as one vector, made where they are: ``T.stack`` would fetch each from a GPU by itself."""
    return T.concatenate([scalar.dimshuffle("x") for scalar in scalars])

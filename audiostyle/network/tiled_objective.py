"""The objective of a long image, whose network sees one tile of time after the other.

Two passes over the tiles make an evaluation.  The first sums each layer's products into Gram matrices, and
the content's squares; then the differences of the whole image's Gram matrices are known, with which the
second takes each tile's gradient.  What looks at the input alone, total variation and autocorrelations, is
taken of the whole image, which is small beside its activations.  :mod:`audiostyle.network.tiles` says why
this is exact; sums in another order change last bits.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import theano
import theano.tensor as T

from audiostyle.network.fitting import fit_gram
from audiostyle.network.losses import content_loss, gram_matrix
from audiostyle.network.objective import Evaluate, Objective
from audiostyle.network.onednn.library import load_library
from audiostyle.network.terms import loss_terms
from audiostyle.network.tiles import Tile, check_tiling, margins, plan_tiles, stride, tile_size
from audiostyle.network.vgg19 import features
from audiostyle.settings import Settings

__all__ = ["TiledObjective"]


class TiledObjective(Objective):
    """As :class:`audiostyle.network.objective.Objective`, with a network that sees ``tile_columns`` at once.

    Parameters
    ----------
    content, style, parameters, settings, every_term
        As the other one takes them.

    Raises
    ------
    InputError
        If a loss cannot be taken tile by tile: autocorrelations of deeper layers.
    """

    def __init__(
        self,
        content: np.ndarray,
        style: np.ndarray,
        parameters: list[np.ndarray],
        settings: Settings,
        every_term: bool = False,
    ) -> None:
        check_tiling(settings)
        self._axis = settings.time_axis
        self._deep = [term for term in loss_terms(settings, every_term) if term.layer != "input"]
        self._styles = [term for term in self._deep if term.loss == "style"]
        self._content = next((term for term in self._deep if term.loss == "content"), None)
        self._margins = margins([term.layer for term in self._deep])
        super().__init__(content, style, parameters, settings, every_term)

    def features(self, image: np.ndarray, names: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Return whole activations, put together from those of tiles."""
        margin, gradient_margin = margins([name for name in names if name != "input"])
        length = image.shape[self._axis]
        size = tile_size(length, self.settings.tile_columns, gradient_margin)
        found: dict[str, np.ndarray] = {}
        for tile in plan_tiles(length, size, margin):
            for name, activation in super().features(self._cut(image, tile.start, tile.stop), names).items():
                wide = stride(name)
                begin, end = tile.part(wide)
                if name not in found:
                    shape = list(activation.shape)
                    shape[self._axis] = length // wide
                    found[name] = np.empty(shape, activation.dtype)
                whole = self._cut(found[name], tile.first // wide, tile.first // wide + end - begin)
                whole[...] = self._cut(activation, begin, end)
        return found

    def each_feature(self, image: np.ndarray, names: tuple[str, ...]) -> Iterator[tuple[str, np.ndarray]]:
        """Yield whole activations one after the other: those of a song are half a gigabyte at conv1_1."""
        if self.convolution.name.startswith("onednn"):
            load_library().buffers.release()  # what the gradients have left
        for name in names:
            yield from self.features(image, (name,)).items()

    def _taps(self) -> tuple[str, ...]:
        # A function for each layer: none has measured the targets that could serve again.
        return ()

    def _size(self, image: np.ndarray) -> int:
        return tile_size(image.shape[self._axis], self.settings.tile_columns, self._margins[1])

    def _cut(self, array: Any, begin: Any, end: Any) -> Any:
        """Return a stretch of time of an image or an activation."""
        return array[:, :, begin:end] if self._axis == 2 else array[:, :, :, begin:end]

    def _build(self, any_size: bool = False) -> dict[str, Any]:
        # The tiles of a clip of another length, such as the style, are of another size.
        return super()._build(any_size=True)

    def _shape_of(self, layer: str) -> Any:
        return self._shape_at(layer, self.shape)

    def _shape_at(self, layer: str, image: tuple[int, ...]) -> Any:
        height, width = (size // stride(layer) for size in image[2:])
        return 1, self._layers[layer].output_shape[1], height, width

    def _measure_targets(self, clip: str, image: np.ndarray) -> dict[str, np.ndarray]:
        found = {}
        for term in self.terms:
            if term.clip == clip and term.loss == "content":
                found[term.name] = self.features(image, (term.layer,))[term.layer]
            elif term.clip == clip and term.loss != "style":
                found[term.name] = self._target(term, image)
        if clip == "style" and self._styles:
            for term, gram in zip(self._styles, self._grams(image), strict=True):
                theirs, ours = self._shape_at(term.layer, image.shape), self._shape_of(term.layer)
                found[term.name] = fit_gram(gram, theirs, ours)
        return found

    def _compile(self) -> Evaluate:
        symbol = self._layers["input"].input_var.type("image")
        direct = [term for term in self.terms if term.layer == "input"]
        on_input = self._compiled(symbol, direct, {}) if direct else None
        slopes = self._compile_slopes() if self._deep else None

        def evaluate(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            values: dict[str, float] = {}
            gradient = np.zeros(image.shape, self.dtype)
            if on_input is not None:
                unweighted, _, slope = on_input(image)
                values |= zip((term.name for term in direct), unweighted.tolist(), strict=True)
                gradient[...] = slope
            if slopes is not None:
                values |= self._through_the_network(image, gradient, slopes)
            parts = np.array([values[term.name] for term in self.terms])
            return parts, parts * [term.weight for term in self.terms], gradient

        return evaluate

    def _through_the_network(
        self, image: np.ndarray, gradient: np.ndarray, slopes: Callable[..., list[Any]]
    ) -> dict[str, float]:
        """Return the unweighted losses of layers, and add the weighted ones' gradient to `gradient`."""
        values: dict[str, float] = {}
        matrices = []
        for term, gram in zip(self._styles, self._grams(image) if self._styles else (), strict=True):
            _, channels, height, width = self._shape_of(term.layer)
            difference, factor = gram - self._targets[term.name], 1 / (4 * channels**2 * (height * width) ** 2)
            values[term.name] = float(factor * np.square(difference).sum())
            matrices.append((2 * factor * term.weight * difference).astype(self.dtype))
        margin, distance = self._margins[1], 0.0
        for tile in plan_tiles(image.shape[self._axis], self._size(image), margin):
            part = np.ascontiguousarray(self._cut(image, tile.start, tile.stop))
            found = slopes(part, self._content_of(tile), *tile.part(), *matrices)
            slope, distance = np.asarray(found[0]), distance + float(found[1])
            self._cut(gradient, tile.first, tile.last)[...] += self._cut(slope, *tile.part())
        return values | ({self._content.name: distance} if self._content else {})

    def _grams(self, image: np.ndarray) -> list[np.ndarray]:
        """Return the Gram matrices of the style terms' layers, summed in float64."""
        total: list[Any] = [0.0] * len(self._styles)
        for tile in plan_tiles(image.shape[self._axis], self._size(image), self._margins[0]):
            part = np.ascontiguousarray(self._cut(image, tile.start, tile.stop))
            found = self._gram_function(part, *tile.part())
            total = [before + np.asarray(one, dtype="float64") for before, one in zip(total, found, strict=True)]
        return total

    def _content_of(self, tile: Tile) -> np.ndarray:
        """Return the content's activation over a tile; nothing where there is no content loss."""
        if self._content is None:
            return np.zeros((1,) * 4, self.dtype)
        wide, whole = stride(self._content.layer), self._targets[self._content.name]
        begin = tile.start // wide
        return np.ascontiguousarray(self._cut(whole, begin, begin + (tile.stop - tile.start) // wide))

    @cached_property
    def _gram_function(self) -> Callable[..., list[Any]]:
        image, begin, end = self._symbols()
        layers = [term.layer for term in self._styles]
        activations = features(self._layers, tuple(layers), image)
        grams = [self._gram(self._part(activations[layer], layer, begin, end), layer) for layer in layers]
        return theano.function([image, begin, end], grams, mode=self.convolution.mode)

    def _compile_slopes(self) -> Callable[..., list[Any]]:
        image, begin, end = self._symbols()
        content = image.type("content")
        activations = features(self._layers, tuple(term.layer for term in self._deep), image)
        matrices = [T.matrix(f"slope {term.name}", self.dtype.name) for term in self._styles]
        # Theano takes no other dictionary.
        known: OrderedDict[Any, Any] = OrderedDict(
            (self._gram(activations[term.layer], term.layer), matrix)
            for term, matrix in zip(self._styles, matrices, strict=True)
        )
        distance = T.constant(0.0)
        if self._content is not None:
            layer = self._content.layer
            part = [self._part(each, layer, begin, end) for each in (activations[layer], content)]
            distance = content_loss(*part)
            known[content_loss(activations[layer], content)] = T.constant(self._content.weight, dtype=self.dtype.name)
        return theano.function(
            [image, content, begin, end, *matrices],
            [T.grad(None, image, known_grads=known), distance],
            mode=self.convolution.mode, on_unused_input="ignore",
        )  # fmt: skip

    def _symbols(self) -> tuple[Any, Any, Any]:
        return self._layers["input"].input_var.type("image"), T.lscalar("begin"), T.lscalar("end")

    def _part(self, activation: Any, layer: str, begin: Any, end: Any) -> Any:
        return self._cut(activation, begin // stride(layer), end // stride(layer))

    def _gram(self, activation: Any, layer: str) -> Any:
        # Of however many positions there are.
        return gram_matrix(activation, (1, self._layers[layer].output_shape[1], 1, -1))

"""Tile by tile the numbers of the whole image: losses, gradients, targets and activations."""

import dataclasses

import numpy as np
import pytest

from audiostyle.errors import InputError
from audiostyle.network.start import start_theano
from audiostyle.settings import STYLE_LAYERS, Settings
from audiostyle.weights.random_network import he_network

start_theano()

from audiostyle.network.objective import Objective  # noqa: E402
from audiostyle.network.onednn import available  # noqa: E402
from audiostyle.network.tiled_objective import TiledObjective  # noqa: E402

BOTH = Settings(rowac=True, colac=True)
# The shallow end, whose margins are 16 columns, so that short images have tiles.
SHALLOW = dataclasses.replace(BOTH, content_layer="conv2_2", style_layers=("conv1_1", "conv2_1"), tv_weight=1e-3)
DOUBLE = dataclasses.replace(SHALLOW, float_type="float64")
TIMES_DOWN = {"representation": "spectrogram"}


@pytest.fixture(scope="module")
def parameters():
    arrays = he_network(0)
    arrays[0] /= np.float32(32)  # so that no term hides the others
    return arrays


def images(height, width, settings, style_width=None):
    random = np.random.RandomState(3)
    sizes = [(height, width), (height, style_width or width), (height, width)]
    found = [random.uniform(-128, 128, (1, 3, *size)).astype(settings.float_type) for size in sizes]
    return [image.swapaxes(2, 3).copy() for image in found] if settings.time_axis == 2 else found


def relative(ours, expected):
    return np.linalg.norm(ours.astype("float64") - expected) / np.linalg.norm(expected.astype("float64"))


def compare(whole, tiled, image, losses, gradients):
    expected, found = whole.measure(image), tiled.measure(image)
    for before, after in zip(expected[:2], found[:2], strict=True):
        assert list(before) == list(after)
        np.testing.assert_allclose(list(after.values()), list(before.values()), rtol=losses)
    np.testing.assert_allclose(found[2], expected[2], rtol=losses)
    assert found[3].dtype == expected[3].dtype
    assert relative(found[3], expected[3]) < gradients


@pytest.mark.parametrize(
    ("width", "changes"),
    [(101, {}), pytest.param(64, {"pooling": "max"}, marks=pytest.mark.slow), (83, TIMES_DOWN)],
)
def test_a_small_network_in_float64(width, changes, parameters):
    settings = dataclasses.replace(DOUBLE, **changes)
    content, style, image = images(19, width, settings)
    whole = Objective(content, style, parameters, settings)
    tiled = TiledObjective(content, style, parameters, dataclasses.replace(settings, tile_columns=16))
    for columns in (1, 17, 33, 48, 1000):
        tiled.settings = dataclasses.replace(settings, tile_columns=columns)
        compare(whole, tiled, image, 1e-12, 1e-12)
    names = ("input", *settings.style_layers, "conv2_2")
    tiled.settings = dataclasses.replace(settings, tile_columns=16)
    expected, found = (one.features(image, names) for one in (whole, tiled))
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-11, atol=1e-11)


def test_a_margin_less_is_seen(parameters, monkeypatch):
    """So that the agreements above mean something."""
    content, style, image = images(19, 101, DOUBLE)
    whole = Objective(content, style, parameters, DOUBLE)
    monkeypatch.setattr("audiostyle.network.tiled_objective.margins", lambda layers: (0, 0))
    tiled = TiledObjective(content, style, parameters, dataclasses.replace(DOUBLE, tile_columns=16))
    assert relative(tiled(image)[2], whole(image)[2]) > 1e-6


@pytest.mark.parametrize(
    ("convolution", "changes"),
    [
        pytest.param("onednn", {}, marks=pytest.mark.skipif(not available()[0], reason=available()[1])),
        pytest.param("onednn_f6", {}, marks=pytest.mark.skipif(not available()[0], reason=available()[1])),
        pytest.param("corrmm", {"float_type": "float64"}, marks=pytest.mark.slow),
        pytest.param("auto", TIMES_DOWN, marks=pytest.mark.slow),
    ],
)
def test_the_whole_network(convolution, changes, parameters):
    settings = dataclasses.replace(BOTH, convolution=convolution, **changes)
    content, style, image = images(32, 391, settings)
    whole = Objective(content, style, parameters, settings)
    tiled = TiledObjective(content, style, parameters, dataclasses.replace(settings, tile_columns=32))
    # Winograd's 6x6 tiles round four times as much, and lie elsewhere in each tile of time.
    losses, gradients = {"corrmm": (1e-12, 1e-12), "onednn_f6": (1e-5, 5e-4)}.get(convolution, (1e-6, 5e-5))
    compare(whole, tiled, image, losses, gradients)


@pytest.mark.slow
def test_corrmm_in_float32_is_about_as_near_to_float64_as_the_whole_is(parameters):
    """CorrMM's own rounding is more than 1e-6 in either, so that they need not agree to that with each other."""
    settings = dataclasses.replace(BOTH, convolution="corrmm")
    double = dataclasses.replace(settings, float_type="float64")
    exact = Objective(*images(32, 391, double)[:2], parameters, double).measure(images(32, 391, double)[2])
    content, style, image = images(32, 391, settings)
    whole = Objective(content, style, parameters, settings).measure(image)
    tiled = TiledObjective(content, style, parameters, dataclasses.replace(settings, tile_columns=32)).measure(image)
    error = max(abs(whole[0][name] / value - 1) for name, value in exact[0].items())
    assert error < 5e-6
    np.testing.assert_allclose(list(tiled[0].values()), list(exact[0].values()), rtol=error + 1e-6)
    assert relative(tiled[3], exact[3]) < 5e-5


@pytest.mark.parametrize("style_width", [40, 150])
def test_a_style_of_another_length(style_width, parameters):
    content, style, image = images(19, 101, DOUBLE, style_width)
    whole = Objective(content, style, parameters, DOUBLE)
    tiled = TiledObjective(content, style, parameters, dataclasses.replace(DOUBLE, tile_columns=16))
    compare(whole, tiled, image, 1e-12, 1e-12)


def test_terms_of_weight_zero(parameters):
    settings = dataclasses.replace(DOUBLE, content_weight=0.0, rowac=False, colac=False, tv_weight=0.0)
    content, style, image = images(19, 101, settings)
    one, other = (
        kind(content, style, parameters, dataclasses.replace(settings, tile_columns=16), every_term=True)
        for kind in (Objective, TiledObjective)
    )
    compare(one, other, image, 1e-12, 1e-12)
    only_input = dataclasses.replace(DOUBLE, content_weight=0.0, style_weight=0.0)
    one, other = (
        kind(content, style, parameters, dataclasses.replace(only_input, tile_columns=16))
        for kind in (Objective, TiledObjective)
    )
    compare(one, other, image, 1e-12, 1e-12)


def test_autocorrelations_of_deeper_layers_are_refused(parameters):
    content, style, _ = images(19, 101, BOTH)
    settings = dataclasses.replace(BOTH, ac_layers=("input", STYLE_LAYERS[0]), tile_columns=16)
    with pytest.raises(InputError, match="conv1_1 needs whole rows"):
        TiledObjective(content, style, parameters, settings)

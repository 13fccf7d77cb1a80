"""Losses against plain numpy, term by term as the paper defines them, and gradients against differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiostyle.network.start import start_theano

start_theano()

import theano  # noqa: E402
import theano.tensor as T  # noqa: E402

from audiostyle.network import losses  # noqa: E402
from audiostyle.network.autocorrelation import power_spectrum, transform_length  # noqa: E402

SHAPE = (1, 3, 5, 8)
TERMS = ("content", "style", "total_variation", "row", "column", "row_removed", "column_removed")


def naive_autocorrelation(image, axis, mean):
    """Squares of differences of numpy.correlate's full autocorrelations are what the losses sum."""
    lines = image[0] if axis == "row" else image[0].transpose(0, 2, 1)
    lines = lines.reshape(-1, lines.shape[-1])
    if mean == "removed":
        lines = lines - lines.mean(axis=1, keepdims=True)
    return np.array([np.correlate(line, line, "full") for line in lines])


def naive_term(term, image, target):
    _, channels, height, width = image.shape
    if term == "content":
        return 0.5 * ((image - target) ** 2).sum()
    if term == "style":
        total = 0.0
        for i in range(channels):
            for j in range(channels):
                ours, wanted = ((x[0, i] * x[0, j]).sum() for x in (image, target))
                total += (ours - wanted) ** 2
        return total / (4 * channels**2 * (height * width) ** 2)
    if term == "total_variation":
        total = 0.0
        for plane in image[0]:
            for y in range(height - 1):
                for x in range(width - 1):
                    dy, dx = plane[y, x] - plane[y + 1, x], plane[y, x] - plane[y, x + 1]
                    total += (dy**2 + dx**2) ** 1.25
        return total
    axis, _, mean = term.partition("_")
    ours, wanted = (naive_autocorrelation(x, axis, mean) for x in (image, target))
    return ((ours - wanted) ** 2).sum() / (channels * height * width)


def symbolic_term(term, image, target, shape=SHAPE, on_cpu=True):
    if term == "content":
        return losses.content_loss(image, target)
    if term == "style":
        return losses.style_loss(image, losses.gram_matrix(target, shape), shape)
    if term == "total_variation":
        return losses.total_variation_loss(image, 1.25)
    axis, _, mean = term.partition("_")
    options = {"mean": mean or "kept", "on_cpu": on_cpu}
    wanted = losses.autocorrelation_spectra(target, shape, axis, **options)
    normaliser = float(np.prod(shape[1:]))
    return losses.autocorrelation_loss(image, wanted, shape, axis, normaliser=normaliser, **options)


def compiled(term, dtype="float64", on_cpu=True):
    image, target = (T.TensorType(dtype, (False,) * 4)() for _ in range(2))
    value = symbolic_term(term, image, target, on_cpu=on_cpu)
    return theano.function(
        [image, target], [value, theano.grad(value, image)], mode="FAST_COMPILE", on_unused_input="ignore"
    )


@pytest.fixture(scope="module")
def functions():
    return {term: compiled(term) for term in TERMS}


@pytest.fixture(scope="module")
def images():
    random = np.random.RandomState(3)
    return random.uniform(-128, 128, (2, *SHAPE))


@pytest.mark.parametrize("term", TERMS)
def test_loss_is_its_definition(term, functions, images):
    value, _ = functions[term](*images)
    np.testing.assert_allclose(value, naive_term(term, *images), rtol=1e-12)


@pytest.mark.parametrize("term", TERMS)
def test_gradient_is_the_slope(term, functions, images):
    image, target = images
    _, gradient = functions[term](image, target)
    random = np.random.RandomState(4)
    for _ in range(5):
        direction = random.standard_normal(SHAPE)
        step = 1e-4
        ahead, behind = (naive_term(term, image + sign * step * direction, target) for sign in (1, -1))
        np.testing.assert_allclose((gradient * direction).sum(), (ahead - behind) / (2 * step), rtol=1e-6)


@pytest.mark.parametrize("term", TERMS)
def test_loss_vanishes_at_its_target(term, functions, images):
    target = images[1]
    value, gradient = functions[term](target, target)
    if term == "total_variation":
        assert value > 0
    else:
        assert value == 0
        assert not gradient.any()


@pytest.mark.parametrize("axis", ["row", "column"])
def test_matrix_products_agree_with_the_fft(axis, functions, images):
    """The form for GPUs is the same loss and gradient."""
    by_products = compiled(axis, on_cpu=False)(*images)
    for ours, expected in zip(by_products, functions[axis](*images), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-10)


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_power_spectrum_holds_the_full_autocorrelation(n, seed):
    line = np.random.RandomState(seed).uniform(-1, 1, n)
    length = transform_length(n)
    assert length >= 2 * n - 1
    assert length % 2 == 0
    rows = T.dmatrix()
    spectrum = theano.function([rows], power_spectrum(rows, n), mode="FAST_COMPILE")(line[np.newaxis])[0]
    correlation = np.fft.irfft(spectrum, length)
    full = np.correlate(line, line, "full")
    lags = np.concatenate([correlation[:n], correlation[length - n + 1 :]])
    np.testing.assert_allclose(lags, np.concatenate([full[n - 1 :], full[: n - 1]]), atol=1e-12)


def test_losses_do_not_depend_on_the_users_casting(images):
    """Theano's floatX and cast_policy change what a Python number becomes; the losses use none."""
    image = T.TensorType("float32", (False,) * 4)()
    types = {term: symbolic_term(term, image, image).dtype for term in ("content", "style", "total_variation", "row")}
    assert types == {"content": "float32", "style": "float64", "total_variation": "float32", "row": "float64"}


def test_start_again_changes_nothing():
    assert start_theano() == start_theano()

"""The plain numpy network, against scipy, against the recorded activations, and the real weights through it."""

import numpy as np
import pytest
from golden_weights import golden_weights, imagenet_raw, imagenet_weights
from scipy.signal import correlate2d

from audiostyle.weights.layers import CONV_LAYERS
from audiostyle.weights.normalise import normalise
from audiostyle.weights.numpy_vgg import convolve, forward, pool

NAMES = [layer.name for layer in CONV_LAYERS]


@pytest.mark.parametrize("rows_at_a_time", [1, 2, 100])
def test_convolution_is_scipys_correlation(rows_at_a_time, monkeypatch):
    monkeypatch.setattr("audiostyle.weights.numpy_vgg._PATCH_BYTES", rows_at_a_time * 5 * 9 * 7 * 8)
    generator = np.random.default_rng(0)
    image, kernels = generator.standard_normal((5, 6, 7)), generator.standard_normal((4, 5, 3, 3))
    biases = generator.standard_normal(4)
    expected = [sum(correlate2d(image[i], kernels[o, i], mode="same") for i in range(5)) + biases[o] for o in range(4)]
    np.testing.assert_allclose(convolve(image, kernels, biases), expected, rtol=1e-12)


def test_pooling_drops_odd_edges():
    image = np.arange(15.0).reshape(1, 3, 5)
    assert pool(image, "average").tolist() == [[[3.0, 5.0]]]
    assert pool(image, "max").tolist() == [[[6.0, 8.0]]]


def test_sizes_are_those_of_the_paper():
    activations = forward(golden_weights(), np.zeros((3, 96, 854), np.float32))
    shapes = {name: activations[name].shape for name in activations}
    assert shapes["pool1"] == (64, 48, 427)
    assert shapes["pool4"] == (512, 6, 53)
    assert shapes["conv5_4"] == (512, 6, 53)
    assert list(shapes)[-1] == "pool5"
    assert len(shapes) == 21


@pytest.mark.parametrize("last", ["conv1_1", "pool2", "conv4_2"])
def test_it_stops_where_it_is_told(last):
    activations = forward(golden_weights(), np.ones((3, 32, 32)), last=last)
    assert list(activations)[-1] == last


def relative(left, right):
    return np.linalg.norm(np.float64(left) - right) / np.linalg.norm(right)


# Measured: 3e-7 and 2e-15: the normalised weights are those of the recording, bit for bit.
@pytest.mark.parametrize(
    ("float_type", "file", "tolerance"),
    [
        ("float32", "imagenet_losses.npz", 2e-6),
        pytest.param("float64", "imagenet_losses_float64.npz", 1e-12, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("which", ["content", "gen"])
def test_real_weights_give_the_recorded_activations(which, float_type, file, tolerance, golden, shared):
    recorded = golden(file)
    image = golden("images.npz")["content_tensor_mel"][0] if which == "content" else recorded["gen_image"][0]
    activations = forward(imagenet_weights(shared), image, "average", "pool5", float_type)
    layers = [name.decode() for name in recorded["act_layers"]]
    assert sorted(layers) == sorted(activations)
    for row, name in zip(recorded[f"act_{which}_stats"], layers, strict=True):
        values = activations[name].astype(np.float64)
        assert values.shape == tuple(recorded[f"act_{name}_shape"])[1:]
        statistics = values.mean(), values.std(), np.linalg.norm(values)
        np.testing.assert_allclose(statistics, row, rtol=tolerance, err_msg=name)
        if f"act_{which}_{name}_sub" in recorded:
            sample = activations[name].ravel()[:: int(recorded[f"act_{name}_step"])]
            assert relative(sample, recorded[f"act_{which}_{name}_sub"]) < tolerance, name
        if f"act_{which}_{name}_chmean" in recorded:
            assert relative(values.mean(axis=(1, 2)), recorded[f"act_{which}_{name}_chmean"]) < tolerance, name


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_normalising_changes_nothing_but_the_scale_of_filters(pooling, golden, shared):
    with np.load(shared / "vgg19" / "mean_activations.npz") as file:
        means = {name: np.where(file[name] < 0.01, 1, file[name]) for name in NAMES}
    raw = imagenet_raw(shared)
    image = golden("images.npz")["style_tensor_mel"][0][:, :, :256]
    before = forward(raw, image, pooling)
    after = forward(normalise(raw, means), image, pooling)
    for name in NAMES:
        assert relative(after[name] * means[name][:, np.newaxis, np.newaxis], before[name]) < 1e-5, name

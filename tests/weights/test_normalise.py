"""Normalising, and measuring what to normalise with."""

import hashlib

import numpy as np
import pytest
from golden_weights import golden_weights, imagenet_raw, imagenet_weights

from audiostyle.weights.convert import shipped_means
from audiostyle.weights.layers import CONV_LAYERS
from audiostyle.weights.normalise import measure_mean_activations, normalise
from audiostyle.weights.numpy_vgg import forward
from audiostyle.weights.parameters import arrays_sha256
from audiostyle.weights.probes import builtin_pictures
from audiostyle.weights.random_network import he_network

NAMES = [layer.name for layer in CONV_LAYERS]


def test_means_are_over_pictures_and_positions():
    generator = np.random.default_rng(0)
    # Of different sizes: every position counts the same.
    pictures = [generator.uniform(-99, 99, (3, size, 40)).astype("f4") for size in (32, 64)]
    means = measure_mean_activations(golden_weights(), pictures, "max")
    assert list(means) == NAMES
    for name in ("conv1_1", "conv3_4", "conv5_4"):
        maps = [forward(golden_weights(), picture, "max")[name] for picture in pictures]
        flat = np.concatenate([values.reshape(len(values), -1) for values in maps], axis=1, dtype=float)
        np.testing.assert_allclose(means[name], flat.mean(axis=1), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_a_normalised_network_has_means_of_1_on_the_same_pictures(pooling):
    pictures = builtin_pictures()[:2]
    arrays = golden_weights()
    before = measure_mean_activations(arrays, pictures, pooling)
    after = measure_mean_activations(normalise(arrays, before), pictures, pooling)
    for name in NAMES:
        alive = before[name] >= 0.01
        np.testing.assert_allclose(after[name][alive], 1, rtol=1e-3)


def test_normalising_follows_the_formula():
    generator = np.random.default_rng(1)
    arrays = [np.abs(array) + np.float32(0.1) for array in golden_weights()]
    means = {layer.name: generator.uniform(0.005, 3, layer.n_out) for layer in CONV_LAYERS}
    assert any((mean < 0.01).any() for mean in means.values())
    result = normalise(arrays, means)
    for index, layer in enumerate(CONV_LAYERS):
        for o, i in ((0, 0), (layer.n_out - 1, layer.n_in - 1), (7, 1)):
            mean = means[layer.name][o] if means[layer.name][o] >= 0.01 else 1
            before = 1 if index == 0 else means[CONV_LAYERS[index - 1].name][i]
            before = before if before >= 0.01 else 1
            np.testing.assert_allclose(result[2 * index][o, i], arrays[2 * index][o, i] * before / mean, rtol=1e-6)
            np.testing.assert_allclose(result[2 * index + 1][o], arrays[2 * index + 1][o] / mean, rtol=1e-6)


def test_the_shipped_means_are_the_recorded_ones(shared):
    means, sha256 = shipped_means()
    data = (shared / "vgg19" / "mean_activations.npz").read_bytes()
    assert sha256 == hashlib.sha256(data).hexdigest()
    assert sum((mean < 0.01).sum() for mean in means.values()) == 1
    assert all(
        np.array_equal(left, right)
        for left, right in zip(normalise(imagenet_raw(shared), means), imagenet_weights(shared), strict=True)
    )


class TestRandomNetwork:
    """The network of ``--weights random``."""

    def test_it_is_drawn_as_the_recorded_one(self):
        assert all(map(np.array_equal, he_network(0), golden_weights()))

    def test_it_is_the_same_on_every_machine(self, random_arrays):
        assert arrays_sha256(random_arrays) == RANDOM_SHA256

    def test_another_seed_is_another_network(self):
        assert not np.array_equal(he_network(1)[0], he_network(0)[0])

    def test_its_means_are_about_1_and_none_is_blown_up(self, random_arrays):
        means = measure_mean_activations(random_arrays, builtin_pictures(), "average")
        for name, mean in means.items():
            assert 0.99 < np.median(mean) < 1.01, name
            assert mean.max() < 1.01, name

    def test_the_papers_loss_weights_mean_something(self, golden, random_arrays):
        """Its style terms are of the size of those of the ImageNet weights, not 1e10 as with raw random ones (T24)."""
        images, recorded = golden("images.npz"), golden("imagenet_losses.npz")
        inputs = [images["content_tensor_mel"][0], images["style_tensor_mel"][0], recorded["gen_image"][0]]
        content, style, generated = (forward(random_arrays, image, last="conv5_1") for image in inputs)
        terms = {"content": 1e-3 * 0.5 * np.square(generated["conv4_2"] - content["conv4_2"]).sum(dtype=float)}
        for name in ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"):
            flat = [values[name].reshape(len(values[name]), -1).astype(float) for values in (generated, style)]
            grams = [values @ values.T for values in flat]
            n_maps, n_positions = flat[0].shape
            terms[f"style_{name}"] = 2e5 * np.square(grams[0] - grams[1]).sum() / (4 * n_maps**2 * n_positions**2)
        # Measured: content 574 (272), style 858e3 (485e3), 243e3 (21e3), 34e3 (94e3), 32e3 (17e3), 20e3 (424).
        for name, term in terms.items():
            assert 1 / 4 < term / recorded[f"weighted_{name}"] < 60, name


RANDOM_SHA256 = "4cdfbc537b9b6b9bb4a2beaa7ee328802f8193df8fd3cbafeae6abfda4b4b022"

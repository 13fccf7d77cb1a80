"""The statistics that say what a network is: published or not, trained or not, normalised or not."""

import numpy as np
import pytest
from golden_weights import golden_weights, imagenet_raw, imagenet_weights

from audiostyle.weights.identify import (
    NORMALISED_BELOW,
    Orientation,
    measure_activity,
    neighbour_correlation,
    orientation,
)
from audiostyle.weights.normalise import measure_mean_activations, normalise
from audiostyle.weights.probes import builtin_pictures


def photographs():
    """Four photographs that scikit-image brings along, as the network is shown ImageNet's."""
    from skimage import data

    for name in ("astronaut", "coffee", "chelsea", "rocket"):
        picture = getattr(data, name)()[..., ::-1].astype(np.float32)
        top, left = (picture.shape[0] - 224) // 2, (picture.shape[1] - 224) // 2
        yield (picture[top : top + 224, left : left + 224] - [103.939, 116.779, 123.68]).transpose(2, 0, 1)


@pytest.mark.parametrize("number", range(16))
def test_every_way_round_is_recognised(number, shared):
    turned = Orientation(*(bool(number >> bit & 1) for bit in range(4)))
    kernels = imagenet_raw(shared)[0]
    seen = kernels[:, :, :: -1 if turned.upside_down else 1, :: -1 if turned.mirrored else 1]
    seen = seen.swapaxes(2, 3) if turned.transposed else seen
    seen = seen[:, ::-1] if turned.rgb else seen
    found = orientation(seen)
    assert found is not None
    assert np.array_equal(found.apply([seen])[0], kernels)


def test_the_published_network_is_recognised_when_rescaled(shared):
    raw, normalised = imagenet_raw(shared), imagenet_weights(shared)
    for kernels in (raw[0], normalised[0], raw[0] * np.float32(255), raw[0].astype(np.float16).astype(np.float32)):
        assert orientation(kernels) == Orientation()
    assert orientation(golden_weights()[0]) is None
    assert orientation(-raw[0]) is None


def test_trained_kernels_are_told_from_drawn_ones(shared):
    raw, normalised = (neighbour_correlation(get(shared)) for get in (imagenet_raw, imagenet_weights))
    # Measured: 0.577 for both; random ones 0.002.
    assert 0.5 < raw < 0.65
    assert raw == pytest.approx(normalised, abs=1e-4)
    assert abs(neighbour_correlation(golden_weights())) < 0.01


def test_a_kernel_of_zeros_has_no_neighbours():
    assert neighbour_correlation([np.zeros((2, 2, 3, 3), np.float32), np.zeros(2, np.float32)]) == 0


# Measured: raw 85, normalised 1.76, golden 22, golden divided by 32 3.0, random 1.6.
@pytest.mark.parametrize(
    ("network", "low", "high"),
    [("raw", 60, 120), ("normalised", 1.4, 2.1), ("golden", 15, 40), ("divided", 2.8, 4), ("random", 1, 1.8)],
)
def test_normalised_networks_are_told_from_others(network, low, high, shared, random_arrays):
    networks = {
        "raw": lambda: imagenet_raw(shared),
        "normalised": lambda: imagenet_weights(shared),
        "golden": golden_weights,
        "divided": lambda: golden_weights(conv1_1_div32=True),
        "random": lambda: random_arrays,
    }
    activity = measure_activity(networks[network]())
    assert low < activity.deviation < high
    assert activity.normalised == (high < NORMALISED_BELOW)


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("pictures", ["photographs", "spectrograms"])
def test_networks_normalised_on_other_pictures_count_as_normalised(pictures, pooling, shared, golden):
    raw = imagenet_raw(shared)
    images = golden("images.npz")
    shown = photographs() if pictures == "photographs" else [images[f"{clip}_tensor_mel"][0] for clip in CLIPS]
    remade = normalise(raw, measure_mean_activations(raw, shown, pooling))
    # Measured: 1.9 to 2.2.
    assert measure_activity(remade).normalised


CLIPS = ("content", "style")


@pytest.mark.parametrize("pictures", ["built in", "photographs"])
def test_real_normalised_weights_answer_pictures_with_1(pictures, shared):
    shown = builtin_pictures() if pictures == "built in" else photographs()
    means = measure_mean_activations(imagenet_weights(shared), shown, "max", last="conv5_1")
    for name, mean in means.items():
        # Measured: 0.93 to 1.68 and 0.83 to 1.19.
        assert 0.7 < mean.mean() < 1.9, name
    assert 0.7 < means["conv5_1"].mean() < 1.4


def test_the_builtin_pictures_are_like_pictures():
    pictures = builtin_pictures()
    assert pictures.shape == (4, 3, 96, 96)
    assert np.array_equal(pictures, builtin_pictures())
    assert abs(pictures.mean()) < 10
    for picture in pictures:
        assert 50 < picture.std() < 65
        # Natural pictures' amplitude falls about as 1/f: the power in rings of equal width falls steeply.
        spectrum = np.abs(np.fft.fft2(picture.mean(axis=0))) ** 2
        frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(96), np.fft.fftfreq(96)))
        low, high = (spectrum[(frequency > a) & (frequency < 2 * a)].mean() for a in (0.03, 0.24))
        slope = np.log(low / high) / np.log(8) / 2
        assert 0.6 < slope < 1.6

"""Values to image to tensor and back, against the authors' numbers and a naive version."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from audiostyle.audio.representation import spectrogram_to_values, values_to_spectrogram
from audiostyle.audio.spectrogram import log_spectrogram
from audiostyle.errors import InputError
from audiostyle.image import image_to_tensor, rescale_image, tensor_to_values, values_to_image
from audiostyle.settings import Settings, preset

Golden = Callable[[str], Mapping[str, np.ndarray]]
MEAN_BGR = (104, 117, 123)
SPEC = Settings(representation="spectrogram")
CORRECT = Settings(quantise_maximum="clip", quantise_rounding="round", output_channel="mean")

images = numpy_strategies.arrays(
    np.uint8, numpy_strategies.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)
)


def spread(shape, seed=0):
    return np.random.RandomState(seed).uniform(-4, 0, shape)


@pytest.mark.parametrize(("mode", "representation"), [("mel", "mel"), ("spec", "spectrogram")])
@pytest.mark.parametrize("clip", ["content", "style"])
def test_golden_images(golden, clip, mode, representation):
    recorded, settings = golden("images.npz"), Settings(representation=representation)
    log_spec = log_spectrogram(golden("audio.npz")[f"{clip}_pre"], settings)
    image, (low, high) = values_to_image(spectrogram_to_values(log_spec, settings), settings)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, recorded[f"{clip}_image_{mode}"])
    np.testing.assert_allclose([high, low], recorded[f"{clip}_max_min_{mode}"], rtol=0, atol=1e-12)
    if mode == "spec":
        rescaled = rescale_image(image, settings)
        np.testing.assert_allclose(rescaled, recorded[f"{clip}_image_spec_rescaled"], rtol=0, atol=1e-9)
    tensor = image_to_tensor(image, settings)
    assert tensor.dtype == np.float32
    # Rescaled levels may differ by 1e-10 and so fall to either side of a float32.
    np.testing.assert_allclose(tensor, recorded[f"{clip}_tensor_{mode}"], rtol=0, atol=0 if mode == "mel" else 1e-8)


@pytest.mark.parametrize(
    ("clip", "mode", "place"),
    [
        ("content", "mel", (13, 254)),
        ("style", "mel", (0, 124)),
        ("content", "spec", (514, 27)),
        ("style", "spec", (810, 58)),
    ],
)
def test_golden_maximum_becomes_black(golden, clip, mode, place):
    settings = Settings(representation="mel" if mode == "mel" else "spectrogram")
    values = spectrogram_to_values(log_spectrogram(golden("audio.npz")[f"{clip}_pre"], settings), settings)
    assert np.unravel_index(values.argmax(), values.shape) == place
    assert values_to_image(values, settings)[0][place] == 0
    corrected = dataclasses.replace(settings, quantise_maximum="clip")
    assert values_to_image(values, corrected)[0][place] == 255


def test_golden_way_back(golden):
    tensors, recorded = golden("images.npz"), golden("inversion_mel.npz")
    high, low = tensors["content_max_min_mel"]
    values = tensor_to_values(tensors["content_tensor_mel"], {"content": (low, high)}, Settings())
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, recorded["melSpecOut"])
    np.testing.assert_allclose(values_to_spectrogram(values, Settings()), recorded["specOut"], rtol=0, atol=1e-5)
    high, low = tensors["content_max_min_spec"]
    values = tensor_to_values(tensors["content_tensor_spec"], {"content": (low, high)}, SPEC)
    assert values.dtype == np.float64
    np.testing.assert_allclose(values, golden("inversion_spec.npz")["specOut"], rtol=0, atol=1e-5)


def naive_image(values, maximum, rounding):
    low, high = values.min(), values.max()
    image = np.zeros(values.shape, np.uint8)
    for place, value in np.ndenumerate(values):
        level = (value - low) / (high - low) * 256
        level = round(float(level)) if rounding == "round" else int(level)
        image[place] = min(level, 255) if maximum == "clip" else level % 256
    return image


@pytest.mark.parametrize("maximum", ["wrap", "clip"])
@pytest.mark.parametrize("rounding", ["truncate", "round"])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_agrees_with_a_naive_image(maximum, rounding, kind):
    values = np.append(spread((7, 9)).astype(kind), [[-4, -2, -2 + 1 / 128, 0, -1 / 128, -1e-4, -3, -1, -0.5]], axis=0)
    values = values.astype(kind)
    settings = Settings(quantise_maximum=maximum, quantise_rounding=rounding)
    image, value_range = values_to_image(values, settings)
    np.testing.assert_array_equal(image, naive_image(values, maximum, rounding))
    assert value_range == (values.min(), values.max())


def test_arithmetic_keeps_the_type_of_the_values():
    """T3: in float64 some pixels of a float32 picture would be other ones."""
    values = spread((2000, 1000), 4).astype(np.float32)
    single, _ = values_to_image(values, Settings())
    double, _ = values_to_image(values.astype(np.float64), Settings())
    low, high = values.min(), values.max()
    np.testing.assert_array_equal(single, ((values - low) / (high - low) * np.float32(256)).astype(np.int64) % 256)
    assert (single != double).any()


@pytest.mark.parametrize(
    "values", [np.zeros((3, 4)), np.full((3, 4), np.nan), np.array([[0.0, np.inf]]), np.array([[0.0, np.nan]])]
)
def test_values_that_make_no_image(values):
    with pytest.raises(InputError, match="makes no image"):
        values_to_image(values, Settings())


@given(image=images)
def test_tensor_is_blue_green_red_less_the_means(image):
    tensor = image_to_tensor(image, Settings())
    assert tensor.shape == (1, 3, *image.shape)
    assert tensor.dtype == np.float32
    for channel, mean in enumerate(MEAN_BGR):
        np.testing.assert_array_equal(tensor[0, channel], image.astype(float) - mean)


@pytest.mark.parametrize(
    ("channel", "rounding", "expected"),
    [
        # blue 20.6 + 104, green 300 + 117 cut to 255, red -200 + 123 cut to 0
        ("blue", "truncate", 124),
        ("blue", "round", 125),
        ("green", "truncate", 255),
        ("red", "truncate", 0),
        ("mean", "truncate", 126),
        ("mean", "round", 127),
    ],
)
def test_channels_and_rounding_of_the_way_back(channel, rounding, expected):
    tensor = np.array([20.6, 300.0, -200.0], dtype=np.float32).reshape(1, 3, 1, 1)
    settings = Settings(output_channel=channel, quantise_rounding=rounding)
    assert tensor_to_values(tensor, {"content": (0.0, 256.0)}, settings) == expected


def test_means_are_added_in_double_precision():
    """The authors add integers to float32, which numpy does in float64: just below 100 stays below."""
    just_below = np.nextafter(np.float32(-23), np.float32(-24))
    assert np.float32(123) + just_below == 100
    tensor = np.full((1, 3, 1, 1), just_below)
    assert tensor_to_values(tensor, {"content": (0.0, 256.0)}, Settings()) == 99


@pytest.mark.parametrize(("name", "low", "high"), [("content", -4.0, -0.5), ("style", -3.0, 0.5), ("mean", -3.5, 0.0)])
def test_range_of_the_way_back(name, low, high):
    image = np.array([[0, 64, 255]], np.uint8)
    values = tensor_to_values(
        image_to_tensor(image, Settings()),
        {"content": (-4.0, -0.5), "style": (-3.0, 0.5)},
        Settings(denormalise_range=name),
    )
    np.testing.assert_allclose(values, low + (high - low) * image / 256.0, atol=1e-6)


@given(
    values=numpy_strategies.arrays(
        np.float64,
        numpy_strategies.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=10),
        elements=st.floats(-4, 4),
    ),
    base=st.sampled_from([Settings(), CORRECT, Settings(quantise_maximum="clip")]),
)
def test_round_trip_is_within_one_grey_level(values, base):
    low, high = values.min(), values.max()
    if not high - low > 1e-3:
        return
    image, value_range = values_to_image(values, base)
    again = tensor_to_values(image_to_tensor(image, base), {"content": value_range, "style": value_range}, base)
    level = (high - low) / 256
    wrapped = (image == 0) & (values > low + level)
    assert not wrapped.any() or base.quantise_maximum == "wrap"
    assert np.abs(again - values)[~wrapped].max(initial=0) <= level * (1 + 1e-9) + 1e-5


@given(shape=st.tuples(st.integers(4, 30), st.integers(4, 30)), zoom=st.integers(1, 4))
@hypothesis_settings(deadline=None, max_examples=40)
def test_any_shape_can_be_rescaled(shape, zoom):
    image = np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8)
    rescaled = rescale_image(image, dataclasses.replace(SPEC, spec_zoom=zoom))
    assert rescaled.shape == (round(shape[0] / zoom), round(shape[1] / zoom))
    assert rescaled.min() >= 0
    assert rescaled.max() <= 255


def cubic(sample, at):
    """One value between four neighbours, by the bicubic (Catmull-Rom) polynomial; outside is zero."""
    base = int(np.floor(at))
    p0, p1, p2, p3 = (float(sample[i]) if 0 <= i < len(sample) else 0.0 for i in range(base - 1, base + 3))
    t = at - base
    return p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))


def test_rescale_is_bicubic_at_pixel_centres_with_black_outside():
    image = np.random.RandomState(3).randint(0, 256, (12, 8)).astype(np.uint8)
    rescaled = rescale_image(image, SPEC)
    for (row, column), value in np.ndenumerate(rescaled):
        down, along = 2 * row + 0.5, 2 * column + 0.5
        rows = np.array([cubic(line, along) for line in image])
        expected = np.clip(cubic(rows, down), 0, 255)
        assert value == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("orientation", ["time_rows", "time_columns"])
@pytest.mark.parametrize(("axes", "shape"), [("both", (30, 64)), ("time", (15, 128))])
def test_way_back_enlarges_to_all_frequencies(orientation, axes, shape):
    settings = dataclasses.replace(
        SPEC, n_fft=256, hop_length=16, spec_orientation=orientation, spec_zoom_axes=axes, quantise_maximum="clip"
    )
    smooth = -2 + np.outer(np.sin(np.linspace(0, 3, 60)), np.cos(np.linspace(0, 4, 128)))
    values = smooth.T if orientation == "time_columns" else smooth
    image, value_range = values_to_image(values, settings)
    tensor = image_to_tensor(image, settings)
    assert tensor.shape[2:] == (shape[::-1] if orientation == "time_columns" else shape)
    again = tensor_to_values(tensor, {"content": value_range}, settings)
    assert again.shape == values.shape
    assert np.abs(again - values)[8:-8, 8:-8].max() < 0.03


@pytest.mark.parametrize(("edges", "first"), [("zero", -3.7), ("edge", -4.0)])
def test_what_lies_beyond_the_edges(edges, first):
    """T5: the enlarged spectrogram of silence is loud at its edges, where zeros come in from outside."""
    settings = dataclasses.replace(SPEC, n_fft=64, hop_length=8, spec_edges=edges)
    image = np.zeros((20, 32), np.uint8)
    image[10, 28:] = 255
    tensor = image_to_tensor(image, settings)
    values = tensor_to_values(tensor, {"content": (-4.0, 0.0)}, settings)
    assert values.shape == (20, 32)
    assert (values[0, 0] > first) == (edges == "zero")
    np.testing.assert_allclose(values[4:16, 4:20], -4, atol=1e-9)


def test_the_zeros_outside_do_not_raise_the_loudest():
    """T5: 2017's skimage clipped to the values' own range, of which the zero outside is no part."""
    settings = dataclasses.replace(SPEC, n_fft=64, hop_length=8)
    image = np.zeros((20, 32), np.uint8)
    image[0] = 255
    values = tensor_to_values(
        image_to_tensor(np.repeat(image, 2, axis=0), settings), {"content": (-4.0, 0.0)}, settings
    )
    assert values.max() == pytest.approx(-4 / 256)


def test_odd_sizes_come_back_with_all_frequencies():
    settings = dataclasses.replace(SPEC, spec_zoom=3, n_fft=512)
    tensor = image_to_tensor(np.arange(50 * 256).reshape(50, 256).astype(np.uint8), settings)
    assert tensor.shape == (1, 3, 17, 85)
    assert tensor_to_values(tensor, {"content": (-4.0, 0.0)}, settings).shape == (51, 256)


@pytest.mark.parametrize("representation", ["mel", "spectrogram", "mfcc"])
def test_corrected_preset_round_trip_is_near(representation):
    settings = dataclasses.replace(preset("corrected"), representation=representation, duration=1.0)
    time = np.arange(22050) / 22050
    sound = np.sin(2 * np.pi * 300 * time) + np.sin(2 * np.pi * (900 + 50 * time) * time)
    values = spectrogram_to_values(log_spectrogram(sound, settings), settings)
    image, value_range = values_to_image(values, settings)
    again = tensor_to_values(image_to_tensor(image, settings), {"content": value_range, "style": value_range}, settings)
    error = np.abs(again[: len(values), : values.shape[1]] - values[: len(again), : again.shape[1]])
    if representation == "spectrogram":  # what is faint beside a peak is lost between the columns that are kept
        loud = values[: len(again), : again.shape[1]] > -1
        assert error[loud].mean() < 0.05
    else:
        assert error.max() < 0.51 / 256 * (value_range[1] - value_range[0]) * 2

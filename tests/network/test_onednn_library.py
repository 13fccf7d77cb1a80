"""oneDNN's kernels against float64 arithmetic written out in numpy."""

import gc
import os
import subprocess
import sys
import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from audiostyle.network.start import start_theano

start_theano()

from audiostyle.network.autocorrelation import transform_length  # noqa: E402
from audiostyle.network.onednn import available  # noqa: E402
from audiostyle.network.onednn.buffers import Buffers  # noqa: E402
from audiostyle.network.onednn.library import load_library  # noqa: E402

pytestmark = pytest.mark.skipif(not available()[0], reason=available()[1])

# Relative L2 error against float64 that a layer may have, either way.
TOLERANCE = 5e-6

# in, out, height, width of the 13 convolutions up to conv5_1 at 96x854; equal ones once.
VGG19 = [
    (3, 64, 96, 854),
    (64, 64, 96, 854),
    (64, 128, 48, 427),
    (128, 128, 48, 427),
    (128, 256, 24, 213),
    (256, 256, 24, 213),
    (256, 512, 12, 106),
    (512, 512, 12, 106),
    (512, 512, 6, 53),
]
# Widths of crops, the least heights, and sizes that leave every remainder after 4x4 tiles.
ODD = [
    (3, 16, 12, 256),
    (16, 32, 6, 128),
    (32, 16, 13, 53),
    (64, 64, 27, 106),
    (16, 16, 30, 213),
    (32, 32, 1, 200),
    (32, 48, 200, 1),
    (48, 16, 9, 83),
    (16, 16, 2, 3),
]


def convolve_in_float64(source, filters, bias, channels):
    """Some output channels of a zero-padded cross-correlation, in float64."""
    size = filters.shape[2]
    _, _, height, width = source.shape
    padded = np.pad(source.astype("float64"), ((0, 0), (0, 0), (size // 2,) * 2, (size // 2,) * 2))
    chosen = filters[channels].astype("float64")
    result = np.zeros((source.shape[0], len(channels), height, width))
    for i in range(size):
        for j in range(size):
            window = padded[:, :, i : i + height, j : j + width]
            result += np.einsum("oc,nchw->nohw", chosen[:, :, i, j], window, optimize=True)
    return result + (0 if bias is None else bias.astype("float64")[channels][:, None, None])


def turned(filters):
    return filters.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def arrays(shape, batch=1, size=3, seed=0):
    inputs, outputs, height, width = shape
    random = np.random.RandomState(seed)
    # Activations after a ReLU: no mean of zero, so that errors of one sign show.
    source = np.maximum(random.standard_normal((batch, inputs, height, width)), 0).astype("float32")
    scale = np.sqrt(2 / (size * size * inputs))
    filters = (random.standard_normal((outputs, inputs, size, size)) * scale).astype("float32")
    gradient = random.standard_normal((batch, outputs, height, width)).astype("float32")
    return source, filters, random.standard_normal(outputs).astype("float32"), gradient


def blocked(array):
    library = load_library()
    return library.to_blocked(array) if array.shape[1] % library.block == 0 else array


def plain(array):
    return load_library().from_blocked(array) if array.ndim == 5 else array


def check_both_ways(shape, **options):
    source, filters, bias, gradient = arrays(shape, **options)
    library = load_library()
    channels = np.unique(np.linspace(0, shape[1] - 1, 8).astype(int))
    found = plain(library.convolve(blocked(source), filters, bias))[:, channels]
    expected = convolve_in_float64(source, filters, bias, channels)
    assert found.shape == expected.shape
    assert relative(found, expected) <= TOLERANCE
    channels = np.unique(np.linspace(0, shape[0] - 1, 8).astype(int))
    found = plain(library.convolve(blocked(gradient), filters, backwards=True))[:, channels]
    expected = convolve_in_float64(gradient, turned(filters), None, channels)
    assert relative(found, expected) <= TOLERANCE


@pytest.mark.parametrize("shape", ODD, ids=str)
def test_convolution_and_its_gradient_at_odd_sizes(shape):
    check_both_ways(shape)


@pytest.mark.parametrize("fewest", [0, 10**9], ids=["winograd", "direct"])
@pytest.mark.parametrize("shape", [(32, 64, 24, 54), (64, 32, 7, 9), (16, 3, 9, 14), (96, 48, 5, 31)], ids=str)
def test_both_algorithms(shape, fewest, monkeypatch):
    monkeypatch.setattr("audiostyle.network.onednn.library._FEWEST_TILES", fewest)
    monkeypatch.setattr(load_library(), "_convolutions", {})
    check_both_ways(shape, seed=1)
    assert bool(load_library()._convolutions) == (fewest > 0 or shape[1] == 3)


@pytest.mark.slow
@pytest.mark.parametrize("shape", VGG19, ids=str)
def test_convolution_and_its_gradient_at_the_networks_sizes(shape):
    check_both_ways(shape)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(64, 64, 856, 512), (128, 128, 428, 256)], ids=str)
def test_convolution_and_its_gradient_at_the_spectrograms_size(shape):
    check_both_ways(shape)


@pytest.mark.parametrize("shape", [(64, 64, 24, 214), (256, 256, 12, 60)], ids=str)
def test_errors_are_of_either_sign(shape):
    # An error of one sign grows with depth and with the fourth power of activations that a style loss is.
    source, filters, _, _ = arrays(shape)
    channels = np.arange(16)
    found = plain(load_library().convolve(blocked(source), filters))[:, channels]
    expected = convolve_in_float64(source, filters, None, channels)
    assert abs(((found - expected) * expected).sum() / (expected**2).sum()) < 2e-8


@pytest.mark.parametrize("size", [1, 5])
def test_other_sizes_of_filters_and_batches(size):
    check_both_ways((16, 32, 9, 14), batch=2, size=size)


@pytest.mark.parametrize("fewest", [0, 10**9], ids=["winograd", "direct"])
def test_what_follows_a_convolution_is_fused(fewest, monkeypatch):
    monkeypatch.setattr("audiostyle.network.onednn.library._FEWEST_TILES", fewest)
    source, filters, bias, gradient = arrays((32, 32, 12, 21))
    library = load_library()
    without = library.convolve(blocked(source), filters, bias)
    np.testing.assert_array_equal(library.convolve(blocked(source), filters, bias, relu=True), np.maximum(without, 0))
    other = blocked(source)
    alone = library.convolve(blocked(gradient), filters, backwards=True)
    added = library.convolve(blocked(gradient), filters, backwards=True, add_to=other)
    assert added is other
    np.testing.assert_allclose(added, alone + blocked(source), rtol=1e-5, atol=1e-5)
    masked = library.convolve(blocked(gradient), filters, backwards=True, add_to=blocked(source), mask=without)
    np.testing.assert_array_equal(masked, np.where(without > 0, added, 0))


def test_shapes_that_do_not_go_together_are_refused():
    source, filters, bias, _ = arrays((32, 32, 12, 20))
    library = load_library()
    with pytest.raises(ValueError, match="does not go with filters"):
        library.convolve(blocked(source[:, :16]), filters, bias)
    with pytest.raises(ValueError, match="bias"):
        library.convolve(blocked(source), filters, bias[:16])
    with pytest.raises(ValueError, match="does not go with filters"):
        library.convolve(source, filters, bias)
    with pytest.raises(ValueError, match="does not go with a result"):
        library.convolve(blocked(source), filters, bias, add_to=blocked(source[..., 1:]))


@hypothesis_settings(max_examples=25, deadline=None)
@given(
    batch=st.integers(1, 2), blocks=st.integers(1, 3), height=st.integers(1, 19), width=st.integers(1, 37)
)  # fmt: skip
def test_layouts_are_inverse(batch, blocks, height, width):
    library = load_library()
    block = library.block
    array = np.random.RandomState(0).rand(batch, blocks * block, height, width).astype("float32")
    there = library.to_blocked(array)
    expected = array.reshape(batch, blocks, block, height, width).transpose(0, 1, 3, 4, 2)
    np.testing.assert_array_equal(there, expected)
    np.testing.assert_array_equal(library.from_blocked(there), array)


@hypothesis_settings(max_examples=25, deadline=None)
@given(height=st.integers(2, 9), width=st.integers(2, 21), maximum=st.booleans(), relu=st.booleans())
def test_pooling_and_its_gradient(height, width, maximum, relu):
    library = load_library()
    random = np.random.RandomState(height * 100 + width)
    # Whole numbers, so that maxima are shared and zeros frequent.
    source = random.randint(-2, 4, (1, 2, height, width, library.block)).astype("float32")
    rows, columns = height // 2, width // 2
    windows = [source[:, :, i : 2 * rows : 2, j : 2 * columns : 2] for i in (0, 1) for j in (0, 1)]
    expected = np.max(windows, axis=0) if maximum else np.mean(windows, axis=0)
    pooled = library.pool(source, maximum=maximum)
    np.testing.assert_array_equal(pooled, expected)
    gradient = random.standard_normal(pooled.shape).astype("float32")
    back = np.zeros_like(source)
    for number, (i, j) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        share = np.where(windows[number] == pooled, gradient, 0) if maximum else gradient / 4
        back[:, :, i : 2 * rows : 2, j : 2 * columns : 2] = share
    if relu:
        back *= source > 0
    found = library.pool_gradient(source, pooled if maximum else None, gradient, relu=relu)
    np.testing.assert_array_equal(found, back)


def test_gradient_of_the_relu_is_nothing_where_nothing_passed():
    library = load_library()
    activation = np.tile(np.array([0, -0.0, 1e-38, 2], "float32"), (1, 1, 3, 5, library.block // 4))
    gradient = np.full_like(activation, 7)
    found = library.relu_gradient(activation, gradient)
    np.testing.assert_array_equal(found, np.where(activation > 0, 7, 0))
    assert library.relu_gradient(activation, gradient, in_place=True) is gradient
    np.testing.assert_array_equal(gradient, found)


@pytest.mark.parametrize("shape", [(1, 64, 7, 30), (1, 256, 6, 13)])
def test_products_of_channels(shape):
    library = load_library()
    random = np.random.RandomState(0)
    activation = np.maximum(random.standard_normal(shape), 0).astype("float32")
    rows = activation.reshape(shape[1], -1).astype("float64")
    assert relative(library.gram(blocked(activation)), rows @ rows.T) < 1e-6
    matrix = random.standard_normal((shape[1], shape[1])).astype("float32")
    mixed = plain(library.mix(matrix, blocked(activation)))
    assert relative(mixed, (matrix.astype("float64") @ rows).reshape(shape)) < 1e-6


@hypothesis_settings(max_examples=40, deadline=None)
@given(
    channels=st.sampled_from([1, 3, 16, 48]),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    down=st.booleans(),
    centred=st.booleans(),
)
def test_autocorrelations_and_their_gradient(channels, height, width, down, centred):
    random = np.random.RandomState(height * 41 + width)
    array, other = np.maximum(random.standard_normal((2, 1, channels, height, width)), -0.5).astype("float32")
    n = height if down else width
    # A length with factors 2, 3 and 5, and one that is as short as may be.
    for length in (60 * -(-(2 * n - 1) // 60), transform_length(n)):

        def spectra(image, length=length):
            lines = (image.swapaxes(2, 3) if down else image).reshape(-1, n).astype("float64")
            lines = lines - lines.mean(axis=1, keepdims=True) if centred else lines
            transformed = np.fft.rfft(lines, length, axis=1)
            return transformed, np.abs(transformed) ** 2

        target = spectra(other)[1].astype("float32")
        transformed, powers = spectra(array)
        difference = powers - target
        expected = 2 * (difference**2).sum() - (difference[:, [0, -1]] ** 2).sum()
        slope = 4 * length * np.fft.irfft(difference * transformed, length, axis=1)[:, :n]
        slope -= slope.mean(axis=1, keepdims=True) if centred else 0
        shape = (1, channels, width, height) if down else array.shape
        slope = slope.reshape(shape).swapaxes(2, 3) if down else slope.reshape(shape)
        scale = np.linalg.norm(powers) ** 2, np.linalg.norm(powers) * np.linalg.norm(array)
        for layout in {array.ndim: array, blocked(array).ndim: blocked(array)}.values():
            found, gradient = load_library().autocorrelation(layout, target, length, down=down, centred=centred)
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * scale[0])
            assert np.linalg.norm(plain(gradient) - slope) <= 1e-5 * scale[1] * np.sqrt(length)


def test_autocorrelations_that_do_not_go_with_their_target_are_refused():
    library, array = load_library(), np.ones((1, 3, 4, 5), "float32")
    for rows, length in ((12, 8), (15, 10), (12, 12)):
        with pytest.raises(ValueError, match="do not go with"):
            library.autocorrelation(array, np.ones((rows, 6), "float32"), length, down=False, centred=False)
    with pytest.raises(RuntimeError, match="of 2, 3 and 5"):
        library.autocorrelation(array, np.ones((12, 8), "float32"), 14, down=False, centred=False)


def test_prepared_filters_are_kept_by_identity_and_dropped_with_their_array(monkeypatch):
    library = load_library()
    monkeypatch.setattr(library, "_prepared", {})
    source, filters, _, gradient = arrays((16, 16, 8, 8))
    library.convolve(blocked(source), filters)
    library.convolve(blocked(source), filters)
    library.convolve(blocked(gradient), filters, backwards=True)
    assert len(library._prepared) == 2
    other = 2 * filters
    np.testing.assert_allclose(
        library.convolve(blocked(source), other), 2 * library.convolve(blocked(source), filters), rtol=1e-6
    )
    del filters, other
    gc.collect()
    assert not library._prepared


def test_released_memory_goes_back_to_the_system():
    buffers = Buffers()
    tracemalloc.start()
    try:
        array = buffers.empty((2**21,))
        buffers.release()
        assert tracemalloc.get_traced_memory()[0] > 2**23
        del array
        other = buffers.empty((2**20,))
        buffers.release()
        assert 2**22 < tracemalloc.get_traced_memory()[0] < 2**23
        other[:] = 1
    finally:
        tracemalloc.stop()


def test_buffers_start_at_a_page_and_are_used_again():
    buffers = Buffers()
    first = buffers.empty((3, 1000))
    address = first.ctypes.data
    assert address % 4096 == 0
    view = first[1:]
    del first
    assert buffers.empty((3, 1000)).ctypes.data != address  # the view still needs the memory
    del view
    gc.collect()
    assert address in {buffer.ctypes.data for buffer in [buffers.empty((3000,)) for _ in range(2)]}


def test_any_number_of_threads_gives_the_same_bits():
    library = load_library()
    source, filters, bias, _ = arrays((64, 64, 24, 50))
    before, found = library.threads, []
    try:
        for threads in (1, 2, 3, 2):
            library.set_threads(threads)
            assert library.threads == threads
            found.append(library.convolve(blocked(source), filters, bias))
    finally:
        library.set_threads(before)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def test_python_threads_do_not_disturb_each_other():
    library = load_library()
    source, filters, bias, _ = arrays((64, 64, 24, 50))
    expected = library.convolve(blocked(source), filters, bias)
    wrong = []

    def work():
        for _ in range(20):
            if not np.array_equal(library.convolve(blocked(source), filters, bias), expected):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_avx2_serves_where_avx512_is_missing():
    program = (
        "import numpy as np, sys; sys.path.insert(0, sys.argv[1]);"
        "import test_onednn_library as t; from audiostyle.network.onednn.library import load_library;"
        "assert load_library().block == 8, load_library().block;"
        "t.check_both_ways((32, 32, 13, 53)); t.check_both_ways((3, 16, 12, 26));"
        "t.test_products_of_channels((1, 64, 7, 30)); t.test_pooling_and_its_gradient()"
    )
    environment = os.environ | {"DNNL_MAX_CPU_ISA": "AVX2", "PYTHONPATH": os.getcwd()}
    command = [sys.executable, "-c", program, os.path.dirname(__file__)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

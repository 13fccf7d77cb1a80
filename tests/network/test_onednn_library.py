"""oneDNN's other kernels against float64 arithmetic written out in numpy, and the memory of all."""

import gc
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from audiostyle.network.start import start_theano

start_theano()

from blocked_layout import blocked, plain, relative  # noqa: E402

from audiostyle.network.autocorrelation import transform_length  # noqa: E402
from audiostyle.network.onednn import available  # noqa: E402
from audiostyle.network.onednn.buffers import Buffers  # noqa: E402
from audiostyle.network.onednn.library import load_library  # noqa: E402

pytestmark = pytest.mark.skipif(not available()[0], reason=available()[1])


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

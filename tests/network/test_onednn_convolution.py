"""Convolutions by every kernel against float64 arithmetic written out in numpy."""

import gc
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from audiostyle.network.start import start_theano

start_theano()

from blocked_layout import arrays, blocked, plain, relative  # noqa: E402

from audiostyle.network.onednn import available  # noqa: E402
from audiostyle.network.onednn.build import build_kernels  # noqa: E402
from audiostyle.network.onednn.library import Library, load_library  # noqa: E402

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
# Widths of crops, the least heights, and sizes that leave every remainder after 4x4 and 6x6 tiles.
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
    (16, 16, 14, 16),
    (16, 48, 29, 17),
]
# What convolves: Winograd's kernels with tiles of this many pixels a side, or oneDNN's direct ones.
ALGORITHMS = {"direct": None, "winograd 4x4": 4, "winograd 6x6": 6}
every_algorithm = pytest.mark.parametrize("algorithm", list(ALGORITHMS))


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


@pytest.fixture
def choose(monkeypatch):
    """Let a convolution of any shape be computed by one algorithm, if that can compute it at all."""

    def chosen(algorithm):
        tile = ALGORITHMS[algorithm]

        def serves(library, batch, inputs, height, width, size, _):
            suits = tile and size == 3 and inputs % library.block == 0
            return library.load_tiles(tile) if suits else None

        monkeypatch.setattr(Library, "_winograd_for", serves)
        monkeypatch.setattr(load_library(), "_convolutions", {})

    return chosen


def check_both_ways(shape, tile=4, **options):
    source, filters, bias, gradient = arrays(shape, **options)
    library = load_library()
    channels = np.unique(np.linspace(0, shape[1] - 1, 8).astype(int))
    found = plain(library.convolve(blocked(source), filters, bias, tile=tile))[:, channels]
    expected = convolve_in_float64(source, filters, bias, channels)
    assert found.shape == expected.shape
    assert relative(found, expected) <= TOLERANCE
    channels = np.unique(np.linspace(0, shape[0] - 1, 8).astype(int))
    found = plain(library.convolve(blocked(gradient), filters, backwards=True, tile=tile))[:, channels]
    expected = convolve_in_float64(gradient, turned(filters), None, channels)
    assert relative(found, expected) <= TOLERANCE


@pytest.mark.parametrize("shape", ODD, ids=str)
def test_convolution_and_its_gradient_at_odd_sizes(shape):
    check_both_ways(shape)


@every_algorithm
@pytest.mark.parametrize("shape", [*ODD, (32, 64, 24, 54), (64, 32, 7, 9), (16, 3, 9, 14), (96, 48, 5, 31)], ids=str)
def test_every_algorithm(shape, algorithm, choose):
    choose(algorithm)
    check_both_ways(shape, seed=1)
    plain_channels = min(shape[:2]) == 3  # oneDNN's, since they are no whole block
    assert bool(load_library()._convolutions) == (algorithm == "direct" or plain_channels)


@pytest.mark.slow
@pytest.mark.parametrize("tile", [4, 6])
@pytest.mark.parametrize("shape", VGG19, ids=str)
def test_convolution_and_its_gradient_at_the_networks_sizes(shape, tile):
    check_both_ways(shape, tile)


@pytest.mark.slow
@pytest.mark.parametrize("tile", [4, 6])
@pytest.mark.parametrize("shape", [(64, 64, 856, 512), (128, 128, 428, 256)], ids=str)
def test_convolution_and_its_gradient_at_the_spectrograms_size(shape, tile):
    check_both_ways(shape, tile)


def test_larger_tiles_are_used_where_they_multiply_less():
    def chosen(height, width, tile):
        kernels = load_library()._winograd_for(1, 32, height, width, 3, tile)
        return kernels and kernels.tile

    sizes = [(96, 854), (48, 427), (24, 213), (12, 106), (6, 53), (4, 80), (4, 72), (3, 53)]
    assert [chosen(*size, 4) for size in sizes] == [4, 4, 4, 4, 4, 4, None, None]
    assert [chosen(*size, 6) for size in sizes] == [6, 6, 6, 6, 6, 4, None, None]


@pytest.mark.parametrize(("tile", "most"), [(4, 2e-8), (6, 1e-7)])  # of twelve seeds four and three deviations
@pytest.mark.parametrize("shape", [(64, 64, 24, 214), (256, 256, 12, 60)], ids=str)
def test_errors_are_of_either_sign(shape, tile, most):
    # An error of one sign grows with depth and with the fourth power of activations that a style loss is.
    source, filters, _, _ = arrays(shape)
    channels = np.arange(16)
    found = plain(load_library().convolve(blocked(source), filters, tile=tile))[:, channels]
    expected = convolve_in_float64(source, filters, None, channels)
    assert abs(((found - expected) * expected).sum() / (expected**2).sum()) < most


@pytest.mark.parametrize("size", [1, 5])
def test_other_sizes_of_filters_and_batches(size):
    check_both_ways((16, 32, 9, 14), batch=2, size=size)


@every_algorithm
def test_what_follows_a_convolution_is_fused(algorithm, choose):
    choose(algorithm)
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


@pytest.mark.parametrize("tile", [4, 6])
def test_any_number_of_threads_gives_the_same_bits(tile):
    library = load_library()
    source, filters, bias, _ = arrays((64, 64, 24, 50))
    before, found = library.threads, []
    try:
        for threads in (1, 2, 3, 2):
            library.set_threads(threads)
            assert library.threads == threads
            found.append(library.convolve(blocked(source), filters, bias, tile=tile))
    finally:
        library.set_threads(before)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def test_tiles_that_are_loaded_later_run_on_as_many_threads():
    shared = load_library()
    before = shared.threads
    try:
        shared.load_tiles(6)
        shared.set_threads(2)
        later = Library(build_kernels())
        later.set_threads(3)  # of the kernels that it has loaded
        assert later.load_tiles(6).call.threads == 3
    finally:
        shared.set_threads(before)


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
        "import sys; sys.path[:0] = sys.argv[1:];"
        "import test_onednn_convolution as t; import test_onednn_library as others;"
        "from audiostyle.network.onednn.library import load_library;"
        "assert load_library().block == 8, load_library().block;"
        "t.check_both_ways((32, 32, 13, 53)); t.check_both_ways((3, 16, 12, 26));"
        "t.check_both_ways((32, 32, 13, 53), 6); t.check_both_ways((64, 24, 24, 60), 6);"
        "others.test_products_of_channels((1, 64, 7, 30)); others.test_pooling_and_its_gradient()"
    )
    environment = os.environ | {"DNNL_MAX_CPU_ISA": "AVX2", "PYTHONPATH": os.getcwd()}
    here = os.path.dirname(__file__)
    command = [sys.executable, "-c", program, here, os.path.dirname(here)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

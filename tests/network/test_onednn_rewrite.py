"""The rewrite against the same graphs compiled by Theano alone."""

import subprocess
import sys

import numpy as np
import pytest

from audiostyle.network.start import start_theano

start_theano()

import theano  # noqa: E402
import theano.tensor as T  # noqa: E402
from theano.tensor.nnet.corr import CorrMM, CorrMM_gradInputs  # noqa: E402
from theano.tensor.signal.pool import pool_2d  # noqa: E402

from audiostyle.network.autocorrelation import SpectralDistance, transform_length  # noqa: E402
from audiostyle.network.losses import autocorrelation_loss  # noqa: E402
from audiostyle.network.onednn import available, description, onednn_mode  # noqa: E402
from audiostyle.network.onednn import operations as ops  # noqa: E402
from audiostyle.network.onednn.build import Unavailable  # noqa: E402

pytestmark = pytest.mark.skipif(not available()[0], reason=available()[1])

HEIGHT, WIDTH = 13, 22


def shared(array, name=None):
    return theano.shared(np.asarray(array, "float32"), name=name)


class Network:
    """Two blocks of convolutions with pooling between, and every kind of loss on them."""

    def __init__(self, pooling="average_exc_pad", relu=T.nnet.relu, float_type="float32"):
        random = np.random.RandomState(0)
        self.image = T.TensorType(float_type, (False,) * 4)("image")
        self.layers = [self.image]
        self.filters = []
        x, inputs, height, width = self.image, 3, HEIGHT, WIDTH
        self.shapes = []
        for number, outputs in enumerate((32, 32, 48, 64, 64)):
            if number in (2, 4):
                x = pool_2d(x, ws=(2, 2), ignore_border=True, mode=pooling)
                height, width = height // 2, width // 2
            filters = random.standard_normal((outputs, inputs, 3, 3)) * np.sqrt(2 / (9 * inputs))
            self.filters.append(theano.shared(filters.astype(float_type), f"W{number}"))
            bias = theano.shared(random.standard_normal(outputs).astype(float_type) / 10, f"b{number}")
            convolved = T.nnet.conv2d(
                x, self.filters[-1], input_shape=(1, inputs, height, width), filter_shape=filters.shape,
                border_mode=(1, 1), filter_flip=False,
            )  # fmt: skip
            x = relu(convolved + bias.dimshuffle("x", 0, "x", "x"))
            self.layers.append(x)
            self.shapes.append((1, outputs, height, width))
            inputs = outputs

    def loss(self):
        total = T.sqr(self.layers[4] - np.float32(0.3)).sum() * np.float32(0.5)
        for number in (0, 2, 3):
            channels, height, width = self.shapes[number][1:]
            matrix = self.layers[number + 1].reshape((channels, height * width))
            target = np.eye(channels, dtype="float32")
            total = total + T.sqr(T.dot(matrix, matrix.T) - target).sum() * np.float64(1e-4)
        return total + self.layers[-1].sum()


def value_of_image(float_type="float32", batch=1):
    return np.random.RandomState(1).uniform(-1, 1, (batch, 3, HEIGHT, WIDTH)).astype(float_type)


def compiled(inputs, outputs, mode):
    return theano.function(inputs, outputs, mode=mode)


def kinds(function):
    return [type(node.op) for node in function.maker.fgraph.toposort()]


def assert_close(found, expected, tolerance=1e-5):
    for one, other in zip(found, expected, strict=True):
        one, other = np.asarray(one, "float64"), np.asarray(other, "float64")
        assert one.shape == other.shape
        assert np.linalg.norm(one - other) <= tolerance * np.linalg.norm(other)


@pytest.mark.parametrize("pooling", ["average_exc_pad", "max"])
def test_loss_and_gradient_agree_and_nothing_changes_layout_on_the_way(pooling):
    network = Network(pooling)
    outputs = [network.loss(), T.grad(network.loss(), network.image)]
    ours = compiled([network.image], outputs, onednn_mode())
    theirs = compiled([network.image], outputs, None)
    image = value_of_image()
    assert_close(ours(image), theirs(image))
    np.testing.assert_array_equal(ours(image)[1], ours(image)[1])
    used = kinds(ours)
    assert used.count(ops.Convolution) == 5
    assert used.count(ops.InputGradient) == 5
    assert used.count(ops.Gram) == used.count(ops.Mix) == 3
    assert used.count(ops.PoolGradient) == used.count(ops.Pool) == 2
    assert ops.FromBlocked not in used
    assert ops.ToBlocked not in used
    assert CorrMM not in used
    assert CorrMM_gradInputs not in used
    nodes = ours.maker.fgraph.toposort()
    assert all(node.op.relu for node in nodes if isinstance(node.op, ops.Convolution))
    # The layer before the second pooling has losses of its own, whose gradients come before the ReLU's.
    assert sorted(node.op.relu for node in nodes if isinstance(node.op, ops.PoolGradient)) == [False, True]
    gradients = [node.op for node in nodes if isinstance(node.op, ops.InputGradient)]
    assert [op.in_place for op in gradients].count(True) == 2
    assert [op.masked for op in gradients].count(True) == 2
    # Of the layers with a loss and no convolution after them: the last, and the one before the second pooling.
    assert [node.op.in_place for node in nodes if isinstance(node.op, ops.ReluGradient)] == [True, True]


def test_tiles_of_another_size_change_nothing_else():
    network = Network()
    outputs = [network.loss(), T.grad(network.loss(), network.image)]
    small, large = (compiled([network.image], outputs, onednn_mode(tile=tile)) for tile in (4, 6))
    assert kinds(large) == kinds(small)
    for function, tile in ((small, 4), (large, 6)):
        nodes = function.maker.fgraph.toposort()
        convolutions = [node.op for node in nodes if isinstance(node.op, ops.Convolution | ops.InputGradient)]
        assert {op.tile for op in convolutions} == {tile}
        gradients = [op for op in convolutions if isinstance(op, ops.InputGradient)]
        assert [sum(getattr(op, name) for op in gradients) for name in ("plain", "masked", "in_place")] == [1, 2, 2]
    image = value_of_image()
    found, expected = large(image), small(image)
    assert_close(found, expected)
    assert not np.array_equal(found[1], expected[1])


def test_autocorrelations_are_taken_in_either_layout():
    network = Network()
    total = network.layers[-1].sum() * np.float64(1e-3)
    for number, axis, mean in ((0, "row", "kept"), (0, "column", "kept"), (2, "row", "removed"), (2, "column", "kept")):
        activation = network.layers[number]
        shape = (1, 3, HEIGHT, WIDTH) if number == 0 else network.shapes[number - 1]
        length = transform_length(shape[3] if axis == "row" else shape[2])
        lines = shape[1] * (shape[2] if axis == "row" else shape[3])
        target = shared(np.random.RandomState(number).uniform(0, 9, (lines, length // 2 + 1)))
        total = total + autocorrelation_loss(activation, target, shape, axis, mean=mean, normaliser=100.0)
    outputs = [total, T.grad(total, network.image)]
    ours, theirs = (compiled([network.image], outputs, mode) for mode in (onednn_mode(), None))
    assert_close(ours(value_of_image()), theirs(value_of_image()))
    used = kinds(ours)
    assert used.count(ops.Distance) == 4
    assert SpectralDistance not in used
    assert ops.FromBlocked not in used
    assert ops.ToBlocked not in used


def test_features_come_out_plain():
    network = Network()
    ours = compiled([network.image], network.layers[1:], onednn_mode())
    theirs = compiled([network.image], network.layers[1:], None)
    image = value_of_image()
    assert_close(ours(image), theirs(image))
    assert ours(image)[0].shape == network.shapes[0]


def test_a_feature_that_is_both_an_output_and_used_further():
    network = Network()
    loss = network.layers[-1].sum()
    outputs = [network.layers[2], T.grad(loss, network.layers[0]), T.grad(loss, network.layers[2])]
    ours, theirs = (compiled([network.image], outputs, mode) for mode in (onednn_mode(), None))
    image = value_of_image()
    assert_close(ours(image), theirs(image))


@pytest.mark.parametrize(
    "relu",
    [
        lambda x: T.maximum(x, np.float32(0)),
        lambda x: T.nnet.relu(x, np.float32(0.2)),
        T.tanh,
    ],
    ids=["maximum", "leaky", "tanh"],
)
def test_other_nonlinearities_stay_theanos_in_the_blocked_layout(relu):
    network = Network(relu=relu)
    outputs = [T.grad(network.layers[-1].sum(), network.image)]
    ours, theirs = (compiled([network.image], outputs, mode) for mode in (onednn_mode(), None))
    image = value_of_image()
    assert_close(ours(image), theirs(image))
    assert kinds(ours).count(ops.Convolution) == 5


def test_a_batch_of_images():
    network = Network()
    x = network.image
    first = T.nnet.conv2d(x, network.filters[0], border_mode="half", filter_flip=False)
    second = T.nnet.conv2d(T.nnet.relu(first), network.filters[1], border_mode="half", filter_flip=False)
    # Rows of this matrix are not channels: only when it runs does that show.
    matrix = second.reshape((32, -1))
    loss = T.sqr(T.dot(matrix, matrix.T)).sum()
    ours, theirs = (compiled([x], [second, loss, T.grad(loss, x)], mode) for mode in (onednn_mode(), None))
    assert ops.Gram in kinds(ours)
    assert ops.Mix in kinds(ours)
    assert_close(ours(value_of_image(batch=2)), theirs(value_of_image(batch=2)))


def test_new_filters_are_seen_at_once():
    network = Network()
    gradient = T.grad(network.layers[-1].sum(), network.image)
    ours, theirs = (compiled([network.image], [network.layers[-1], gradient], mode) for mode in (onednn_mode(), None))
    image = value_of_image()
    ours(image)
    network.filters[1].set_value(-network.filters[1].get_value())
    assert_close(ours(image), theirs(image))


def fallbacks():
    x = T.TensorType("float32", (False,) * 4)()
    network = Network()
    first = network.filters[0]
    dense = T.nnet.conv2d(x, first, border_mode="half", filter_flip=False)
    yield "strides", x, T.nnet.conv2d(x, first, border_mode="half", subsample=(2, 2), filter_flip=False), {}
    yield "no padding", x, T.nnet.conv2d(x, first, filter_flip=False), {}
    yield "flipped", x, T.nnet.conv2d(x, first, border_mode="half"), {}
    yield "dilated", x, T.nnet.conv2d(x, first, border_mode=(2, 2), filter_dilation=(2, 2), filter_flip=False), {}
    yield "few channels", x, T.nnet.conv2d(x, shared(np.ones((5, 3, 3, 3))), border_mode="half", filter_flip=False), {}
    yield "computed", x, T.nnet.conv2d(x, first * np.float32(2), border_mode="half", filter_flip=False), {}
    yield "trained", x, dense, {first: first - np.float32(0.1) * T.grad(dense.sum(), first)}
    yield "even size", x, T.nnet.conv2d(x, shared(np.ones((16, 3, 2, 2))), border_mode=(1, 1), filter_flip=False), {}


@pytest.mark.parametrize(("x", "y", "updates"), [pytest.param(*rest, id=name) for name, *rest in fallbacks()])
def test_what_onednn_does_not_serve_is_left_to_theano(x, y, updates):
    outputs = [y, T.grad(T.sqr(y).sum(), x)]
    before = [variable.get_value() for variable in updates]
    found = []
    for mode in (onednn_mode(), None):
        for variable, value in zip(updates, before, strict=True):
            variable.set_value(value)
        function = theano.function([x], outputs, updates=updates, mode=mode)
        assert CorrMM in kinds(function)
        assert ops.Convolution not in kinds(function)
        found.append([result for _ in range(2) for result in function(value_of_image())])
    assert_close(*found)


def test_float64_is_left_to_theano():
    network = Network(float_type="float64")
    outputs = [network.loss(), T.grad(network.loss(), network.image)]
    function = compiled([network.image], outputs, onednn_mode())
    assert kinds(function).count(CorrMM) == 5
    theirs = compiled([network.image], outputs, None)
    assert_close(function(value_of_image("float64")), theirs(value_of_image("float64")), 1e-12)


def test_the_gradient_alone_needs_no_result_of_the_relu_twice():
    network = Network()
    function = compiled([network.image], T.grad(network.loss(), network.image), onednn_mode())
    used = kinds(function)
    assert used.count(ops.Convolution) == 5
    assert CorrMM not in used


def test_shapes_are_known_without_computing():
    network = Network()
    function = compiled([network.image], [layer.shape for layer in network.layers[1:]], onednn_mode())
    assert [tuple(shape) for shape in function(value_of_image())] == network.shapes
    assert ops.Convolution not in kinds(function)


def test_theanos_other_modes():
    network = Network()
    outputs = [T.grad(network.layers[-1].sum(), network.image)]
    fast = compiled([network.image], outputs, onednn_mode("FAST_RUN"))
    careless = compiled([network.image], outputs, onednn_mode("FAST_COMPILE"))
    image = value_of_image()
    assert kinds(careless).count(ops.Convolution) == 5
    assert_close(careless(image), fast(image))


def test_what_is_said_when_it_is_missing(monkeypatch):
    from audiostyle.network import onednn

    assert "oneDNN 2022.0.2" in description()

    def missing():
        raise Unavailable("the package onednn-cpu-gomp is not installed")

    monkeypatch.setattr(onednn, "load_library", missing)
    assert onednn.available() == (False, "the package onednn-cpu-gomp is not installed")
    with pytest.raises(Unavailable):
        onednn.onednn_mode()


def test_importing_it_starts_nothing():
    program = (
        "import sys, audiostyle.network.onednn; assert 'theano' not in sys.modules; assert 'ctypes' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)

"""A small network's loss and gradient on a device, checked against numpy.

Run in a process of its own (``python -m audiostyle.network.gpu.trial DEVICE``), because what does not work may
end the process: an OpenCL driver that refuses a kernel makes Theano crash.
"""

import subprocess
import sys
import time

import numpy as np

from audiostyle.errors import AudioStyleError
from audiostyle.network.gpu.device import Finding

__all__ = ["compare_on", "trial_finding"]

_SECONDS = 900
_TOLERANCE = 1e-4


def trial_finding(device: str) -> Finding:
    """Run the trial in a process of its own and say how it ended."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "audiostyle.network.gpu.trial", device]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        text = f"a small network had not been compiled and run on {device} after {_SECONDS} s"
        return Finding("trial", "problem", text, "look whether another process holds the compile cache")
    if done.returncode == 0:
        return Finding("trial", "ok", f"{done.stdout.strip()} ({time.perf_counter() - start:.0f} s)")
    last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    end = f"was ended by signal {-done.returncode}" if done.returncode < 0 else "failed"
    remedy = f"run {' '.join(command)} to see all that it says"
    return Finding("trial", "problem", f"a small network on {device} {end}: {last}", remedy)


def compare_on(device: str) -> str:
    """Start Theano on a device, run a small network on it and return how close to numpy it came.

    Raises
    ------
    AudioStyleError
        If the device cannot be used.
    ArithmeticError
        If the results are wrong.
    """
    from audiostyle.network.start import start_theano

    backend = start_theano(device)
    import theano
    import theano.tensor as T

    draw = np.random.RandomState(0).uniform
    image, filters = draw(-1, 1, (1, 3, 12, 20)), draw(-1, 1, (8, 3, 3, 3))
    direction = draw(-1, 1, image.shape)
    symbol = T.TensorType("float32", (False,) * 4)()
    convolved = T.nnet.conv2d(
        symbol,
        theano.shared(filters.astype("float32")),
        input_shape=image.shape,
        filter_shape=filters.shape,
        border_mode=(1, 1),
        filter_flip=False,
    )
    matrix = T.nnet.relu(convolved).reshape((8, 240))
    symbolic_loss = T.sqr(T.dot(matrix, matrix.T)).sum(dtype="float64")
    function = theano.function([symbol], [symbolic_loss, T.grad(symbolic_loss, symbol)])
    value, gradient = (np.asarray(array, dtype="float64") for array in function(image.astype("float32")))
    expected = _loss(image, filters)
    slope = (_loss(image + 1e-6 * direction, filters) - _loss(image - 1e-6 * direction, filters)) / 2e-6
    errors = abs(value / expected - 1), abs((gradient * direction).sum() / slope - 1)
    if not max(errors) < _TOLERANCE:
        raise ArithmeticError(f"loss and slope differ from numpy's by {errors[0]:.1e} and {errors[1]:.1e}")
    return f"a small network on {backend.device} agrees with numpy to {max(errors):.0e}"


def _loss(image: np.ndarray, filters: np.ndarray) -> float:
    padded = np.pad(image[0], ((0, 0), (1, 1), (1, 1)))
    _, height, width = image.shape[1:]
    convolved = sum(
        np.tensordot(filters[:, :, row, column], padded[:, row : row + height, column : column + width], 1)
        for row in range(3)
        for column in range(3)
    )
    matrix = np.maximum(convolved, 0).reshape(len(filters), -1)
    return float(((matrix @ matrix.T) ** 2).sum())


def _main() -> int:
    try:
        print(compare_on(sys.argv[1]))
    except (AudioStyleError, ArithmeticError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())

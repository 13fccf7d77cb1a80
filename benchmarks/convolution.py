"""Seconds and errors of the 13 convolutions up to conv5_1, forward and back, by what computes them.

::

    .venv/bin/python -m benchmarks.convolution --repeat 20

For each layer at 96x854: what the package uses (its Winograd kernels where they pay), the same with 6x6 tiles
(``--convolution onednn_f6``), oneDNN's direct kernels, and Theano's CorrMM.  They take turns, and the least of each
one's times counts, because other work on the machine only ever adds.  The error is the relative L2 distance from
float64, of some channels.
"""

import argparse
import time

import numpy as np

from audiostyle.network.start import start_theano

LAYERS = {
    "conv1_1": (3, 64, 96, 854, 1),
    "conv1_2": (64, 64, 96, 854, 1),
    "conv2_1": (64, 128, 48, 427, 1),
    "conv2_2": (128, 128, 48, 427, 1),
    "conv3_1": (128, 256, 24, 213, 1),
    "conv3_2-4": (256, 256, 24, 213, 3),
    "conv4_1": (256, 512, 12, 106, 1),
    "conv4_2-4": (512, 512, 12, 106, 3),
    "conv5_1": (512, 512, 6, 53, 1),
}


def reference(source, filters, channels):
    _, _, height, width = source.shape
    padded = np.pad(source.astype("float64"), ((0, 0), (0, 0), (1, 1), (1, 1)))
    chosen = filters[channels].astype("float64")
    return sum(
        np.einsum("oc,nchw->nohw", chosen[:, :, i, j], padded[:, :, i : i + height, j : j + width], optimize=True)
        for i in range(3)
        for j in range(3)
    )


def functions(source, filters, gradient, library):
    """Name -> (forward, back), each without arguments, returning a plain array and a way to read it."""
    import theano
    import theano.tensor as T

    def block(array):
        return library.to_blocked(array) if array.shape[1] % library.block == 0 else array

    def plain(array):
        return library.from_blocked(array) if array.ndim == 5 else array

    source_blocked, gradient_blocked = block(source), block(gradient)

    def ours(back, tile=4):
        if back:
            return library.convolve(gradient_blocked, filters, backwards=True, tile=tile)
        return library.convolve(source_blocked, filters, tile=tile)

    def larger(back):
        return ours(back, 6)

    def direct(back):
        return library._convolve_directly(
            gradient_blocked if back else source_blocked, filters, None, back, False, None
        )

    x, y = (T.TensorType("float32", (False,) * 4)() for _ in range(2))
    convolved = T.nnet.conv2d(x, theano.shared(filters), border_mode=(1, 1), filter_flip=False)
    forward, backward = theano.function([x], convolved), theano.function([x, y], T.Lop(convolved, x, y))

    def corrmm(back):
        return backward(source, gradient) if back else forward(source)

    return {"used": ours, "6x6": larger, "oneDNN direct": direct, "CorrMM": corrmm}, plain


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    options = parser.parse_args()
    backend = start_theano(threads=options.threads)
    from audiostyle.network.onednn import description, set_threads
    from audiostyle.network.onednn.library import load_library

    set_threads(backend.threads)
    library, totals = load_library(), {}
    print(f"{description()}; milliseconds and errors, forward + back\n")
    print("| layer | GFLOP | as used | error | 6x6 tiles | error | oneDNN direct | error | CorrMM | error |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, (inputs, outputs, height, width, count) in LAYERS.items():
        random = np.random.RandomState(0)
        source = np.maximum(random.standard_normal((1, inputs, height, width)), 0).astype("float32")
        filters = (random.standard_normal((outputs, inputs, 3, 3)) * np.sqrt(2 / 9 / inputs)).astype("float32")
        gradient = random.standard_normal((1, outputs, height, width)).astype("float32")
        rivals, plain = functions(source, filters, gradient, library)
        turned = filters.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
        out, back_out = np.arange(0, outputs, max(1, outputs // 8)), np.arange(0, inputs, max(1, inputs // 8))
        expected = reference(source, filters, out), reference(gradient, turned, back_out)
        errors = {}
        for rival, run in rivals.items():
            found = plain(run(False))[:, out], plain(run(True))[:, back_out]
            errors[rival] = [np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(found, expected, strict=True)]
        least = {rival: [np.inf, np.inf] for rival in rivals}
        for _ in range(options.repeat):
            for rival, run in rivals.items():
                for back in (False, True):
                    start = time.perf_counter()
                    run(back)
                    least[rival][back] = min(least[rival][back], time.perf_counter() - start)
        cells = []
        for rival, (forward, back) in least.items():
            cells.append(f"{1e3 * forward:.1f} + {1e3 * back:.1f} | {max(errors[rival]):.1e}")
            old = totals.get(rival, (0, 0))
            totals[rival] = (old[0] + count * forward, old[1] + count * back)
        gflop = 4e-9 * 9 * inputs * outputs * height * width
        print(f"| {name} | {gflop:.2f} | {' | '.join(cells)} |", flush=True)
    cells = [f"{1e3 * forward:.0f} + {1e3 * back:.0f} | " for forward, back in totals.values()]
    print(f"| all 13 | | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()

"""Evaluates the objective on one device, runs rounds of L-BFGS (0 or 1), and writes what came out.

Usage: ``python tests/device_evaluation.py DEVICE OUT.npz ROUNDS``.  A process of its own, because Theano serves
one device per process.  The network is the whole VGG-19 with random filters, the image small.
"""

import collections
import dataclasses
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from audiostyle.network.start import start_theano
from audiostyle.optimise import run_round
from audiostyle.settings import Settings

SHAPE = (1, 3, 32, 48)
SETTINGS = Settings(rowac=True, colac=True, ac_layers=("input", "conv2_1"), max_evaluations=8)


def parameters():
    """He's random filters, the first layer's for an input of about 100, so that activations are about 1."""
    draw, arrays, before, scale = np.random.RandomState(0).standard_normal, [], 3, 0.01
    for channels, convolutions in zip((64, 128, 256, 512, 512), (2, 2, 4, 4, 4), strict=True):
        for _ in range(convolutions):
            filters = scale * np.sqrt(2 / (9 * before)) * draw((channels, before, 3, 3))
            arrays += [filters.astype("float32"), np.zeros(channels, "float32")]
            before, scale = channels, 1.0
    return arrays


def transfers(function):
    """Count the Ops that copy between host and device, and say where each stands."""
    graph, found = function.maker.fgraph, collections.Counter()
    for node in graph.toposort():
        name = type(node.op).__name__
        if name == "GpuFromHost":
            found["image to device" if node.inputs[0] in graph.inputs else f"inner {node}"] += 1
        elif name == "HostFromGpu":
            clients = {client for client, _ in node.outputs[0].clients}
            found["result to host" if clients == {"output"} else f"inner {node}"] += 1
        elif name == "GpuToGpu":
            found[f"inner {node}"] += 1
    return found


def main(device, target, rounds):
    start_theano(device)
    from audiostyle.network.objective import Objective

    draw = np.random.RandomState(1).uniform
    # Of unequal contrast, so that no loss is a small difference of large numbers.
    content, style, image = (draw(-size, size, SHAPE).astype("float32") for size in (120, 60, 100))
    objective = Objective(content, style, parameters(), dataclasses.replace(SETTINGS, convolution="corrmm"))
    parts, total, gradient = objective(image)
    totals = []
    if rounds:
        run_round(objective, image, SETTINGS, on_evaluation=lambda evaluation: totals.append(evaluation.total))
    counted = transfers(objective._function)
    np.savez(
        target,
        names=list(parts),
        parts=list(parts.values()),
        total=total,
        gradient=gradient,
        totals=totals,
        transfers=[f"{count} {name}" for name, count in sorted(counted.items())],
        operations=sorted({type(node.op).__name__ for node in objective._function.maker.fgraph.toposort()}),
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))

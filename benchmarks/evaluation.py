"""Seconds of one evaluation, all loss parts and their gradient, side by side: oneDNN, CorrMM and PyTorch.

::

    .venv/bin/python -m benchmarks.evaluation --repeat 10 --torch /tmp/torchvenv/bin/python

``--torch`` names the interpreter of an environment with PyTorch, in which ``examples/ports/torch_port.py`` runs (its
README says how to make one).  The rivals take turns for some rounds, because other work on the machine changes from
minute to minute; the least time of each counts, and the median stands beside it.  Processor time, of all threads
together, hardly changes with other work if threads sleep while they wait: ``--patient`` makes PyTorch's do so, as
ours do anyway.  All are given the same weights and images, and their losses and gradients' norms are printed, to show
that they do the same work.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from audiostyle.network.start import start_theano
from audiostyle.settings import Settings
from audiostyle.weights.layers import CONV_LAYERS
from audiostyle.weights.random_network import he_network


def images(height, width):
    """Something like two pictures of sound, and noise as a transfer starts from."""
    random = np.random.RandomState(0)
    rows = np.linspace(0, 1, height)[:, None]
    pictures = []
    for rate in (0.11, 0.07):
        columns = np.sin(rate * np.arange(width))[None, :]
        grey = 128 + 60 * columns * np.sin(7 * rows) + random.uniform(-40, 40, (height, width))
        pictures.append((grey[None, None] - np.array([104, 117, 123])[:, None, None]).astype("float32"))
    return (*pictures, random.uniform(-128, 128, (1, 3, height, width)).astype("float32"))


def problem(content, style, image, parameters):
    """All that the PyTorch port needs, by its names in stages files and in files of weights."""
    named = {"content/tensor": content, "style/tensor": style, "image": image}
    for index, layer in enumerate(CONV_LAYERS[:13]):  # no loss looks beyond conv5_1
        named |= {f"{layer.name}/W": parameters[2 * index], f"{layer.name}/b": parameters[2 * index + 1]}
    return named


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=10, help="evaluations per round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--height", type=int, default=96)
    parser.add_argument("--width", type=int, default=854)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--ac-layers", default="input")
    parser.add_argument("--without-ac", action="store_true", help="no row and column autocorrelation")
    parser.add_argument("--convolutions", default="onednn,corrmm")
    parser.add_argument("--torch", help="Python interpreter that has PyTorch")
    parser.add_argument("--patient", action="store_true", help="PyTorch's threads sleep while they wait")
    options = parser.parse_args()
    start_theano(threads=options.threads)
    from audiostyle.network.objective import Objective

    content, style, image = images(options.height, options.width)
    parameters = he_network(0)
    parameters[0] /= np.float32(32)  # so that no term hides the others
    base = Settings(
        rowac=not options.without_ac,
        colac=not options.without_ac,
        threads=options.threads,
        ac_layers=tuple(options.ac_layers.split(",")),
    )
    rivals = {}
    for name in options.convolutions.split(","):
        start = time.perf_counter()
        objective = Objective(content, style, parameters, dataclasses.replace(base, convolution=name))
        print(f"{name}: {objective.convolution.description}; compiled in {time.perf_counter() - start:.1f} s")
        rivals[name] = objective
    seconds, cpu_seconds = ({name: [] for name in rivals} for _ in range(2))
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        tensors = Path(folder) / "tensors.npz"
        np.savez(tensors, **problem(content, style, image, parameters))
        for _ in range(options.rounds):
            for name, objective in rivals.items():
                objective(image)
                for _ in range(options.repeat):
                    start, cpu_start = time.perf_counter(), time.process_time()
                    _, total, gradient = objective(image)
                    seconds[name].append(time.perf_counter() - start)
                    cpu_seconds[name].append(time.process_time() - cpu_start)
                found[name] = total, float(np.linalg.norm(gradient.astype("float64")))
            if options.torch:
                port = Path(__file__).parents[1] / "examples" / "ports" / "torch_port.py"
                command = [options.torch, str(port), *[str(tensors)] * 2, f"--repeat={options.repeat + 1}"]
                command += ["--no-ac"] * options.without_ac
                environment = os.environ | ({"OMP_WAIT_POLICY": "passive"} if options.patient else {})
                done = subprocess.run(
                    [*command, f"--threads={options.threads}"],
                    env=environment, capture_output=True, text=True, check=True,
                )  # fmt: skip
                result = json.loads(done.stdout.splitlines()[-1])
                name = "PyTorch " + result["torch"]
                seconds.setdefault(name, []).extend(result["seconds"][1:])
                cpu_seconds.setdefault(name, []).extend(result["cpu_seconds"][1:])
                found[name] = result["loss"], result["gradient_norm"]
    least = {name: min(times) for name, times in seconds.items()}
    columns = ("", "least ms", "median ms", "times the first", "processor ms", "times the first", "loss", "gradient")
    print(f"\n| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    first, cpu_first = next(iter(least.values())), min(next(iter(cpu_seconds.values())))
    for name, times in seconds.items():
        loss, norm = found[name]
        cpu = min(cpu_seconds[name])
        cells = f"{1e3 * least[name]:.0f} | {1e3 * np.median(times):.0f} | {least[name] / first:.2f}"
        cells += f" | {1e3 * cpu:.0f} | {cpu / cpu_first:.2f}"
        print(f"| {name} | {cells} | {loss:.8g} | {norm:.6g} |")


if __name__ == "__main__":
    main()

"""The paper's experiment on one device: seconds, memory, the first evaluations, and the whole descent.

``benchmarks/gpu.sh`` calls this on a bare machine; see there.  By itself::

    .venv/bin/python -m benchmarks.gpu prepare rock17.wav reggae07.wav vgg19_weights/vgg19_normalized.pkl problem.npz
    .venv/bin/python -m benchmarks.gpu run problem.npz cuda out/cuda
    .venv/bin/python -m benchmarks.gpu run problem.npz cpu out/cpu --rounds 0
    .venv/bin/python -m benchmarks.gpu compare out/cuda out/cpu

``prepare`` needs all packages, and normalises weights that are not; ``run`` needs numpy, scipy, Theano and
Lasagne only.  ``run`` writes ``result.json`` and ``evaluations.npz``; ``problem.npz`` is what PyTorch takes too.
"""

import argparse
import contextlib
import dataclasses
import json
import resource
import statistics
import subprocess
import time
from pathlib import Path

import numpy as np

from audiostyle.settings import Settings
from audiostyle.weights.layers import CONV_LAYERS

# The paper's Figure 3d: MFCC, row and column autocorrelation, 40 iterations.
SETTINGS = Settings(rowac=True, colac=True)
FIRST = 6
# Convolutions up to conv5_1.
LAYERS = 13


def prepare(content, style, weights, target, duration):
    """Write the two network images, the start image, and the filters and biases of conv1_1 to conv5_1."""
    from audiostyle.optimise import start_image
    from audiostyle.pipeline import analyse
    from audiostyle.weights.convert import converted
    from audiostyle.weights.load import inspect_weights, load_weights
    from benchmarks.evaluation import problem

    if weights == "random":
        arrays = load_weights(weights).arrays
    else:
        arrays = converted(inspect_weights(Path(weights), SETTINGS)).arrays
    settings = dataclasses.replace(SETTINGS, duration=duration)
    first, second = (analyse(path, settings).tensor for path in (content, style))
    image = start_image(*first.shape[2:], SETTINGS)
    np.savez_compressed(target, **problem(first, second, image, arrays))


def gpu_memory():
    """Bytes in use on the first GPU, or None without nvidia-smi."""
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, check=True)
        return int(done.stdout.split()[0]) * 2**20
    except (OSError, subprocess.CalledProcessError, ValueError, IndexError):
        return None


def run(problem, device, folder, rounds, repeat):
    """Measure one device."""
    from audiostyle.network.start import start_theano

    started = time.perf_counter()
    before = gpu_memory()
    backend = start_theano(device)
    from audiostyle.network.objective import Objective

    folder.mkdir(parents=True, exist_ok=True)
    given = np.load(problem)
    content, style, image = (given[name].astype("float32") for name in ("content/tensor", "style/tensor", "image"))
    parameters = [given[f"{layer.name}/{kind}"] for layer in CONV_LAYERS[:LAYERS] for kind in "Wb"]
    # Deeper layers are built and never looked at.
    for _ in range(3):
        parameters += [np.zeros((512, 512, 3, 3), "float32"), np.zeros(512, "float32")]
    objective = Objective(content, style, parameters, SETTINGS)
    built = time.perf_counter()
    parts, total, gradient = objective(image)
    first_evaluation = time.perf_counter()
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        objective(image)
        seconds.append(time.perf_counter() - start)
    after = gpu_memory()
    totals, descent = [], []
    start = time.perf_counter()
    from audiostyle.optimise import descend

    settings = dataclasses.replace(SETTINGS, iterations=rounds + 1)  # D5: one less is run
    if rounds:
        for finished in descend(
            objective, image, settings, lambda evaluation: totals.append([evaluation.total, *evaluation.parts.values()])
        ):
            descent.append(
                {
                    "round": finished.index,
                    "evaluations": finished.evaluations,
                    "total": finished.total,
                    "message": finished.message,
                    "seconds": finished.seconds,
                }
            )
            print(f"{device}: round {finished.index}, loss {finished.total:.6g}, {finished.seconds:.1f} s", flush=True)
        np.save(folder / "image.npy", finished.image)
    else:
        totals = first_evaluations(objective, image)
    result = {
        "device": backend.device,
        "convolution": objective.convolution.description,
        "shape": list(content.shape),
        "seconds_to_build": built - started,
        "seconds_first_evaluation": first_evaluation - built,
        "seconds_per_evaluation": {"least": min(seconds), "median": statistics.median(seconds), "count": repeat},
        "seconds_descent": time.perf_counter() - start if rounds else None,
        "evaluations": len(totals),
        "gpu_bytes": after - before if after is not None and before is not None else None,
        "peak_rss_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "loss": total,
        "parts": parts,
        "gradient_norm": float(np.linalg.norm(gradient.astype("float64"))),
        "rounds": descent,
    }
    np.savez(folder / "evaluations.npz", totals=np.array(totals[:FIRST]), gradient=gradient)
    (folder / "result.json").write_text(json.dumps(result, indent=1))
    print(json.dumps({name: value for name, value in result.items() if name != "rounds"}, indent=1))


def first_evaluations(objective, image):
    """Total and parts of the first evaluations of a round that is then given up."""
    from audiostyle.optimise import run_round

    class Enough(Exception):
        pass

    totals = []

    def record(evaluation):
        totals.append([evaluation.total, *evaluation.parts.values()])
        if len(totals) == FIRST:
            raise Enough

    with contextlib.suppress(Enough):
        run_round(objective, image, SETTINGS, 1, record)
    return totals


def compare(ours, theirs):
    """Print how far the first evaluations of two runs are apart; 1e-4 is what is asked."""
    a, b = (np.load(folder / "evaluations.npz") for folder in (ours, theirs))
    count = min(len(a["totals"]), len(b["totals"]))
    differences = np.abs(a["totals"][:count] / b["totals"][:count] - 1)
    for index, row in enumerate(differences, start=1):
        print(f"evaluation {index}: total differs by {row[0]:.1e}, the worst part by {row[1:].max():.1e}")
    gradient = np.linalg.norm(a["gradient"].astype("float64") - b["gradient"]) / np.linalg.norm(b["gradient"])
    print(f"gradient at the start image: relative L2 difference {gradient:.1e}")
    return 0 if differences.max() < 1e-4 else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    sub = commands.add_parser("prepare")
    for name in ("content", "style", "weights", "target"):
        sub.add_argument(name)
    sub.add_argument("--duration", type=float, default=SETTINGS.duration)
    sub = commands.add_parser("run")
    sub.add_argument("problem")
    sub.add_argument("device")
    sub.add_argument("folder", type=Path)
    sub.add_argument("--rounds", type=int, default=SETTINGS.rounds)
    sub.add_argument("--repeat", type=int, default=30)
    sub = commands.add_parser("compare")
    sub.add_argument("ours", type=Path)
    sub.add_argument("theirs", type=Path)
    options = vars(parser.parse_args())
    raise SystemExit({"prepare": prepare, "run": run, "compare": compare}[options.pop("command")](**options) or 0)


if __name__ == "__main__":
    main()

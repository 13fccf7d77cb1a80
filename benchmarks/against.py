r"""This checkout against another commit, in turns: first start, the optimiser's own arithmetic, a whole transfer.

::

    .venv/bin/python -m benchmarks.against HEAD~1 --rounds 3
    .venv/bin/python -m benchmarks.against v1.0.0 --rounds 2 --clips rock17.wav reggae07.wav --weights FILE
    .venv/bin/python -m benchmarks.against v1.0.0 --rounds 1 --iterations 0 --also optimiser=two_loop \
        --also optimiser=two_loop convolution=onednn_f6

Least of all rounds, in seconds of wall clock and of processor.  The transfers' archives are compared too: the same
bits, or which round differs first.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from audiostyle.demo.clips import write_clips
from audiostyle.run.archive import Archive

ROOT = Path(__file__).resolve().parents[1]
FIRST_START = """
import sys
from audiostyle.network.start import start_theano
start_theano()
from audiostyle.network.objective import Objective
from audiostyle.settings import Settings
from audiostyle.weights.random_network import he_network
import numpy as np
pictures = np.random.RandomState(0).uniform(-100, 100, (2, 1, 3, 96, 854)).astype("float32")
settings = Settings(rowac=True, colac=True).with_text(dict(pair.split("=") for pair in sys.argv[1:]))
Objective(*pictures, he_network(0), settings)
"""
ARITHMETIC = """
import sys
import time
from audiostyle.network.blas import choose_blas_kernels
choose_blas_kernels()
import numpy as np
from audiostyle.optimise import descend
from audiostyle.settings import Settings
steepness = np.linspace(1, 1000, 3 * 96 * 854, dtype="float32").reshape(1, 3, 96, 854)
inside = [0.0, 0]
def bowl(image):
    begun = time.process_time()
    gradient = steepness * image + np.float32(10) * np.sin(image)
    value = float((0.5 * steepness * image * image - np.float32(10) * np.cos(image)).sum(dtype="float64"))
    inside[0] += time.process_time() - begun
    inside[1] += 1
    return {"bowl": value}, value, gradient
start = np.random.RandomState(0).uniform(-128, 128, steepness.shape).astype("float32")
begun = time.process_time()
list(descend(bowl, start, Settings(iterations=4).with_text(dict(pair.split("=") for pair in sys.argv[1:]))))
print((time.process_time() - begun - inside[0]) / inside[1])
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commit")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clips", nargs=2, help="content and style; by default the demonstration's")
    parser.add_argument("--weights", default="random")
    parser.add_argument("--iterations", default="5", help="of the transfer; 0: all")
    parser.add_argument(
        "--also", nargs="+", action="append", default=[], metavar="NAME=VALUE",
        help="settings that this checkout is measured with, too",
    )  # fmt: skip
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        other = folder / "other"
        subprocess.run(["git", "-C", str(ROOT), "worktree", "add", "-q", "--detach", other, options.commit], check=True)
        try:
            kinds = [(options.commit, other, []), ("here", ROOT, [])]
            kinds += [(", ".join(settings), ROOT, settings) for settings in options.also]
            clips = options.clips or [str(path) for path in write_clips(folder, 11.0)]
            for number in range(options.rounds):
                for index, (label, place, settings) in enumerate(kinds):
                    measure(found.setdefault(label, {}), place, folder / f"{index}-{number}", clips, options, settings)
            compare([folder / "0-0", folder / "1-0"])
        finally:
            subprocess.run(["git", "-C", str(ROOT), "worktree", "remove", "--force", other], check=True)
    labels = list(found)
    print(f"| | {' | '.join(labels)} | times |\n|{'---|' * (len(labels) + 2)}")
    for what in found[labels[0]]:
        before, *after = (min(found[label][what]) for label in labels)
        cells = [*(f"{value:.3g}" for value in (before, *after)), ", ".join(f"{one / before:.3f}" for one in after)]
        print(f"| {what} | {' | '.join(cells)} |")


def measure(found, place, folder, clips, options, settings):
    folder.mkdir()
    wall, cpu = timed([sys.executable, "-c", FIRST_START, *settings], place, folder / "cold")
    found.setdefault("first start with an empty cache, s", []).append(wall)
    found.setdefault("the same, processor s", []).append(cpu)
    done = subprocess.run([sys.executable, "-c", ARITHMETIC, *settings], env=environment(place, folder / "cold"),
                          cwd=place, capture_output=True, text=True, check=True)  # fmt: skip
    found.setdefault("optimiser's arithmetic, processor ms an evaluation", []).append(1e3 * float(done.stdout))
    command = [sys.executable, "-m", "audiostyle", "transfer", *clips, "--rowac", "--colac", "--quiet"]
    command += ["--weights", options.weights, "--iterations", options.iterations, "-o", str(folder / "out")]
    command += [argument for setting in settings for argument in ("--set", setting)]
    wall, cpu = timed(command, place, folder / "cold")
    found.setdefault("transfer, s", []).append(wall)
    found.setdefault("transfer, processor s", []).append(cpu)
    for stage, seconds in json.loads((folder / "out" / "run.json").read_text())["seconds"].items():
        found.setdefault(f"of it {stage}, s", []).append(seconds)


def timed(command, place, cache):
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=environment(place, cache), cwd=place, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - begun, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def environment(place, cache):
    return os.environ | {"PYTHONPATH": str(place), "XDG_CACHE_HOME": str(cache)}


def compare(folders):
    one, other = (Archive.read(folder / "out" / "run.h5") for folder in folders)
    for before, after in zip(one.rounds, other.rounds, strict=True):
        if not np.array_equal(before.image, after.image):
            print(f"Round {before.index} has other bits.")
            return
    print(f"The same bits in all {len(one.rounds)} rounds.")


if __name__ == "__main__":
    main()

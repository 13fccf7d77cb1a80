"""A long clip tile by tile: agreement with the whole and processor time a column, and whole runs of a song.

::

    .venv/bin/python -m benchmarks.tiles                       # one process: the whole and tiles in turns
    .venv/bin/python -m benchmarks.tiles --minutes 1,2,4       # runs of songs: peak memory and seconds a column

Songs are the demonstration's clips, each with ten seconds of style; a run is one round of few evaluations, its pictures
and its sound.
"""

import argparse
import dataclasses
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from audiostyle.demo.clips import write_clips
from audiostyle.network.start import start_theano
from audiostyle.settings import Settings
from audiostyle.weights.random_network import he_network
from benchmarks.evaluation import images


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=5200, help="columns of the image that both see")
    parser.add_argument("--columns", default="1024,2048")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--minutes", help="run songs instead, such as 1,2,4")
    options = parser.parse_args()
    columns = [int(each) for each in options.columns.split(",")]
    if options.minutes:
        songs([float(each) for each in options.minutes.split(",")], columns[0])
    else:
        compare(options, columns)


def compare(options, columns):
    start_theano(threads=options.threads)
    from audiostyle.network.objective import Objective
    from audiostyle.network.tiled_objective import TiledObjective

    parameters = he_network(0)
    parameters[0] /= np.float32(32)  # so that no term hides the others
    settings = Settings(rowac=True, colac=True, threads=options.threads)
    content, style, image = images(96, options.width)
    rivals = {"whole": Objective(content, style, parameters, settings)}
    for each in columns:
        tiled = dataclasses.replace(settings, tile_columns=each)
        rivals[f"tiles of {each}"] = TiledObjective(content, style, parameters, tiled)
    seconds = {name: [] for name in rivals}
    found = {name: objective(image) for name, objective in rivals.items()}
    for _ in range(options.repeat):
        for name, objective in rivals.items():
            begun = time.process_time()
            objective(image)
            seconds[name].append(time.process_time() - begun)
    parts, _, gradient = found["whole"]
    print("| | processor us a column | times the whole | losses differ by | gradient by |\n|---|---|---|---|---|")
    for name, times in seconds.items():
        ours, _, slope = found[name]
        losses = max(abs(ours[part] / value - 1) for part, value in parts.items())
        off = np.linalg.norm(slope.astype("float64") - gradient) / np.linalg.norm(gradient.astype("float64"))
        least = min(times)
        ratio = least / min(seconds["whole"])
        print(f"| {name} | {1e6 * least / options.width:.0f} | {ratio:.2f} | {losses:.1e} | {off:.1e} |")


def songs(minutes, columns):
    print("| minutes | columns | peak memory in GiB | seconds an evaluation | ms a column | processor seconds in all |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = [str(path) for path in write_clips(folder, 60 * max(minutes) + 1)]
        for each in minutes:
            out = folder / f"song{each:g}"
            command = [
                sys.executable,
                "-m",
                "audiostyle",
                "transfer",
                *clips,
                "--weights",
                "random",
                "--rowac",
                "--colac",
            ]
            command += ["--duration", str(60 * each), "--set", "duration_style=10", "--set", f"tile_columns={columns}"]
            command += ["--iterations", "2", "--max-evaluations", "2", "-o", str(out), "--quiet"]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            # A process of its own for each, whose peak is that of its only child.
            program = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True)\n"
            program += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
            done = subprocess.run([sys.executable, "-c", program, *command], capture_output=True, text=True, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            from audiostyle.run.archive import Archive

            run = Archive.read(out / "run.h5")
            width, least = run.start_image.shape[3], min(run.rows["seconds"])
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            peak = int(done.stdout.splitlines()[-1]) / 2**20
            print(
                f"| {each:g} | {width} | {peak:.2f} | {least:.1f} | {1e3 * least / width:.2f} | {cpu:.0f} |", flush=True
            )


if __name__ == "__main__":
    main()

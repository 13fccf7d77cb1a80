"""What a batch costs and gains, on a quiet machine.

::

    .venv/bin/python -m benchmarks.batch throughput     two workers of one thread, and one of two, side by side
    .venv/bin/python -m benchmarks.batch overhead       processor time of a batch over that of plain transfers
    .venv/bin/python -m benchmarks.batch plan           a plan of 100,000 transfers, made and looked at

The rivals take turns, because other work on the machine changes from minute to minute; every turn is printed, and the
least of each counts.  Before the first turn one transfer of each fills the caches.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from audiostyle.demo.clips import write_clips


def transfers(folder, args):
    """Two clips, and a table of pairs of them that differ in their seed."""
    write_clips(folder / "clips", float(args.duration))
    rows = [f"clips/rock.wav,clips/reggae.wav,{seed}" for seed in range(args.count)]
    (folder / "pairs.csv").write_text("content,style,seed\n" + "\n".join(rows) + "\n")


def run(arguments):
    """Seconds on the clock, and of processors, that a command takes."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "audiostyle", *map(str, arguments)], capture_output=True, text=True)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used


def settings(args):
    return ["--weights", "random", "--rowac", "--colac", "--duration", args.duration, "--iterations", args.iterations]


def throughput(args):
    kinds = {"2 x 1 thread": ["--workers", 2, "--threads", 1], "1 x 2 threads": ["--workers", 1, "--threads", 2]}
    best = dict.fromkeys(kinds, float("inf"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        transfers(folder, args)
        for turn in range(args.turns + 1):
            for kind, how in kinds.items():
                place = folder / f"{turn} {kind}"
                count = [] if turn else ["--iterations", 2]
                seconds, used = run(
                    ["batch", folder / "pairs.csv", "-o", place, *settings(args), *how, "--yes", *count]
                )
                if turn:
                    best[kind] = min(best[kind], seconds)
                    print(
                        f"turn {turn}, {kind}: {args.count} transfers in {seconds:.1f} s, {used:.1f} CPU-s", flush=True
                    )
    two, one = best.values()
    print(f"2 x 1 finishes {one / two:.3f} times as many transfers an hour as 1 x 2")


def overhead(args):
    used = {"batch": float("inf"), "plain": float("inf")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        transfers(folder, args)
        clips = folder / "clips" / "rock.wav", folder / "clips" / "reggae.wav"
        for turn in range(args.turns + 1):
            how = [*settings(args), "--threads", 1]
            same = ["--workers", 1, "--no-evaluate", "--pictures", "--keep", "all", "--yes"]
            batch = run(["batch", folder / "pairs.csv", "-o", folder / f"batch{turn}", *how, *same])[1]
            plain = sum(
                run(["transfer", *clips, *how, "--seed", seed, "-o", folder / f"plain{turn}-{seed}"])[1]
                for seed in range(args.count)
            )
            if turn:
                used = {"batch": min(used["batch"], batch), "plain": min(used["plain"], plain)}
                print(
                    f"turn {turn}: batch {batch:.1f} CPU-s, {args.count} plain transfers {plain:.1f} CPU-s", flush=True
                )
    print(f"a batch takes {used['batch'] / used['plain']:.3f} times the processor time of plain transfers")


def plan(args):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "clips").mkdir()
        for number in range(200):
            (folder / "clips" / f"{number}.wav").write_bytes(os.urandom(2**16))
        pairs = [(one, other) for one in range(200) for other in range(200)][: args.lines // 4]
        rows = [f"clips/{one}.wav,clips/{other}.wav,g{one % 10},g{other % 10}" for one, other in pairs]
        (folder / "pairs.csv").write_text("content,style,content_label,style_label\n" + "\n".join(rows) + "\n")
        (folder / "sweep.toml").write_text("[grid]\nseed = [0, 1]\nstyle_weight = [1e5, 2e5]\n")
        arguments = ["batch", folder / "pairs.csv", "-o", folder / "out", "--grid", folder / "sweep.toml"]
        seconds, used = run([*arguments, "--weights", "random", "--dry-run"])
        print(f"a plan of {args.lines} transfers is made and looked at in {seconds:.1f} s, {used:.1f} CPU-s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("throughput", "overhead", "plan"))
    parser.add_argument("--count", type=int, default=4, help="transfers in a batch")
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--duration", default="10")
    parser.add_argument("--iterations", default="4", help="one less is the number of rounds (D5)")
    parser.add_argument("--lines", type=int, default=100_000)
    args = parser.parse_args()
    {"throughput": throughput, "overhead": overhead, "plan": plan}[args.what](args)


if __name__ == "__main__":
    main()

"""Record what short runs compute, bit for bit, and check it after a refactoring.

Every configuration is a transfer through the command line and, where its settings allow, a file of stages.
Kept are SHA-256 sums: of each stage (samples, spectrograms, images, loss terms, gradient), of the losses of
every evaluation, of the last image, and of output.wav.  The same machine, packages and number of threads
give the same bits, so any other sum is a change that the refactoring made.

    .venv/bin/python -m benchmarks.bits record before.json      # on the old commit
    .venv/bin/python -m benchmarks.bits check before.json       # on the new one: 0 the same bits, 1 not
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from audiostyle.demo.clips import write_clips
from audiostyle.run.archive import ARCHIVE_NAME, Archive

_AC = ("--rowac", "--colac")
#: Name -> options of ``transfer`` and ``stages``.
CONFIGURATIONS: dict[str, tuple[str, ...]] = {
    "mel released onednn": _AC,
    "mel released corrmm": (*_AC, "--convolution", "corrmm"),
    "mel paper": (*_AC, "--preset", "paper", "--representation", "mel"),
    "mel corrected": (*_AC, "--preset", "corrected"),
    "mel float64": (*_AC, "--float64"),
    "mel deeper layers": (*_AC, "--ac-layers", "input,conv1_1,conv2_1", "--ac-layer-weights", "1,1e-3,1e-3"),
    "mel other targets": (*_AC, "--row-target", "content", "--column-target", "none", "--seed", "7"),
    "mel without AC": ("--content-weight", "1", "--tv-weight", "0"),
    "spectrogram released": (*_AC, "--spec"),
    "spectrogram paper": (*_AC, "--spec", "--preset", "paper"),
    "spectrogram corrected": (*_AC, "--spec", "--preset", "corrected"),
    "cqt": (*_AC, "--representation", "cqt"),
    "chroma": (*_AC, "--representation", "chroma"),
    "mfcc": (*_AC, "--representation", "mfcc"),
}
#: Configurations that are stopped after a round and resumed; the same bits are expected as without.
RESUMED = ("mel released onednn", "spectrogram corrected")
_SECONDS, _ROUNDS, _EVALUATIONS = 2.0, 3, 4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("record", "check"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--only", metavar="NAME", action="append", help="one configuration; may be repeated")
    args = parser.parse_args()
    found: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = tuple(map(str, write_clips(folder, _SECONDS)))
        for configuration in args.only or [*CONFIGURATIONS, *(f"{name}, resumed" for name in RESUMED)]:
            found[configuration] = dict(_sums(configuration, clips, folder))
            print(f"{configuration}: {len(found[configuration])} sums", flush=True)
    if args.action == "record":
        args.file.write_text(json.dumps(found, indent=1) + "\n")
        return 0
    expected = {name: sums for name, sums in json.loads(args.file.read_text()).items() if name in found}
    differences = list(_differences(expected, found))
    print("\n".join(differences) or f"The same bits in all {len(found)} configurations.")
    return 1 if differences else 0


def _sums(configuration: str, clips: tuple[str, ...], folder: Path) -> Iterator[tuple[str, str]]:
    name = configuration.removesuffix(", resumed")
    options = [*CONFIGURATIONS[name], "--duration", str(_SECONDS), "--threads", "2", "--weights", "random"]
    options += ["--max-evaluations", str(_EVALUATIONS)]
    output = folder / configuration.replace(" ", "_")
    resumed = configuration != name
    asked = ["--set", "round_count=as_asked", "--iterations"]
    sound = "mfcc" not in name  # noise read as a cepstrum is no sound yet after a few evaluations
    _run("transfer", *clips, *options, *asked, str(_ROUNDS - resumed), "-o", str(output), "--quiet", may_fail=not sound)
    if resumed:
        _run("transfer", "--resume", str(output), *asked, str(_ROUNDS), "--quiet")
    run = Archive.read(output / ARCHIVE_NAME)
    for evaluation in run.evaluations:
        values = np.array([evaluation.total, *evaluation.parts.values()], dtype="float64")
        yield f"loss {evaluation.round}.{evaluation.index} {' '.join(evaluation.parts)}", _sum(values)
    yield "last image", _sum(run.last_image)
    if sound:
        yield "output.wav", hashlib.sha256((output / "output.wav").read_bytes()).hexdigest()
    if resumed:
        return
    file = folder / "stages.h5"
    _run("stages", *clips, *options, "--image-seed", "3", "-o", str(file))
    with h5py.File(file) as stages:
        for stage in sorted(_datasets(stages)):
            yield f"stage {stage}", _sum(stages[stage][()])
    file.unlink()


def _datasets(group: Any) -> list[str]:
    names: list[str] = []
    group.visititems(lambda name, node: names.append(name) if isinstance(node, h5py.Dataset) else None)
    return names


def _run(*arguments: str, may_fail: bool = False) -> None:
    done = subprocess.run([sys.executable, "-m", "audiostyle", *arguments], capture_output=True, text=True)
    if done.returncode and not may_fail:
        raise SystemExit(f"audiostyle {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")


def _sum(value: Any) -> str:
    array = np.ascontiguousarray(value)
    return hashlib.sha256(f"{array.dtype} {array.shape}".encode() + array.tobytes()).hexdigest()


def _differences(expected: dict[str, dict[str, str]], found: dict[str, dict[str, str]]) -> Iterator[str]:
    for configuration, sums in found.items():
        before = expected.get(configuration, {})
        for name in sorted({*sums, *before}):
            if sums.get(name) != before.get(name):
                what = "is new" if name not in before else "is missing" if name not in sums else "has other bits"
                yield f"{configuration}: {name} {what}"


if __name__ == "__main__":
    sys.exit(main())

"""Real batches of two short transfers: how they are started, waited for and compared with undisturbed ones."""

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from audiostyle.batch.plan import read_plan
from audiostyle.demo.clips import write_clips
from audiostyle.run.archive import Archive

ROOT = Path(__file__).resolve().parents[1]
SHORT = ["--weights", "random", "--duration", "0.5", "--iterations", "7", "--max-evaluations", "8", "--rowac"]
PAIRS = "content,style\nclips/rock.wav,clips/reggae.wav\nclips/reggae.wav,clips/rock.wav\n"


def command(*arguments):
    return [sys.executable, "-m", "audiostyle", *map(str, arguments)]


def finish(*arguments, **options):
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=3600, check=False, cwd=ROOT, **options
    )


def write_place(folder):
    """Write two clips and a table of two pairs."""
    write_clips(folder / "clips", 0.6)
    (folder / "pairs.csv").write_text(PAIRS)
    return folder


def wait_for(what, seconds=1800):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def rounds(batch):
    return sorted(batch.glob("runs/*/*/run.000[23].h5"))


def check(batch, undisturbed):
    """Compare image and sound of every transfer with those that nobody disturbed."""
    plan = read_plan(batch)
    for line, expected in zip(plan.lines, undisturbed, strict=True):
        run = batch / line.folder
        ours, theirs = Archive.read(run / "run.h5"), Archive.read(expected / "run.h5")
        assert [one["image_sha256"] for one in ours.rounds.records] == [
            one["image_sha256"] for one in theirs.rounds.records
        ]
        np.testing.assert_array_equal(ours.last_image, theirs.last_image)
        sound = (run / "output.wav").read_bytes()
        assert sound == (expected / "output.wav").read_bytes()
        recorded = json.loads((run / "metrics.json").read_text())["output"]["sha256"]
        assert recorded == hashlib.sha256(sound).hexdigest()
    assert not list((batch / "running").iterdir())

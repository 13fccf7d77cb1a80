"""Real runs that are killed (SIGKILL) at random moments and resumed end as if nothing had happened (T16)."""

import functools
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from audiostyle.demo.clips import write_clips
from audiostyle.run.archive import Archive

ROOT = Path(__file__).resolve().parents[2]
SHORT = ["--duration", "0.3", "--max-evaluations", "4", "--rowac", "--weights", "random", "--iterations", "7"]
ROUNDS = 6
KINDS = {
    "mel": [],
    "spectrogram": ["--spec"],
    "cqt": ["--representation", "cqt"],
    "float64": ["--float64"],
    "memory": ["--set", "restart=continue"],
    "two loops": ["--set", "restart=continue", "--set", "optimiser=two_loop"],
    # Two tiles of a network that is not deep, and a style that is shorter.
    "tiles": [
        *("--duration", "1.0", "--set", "duration_style=0.6", "--set", "tile_columns=16"),
        *("--set", "style_layers=conv1_1,conv2_1", "--set", "content_layer=conv2_2"),
    ],
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return [os.fspath(path) for path in write_clips(tmp_path_factory.mktemp("clips"), 1.0)]


def begin(*arguments, **options):
    command = [sys.executable, os.fspath(ROOT / "run_transfer.py"), *map(os.fspath, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def finish(*arguments, **options):
    process = begin(*arguments, **options)
    output, errors = process.communicate(timeout=600)
    return process.returncode, output, errors


@pytest.fixture(scope="module")
def undisturbed(clips, tmp_path_factory):
    """Makes a run of a kind that nobody kills, and the seconds of its parts; each kind once."""

    @functools.cache
    def make(kind):
        folder = tmp_path_factory.mktemp("undisturbed") / "out"
        status, _, errors = finish(*clips, *SHORT, *KINDS[kind], "-o", folder)
        assert status == 0, errors
        return folder, json.loads((folder / "run.json").read_text())["seconds"]

    return make


def kill_and_resume(kills, kind, clips, undisturbed, out, seed):
    """Kill a run `kills` times, going on each time with what is there; then let it end and compare."""
    expected, seconds = undisturbed(kind)
    begin_anew = [*clips, *SHORT, *KINDS[kind], "-o", out]
    moments = random.Random(seed)
    rounds_seen = []
    # What was measured with a cold cache or on a busy machine is too long: then runs end before they are killed.
    hurry = 1.0
    while len(rounds_seen) < kills:
        resumable = (out / "run.h5").exists()
        done = len(Archive.read(out / "run.h5").rounds) if resumable else 0
        if done == ROUNDS:
            for file in out.iterdir():  # begin again, so that the kills that are left hit something
                file.unlink()
            resumable, done = False, 0
        process = begin(*(["--resume", out] if resumable else begin_anew))
        # Half of them while it starts and compiles, half while it descends and writes its results.
        if moments.random() < 0.5:
            time.sleep(hurry * moments.uniform(0, seconds["total"] - seconds["descent"]))
        else:
            for line in process.stdout:
                if line.startswith("Descending"):
                    break
            left = seconds["descent"] * (1 - done / ROUNDS) + seconds["results"]
            time.sleep(hurry * moments.uniform(0, left))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if process.returncode != -signal.SIGKILL:
            hurry /= 2
        else:
            rounds_seen.append(len(Archive.read(out / "run.h5").rounds) if (out / "run.h5").exists() else 0)
    resumable = (out / "run.h5").exists()
    status, _, errors = finish(*(["--resume", out] if resumable else begin_anew))
    assert status == 0, errors
    ours, theirs = Archive.read(out / "run.h5"), Archive.read(expected / "run.h5")
    assert len(ours.rounds) == len(theirs.rounds) == ROUNDS
    for one, other in zip(ours.rounds, theirs.rounds, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        assert (one.total, one.evaluations, one.message) == (other.total, other.evaluations, other.message)
    # Nothing unfinished and no round's own file is left, and what there is has the same bytes.
    assert sorted(os.listdir(out)) == sorted(os.listdir(expected))
    for path in expected.iterdir():
        if path.suffix in (".wav", ".png"):
            assert (out / path.name).read_bytes() == path.read_bytes(), path.name
    return rounds_seen


@pytest.mark.parametrize(
    "kind", ["mel", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("memory", "two loops", "tiles"))]
)
def test_two_kills_change_nothing(kind, clips, undisturbed, tmp_path):
    kill_and_resume(2, kind, clips, undisturbed, tmp_path / "out", seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_sixteen_kills_change_nothing(kind, clips, undisturbed, tmp_path):
    seen = kill_and_resume(16, kind, clips, undisturbed, tmp_path / "out", seed=len(kind))
    print(f"{kind}: {len(seen)} kills, no bit wrong; finished rounds after each: {seen}")
    assert len(set(seen)) > 2, f"the kills hit too few different moments: {seen}"


def limited(size):
    """Let a process write files of at most `size` bytes, as a full disk or ``ulimit -f`` would."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def test_no_room_is_found_before_the_long_part(clips, tmp_path):
    status, output, errors = finish(*clips, *SHORT, "-o", tmp_path / "out", preexec_fn=limited(2**20))
    assert status in (1, 2)
    assert "Descending" not in output
    assert errors.splitlines()[-1].startswith("audiostyle: ")
    assert "Traceback" not in errors
    assert not (tmp_path / "out").exists()


def test_a_folder_that_vanishes_is_a_sentence(clips, tmp_path):
    out = tmp_path / "out"
    process = begin(*clips, *SHORT, "-o", out)
    for line in process.stdout:
        if line.startswith("round 1/"):
            break
    out.rename(tmp_path / "moved")
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 1, errors
    assert errors.splitlines()[-1].startswith("audiostyle: ")
    assert "Traceback" not in errors
    assert len(Archive.read(tmp_path / "moved" / "run.h5").rounds) >= 1


def test_a_second_run_in_the_same_folder_refuses(clips, tmp_path):
    out = tmp_path / "out"
    first = begin(*clips, *SHORT, "-o", out)
    for line in first.stdout:
        if line.startswith("Building"):
            break
    status, _, errors = finish(*clips, *SHORT, "-o", out, "--overwrite")
    assert status == 2
    assert "Another run" in errors.splitlines()[-1]
    first.kill()
    first.communicate()
    status, _, errors = finish(*clips, *SHORT, "--iterations", "2", "-o", out, "--overwrite")
    assert status == 0, errors

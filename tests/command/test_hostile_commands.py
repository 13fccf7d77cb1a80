"""What a user can get wrong on the command line: one sentence on stderr, exit status 2, nothing left behind."""

import hashlib
import os
import struct
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile

from audiostyle.command.main import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with two good clips of a second, some bad ones, bad weights and bad archives; the working folder."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.RandomState(0).uniform(-0.5, 0.5, 22050)
    for name in ("a.wav", "b.wav", "-dash.wav", "with space.wav", "new\nline.wav", "quote'\".wav"):
        soundfile.write(name, noise, 22050, subtype="PCM_16")
    soundfile.write(os.fsencode("caf\udce9.wav"), noise, 22050, format="WAV")
    Path("text.wav").write_text("this is not a sound\n" * 100)
    Path("empty.wav").touch()
    soundfile.write("silent.wav", np.zeros(22050), 22050)
    soundfile.write("nan.wav", np.where(np.arange(22050) == 9, np.nan, noise), 22050, subtype="FLOAT")
    Path("folder.wav").mkdir()
    os.mkfifo("pipe.wav")
    os.symlink("loop.wav", "loop.wav")
    data = Path("a.wav").read_bytes()
    Path("cut.wav").write_bytes(data[:30])
    Path("liar.wav").write_bytes(data[:40] + struct.pack("<I", 3 * 3600 * 44100) + data[44:2044])
    Path("text.pkl").write_text("<!DOCTYPE html><html>404</html>")
    Path("pickle.pkl").write_bytes(b"cos\nsystem\n(S'touch executed'\ntR.")
    Path("empty.pkl").touch()
    np.savez("shapes.npz", *[np.zeros((2, 2), "float32")] * 32)
    Path("file").touch()
    for name in ("cut", "other", "newer", "text", "older"):
        Path(name).mkdir()
    with h5py.File("other/run.h5", "w") as file:
        file["something"] = 1
    with h5py.File("newer/run.h5", "w") as file:
        file.attrs["schema"] = 99
    Path("cut/run.h5").write_bytes(Path("other/run.h5").read_bytes()[:200])
    Path("text/run.h5").write_text("not HDF5")
    header = b'{"schema": 1}'
    seal = hashlib.sha256(header).hexdigest().encode()
    Path("older/run.h5").write_bytes((b"AudioStyle run archive\n" + header + b"\n" + seal + b"\n").ljust(20_000, b"\0"))
    return tmp_path


TWO = ["a.wav", "b.wav", "--duration", "0.5", "--weights", "random"]
# Arguments, and what the sentence must name.
CASES = {
    "no clip": ([], "Two clips"),
    "one clip": (["a.wav"], "Two clips"),
    "three clips": (["a.wav", "b.wav", "c.wav"], "c.wav"),
    "missing content": (["x.wav", "b.wav"], "x.wav"),
    "missing style": (["a.wav", "x.wav"], "x.wav"),
    "empty name": (["", "b.wav"], "''"),
    "text": (["text.wav", *TWO[1:]], "text.wav"),
    "empty": (["empty.wav", *TWO[1:]], "empty"),
    "silent": (["silent.wav", *TWO[1:]], "no sound"),
    "NaN": (["nan.wav", *TWO[1:]], "not finite"),
    "folder": (["folder.wav", *TWO[1:]], "folder"),
    "pipe": (["pipe.wav", *TWO[1:]], "pipe"),
    "loop": (["loop.wav", *TWO[1:]], "loop.wav"),
    "cut header": (["cut.wav", *TWO[1:]], "not a sound"),
    "lying header": (["liar.wav", *TWO[1:]], "liar.wav"),
    "text as style": (["a.wav", "text.wav", *TWO[2:]], "text.wav"),
    "silent style": (["a.wav", "silent.wav", *TWO[2:]], "no sound"),
    "shorter than asked": (["a.wav", "b.wav", "--weights", "random"], "--duration"),
    "offset past the end": ([*TWO, "--offset-style", "0.9"], "b.wav"),
    "two seconds of one": ([*TWO[:2], "--duration", "2", "--weights", "random"], "--duration 1"),
    "duration 0": ([*TWO, "--duration", "0"], "duration"),
    "duration -1": ([*TWO, "--duration", "-1"], "duration"),
    "duration nan": ([*TWO, "--duration", "nan"], "duration"),
    "duration inf": ([*TWO, "--duration", "inf"], "duration"),
    "duration 1e300": ([*TWO, "--duration", "1e300"], "duration"),
    "duration word": ([*TWO, "--duration", "ten"], "'ten'"),
    "duration nothing": ([*TWO, "--duration", ""], "duration"),
    "iterations -1": ([*TWO, "--iterations", "-1"], "iterations"),
    "iterations half": ([*TWO, "--iterations", "2.5"], "2.5"),
    "iterations huge": ([*TWO, "--iterations", "9" * 400], "iterations"),
    "evaluations 0": ([*TWO, "--max-evaluations", "0"], "max_evaluations"),
    "weight negative": ([*TWO, "--content-weight", "-1"], "content_weight"),
    "weight nan": ([*TWO, "--row-weight", "nan"], "row_weight"),
    "weight inf": ([*TWO, "--style-weight", "inf"], "style_weight"),
    "seed negative": ([*TWO, "--seed", "-1"], "seed"),
    "seed too large": ([*TWO, "--seed", "4294967296"], "seed"),
    "threads negative": ([*TWO, "--threads", "-3"], "threads"),
    "threads huge": ([*TWO, "--threads", "1000000"], "threads"),
    "offset negative": ([*TWO, "--offset-content", "-0.1"], "offset_content"),
    "unknown option": ([*TWO, "--loudness", "3"], "--loudness"),
    "unknown preset": ([*TWO, "--preset", "best"], "best"),
    "unknown layer": ([*TWO, "--ac-layers", "conv9_9"], "conv9_9"),
    "layer twice": ([*TWO, "--ac-layers", "input,input"], "ac_layers"),
    "layer weights": ([*TWO, "--ac-layers", "input,conv1_1", "--ac-layer-weights", "1"], "ac_layer_weights"),
    "unknown setting": ([*TWO, "--set", "volume=11"], "volume"),
    "setting without value": ([*TWO, "--set", "pooling"], "NAME=VALUE"),
    "setting of another kind": ([*TWO, "--set", "pooling=mean"], "average"),
    "filters too high": ([*TWO, "--set", "mel_fmax=30000"], "mel_fmax"),
    "odd window": ([*TWO, "--set", "n_fft=1022"], "n_fft"),
    "unknown device": ([*TWO, "--device", "tpu"], "tpu"),
    "unknown convolution": ([*TWO, "--convolution", "fft"], "fft"),
    "cpu and cuda": ([*TWO, "--cpu", "--device", "cuda"], "contradict"),
    "spec and mel": ([*TWO, "--spec", "--representation", "mel"], "contradict"),
    "all weights 0": ([*TWO, "--content-weight", "0", "--style-weight", "0", "--tv-weight", "0"], "weight"),
    "image too small": ([*TWO[:2], "--duration", "0.2", "--weights", "random"], "duration"),
    "weights missing": ([*TWO[:4], "--weights", "none.pkl"], "none.pkl"),
    "weights a web page": ([*TWO[:4], "--weights", "text.pkl"], "text.pkl"),
    "weights empty": ([*TWO[:4], "--weights", "empty.pkl"], "empty.pkl"),
    "weights a folder": ([*TWO[:4], "--weights", "folder.wav"], "folder.wav"),
    "weights of the wrong shape": ([*TWO[:4], "--weights", "shapes.npz"], "shapes.npz"),
    "weights that execute": ([*TWO[:4], "--weights", "pickle.pkl"], "pickle.pkl"),
    "output a file": ([*TWO, "-o", "file"], "file"),
    "output below a file": ([*TWO, "-o", "file/out"], "file"),
    "output in /proc": ([*TWO, "-o", "/proc/out"], "'/proc' takes no new folders"),
    "seeds huge": ([*TWO, "--seeds", "9" * 5000], "--seeds"),
    "no round": ([*TWO, "--iterations", "1"], "No round would be run"),
    "endless style": (["a.wav", "/dev/zero", *TWO[2:]], "/dev/zero"),
    "resume nowhere": (["--resume", "nowhere"], "nowhere"),
    "resume without a run": (["--resume", "folder.wav"], "folder.wav"),
    "resume a cut archive": (["--resume", "cut"], "cut"),
    "resume another HDF5": (["--resume", "other"], "other"),
    "resume a newer archive": (["--resume", "newer"], "newer"),
    "resume text": (["--resume", "text"], "text"),
    "resume an older archive": (["--resume", "older"], "use the version that made it"),
    "resume elsewhere": (["--resume", "cut", "-o", "else"], "--resume and -o contradict"),
    "resume and overwrite": (["--resume", "cut", "--overwrite"], "contradict"),
    "resume and start from": (["--resume", "cut", "--start-from", "cut"], "--resume and --start-from contradict"),
    "start from nowhere": ([*TWO, "--start-from", "nowhere"], "nowhere"),
    "start from text": ([*TWO, "--start-from", "text"], "text"),
}


def everything(folder):
    return sorted(os.fsencode(path) for path in folder.rglob("*"))


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_and_nothing_left(case, here, capsys):
    arguments, named = CASES[case]
    before = everything(here)
    status = main(["transfer", *arguments])
    shown = capsys.readouterr()
    message = shown.err.splitlines()[-1]
    assert status == 2, shown.err
    assert message.startswith("audiostyle: ")
    assert named in message
    assert len(shown.err.splitlines()) == 1 + shown.err.count("The weights are random"), shown.err
    assert message.endswith((".", "?"))
    assert everything(here) == before
    assert not Path("executed").exists()


def test_there_are_sixty():
    assert len(CASES) >= 60


def real(*arguments, **options):
    return subprocess.run(
        [sys.executable, os.fspath(ROOT / "run_transfer.py"), *arguments],
        capture_output=True, text=True, errors="backslashreplace", timeout=120, check=False, **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    "name", ["with space.wav", "new\nline.wav", "quote'\".wav", b"caf\xe9.wav", "./-dash.wav", "x\x1b[31m.wav"]
)
def test_odd_names_in_messages_stay_one_line(name, here):
    done = real(name, "b.wav", "--duration", "2", "--weights", "random")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "\x1b" not in done.stderr


def test_memory_stays_bounded(here):
    """A header that promises three hours, in a process that may not have a gigabyte more."""
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, 3 * 2**30))

    done = real(
        "liar.wav", "b.wav", "--weights", "random", preexec_fn=limit, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unreadable_and_an_unwritable_folder(here):
    if os.geteuid() == 0:
        pytest.skip("root may read and write everything")
    Path("a.wav").chmod(0)
    assert real(*TWO).returncode == 2
    Path("a.wav").chmod(0o600)
    Path("cut").chmod(0o500)
    done = real(*TWO, "-o", "cut/out")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1

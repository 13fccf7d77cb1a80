"""The real command line on short clips: what a run leaves, how it ends, how it goes on."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile

from audiostyle.command.main import main
from audiostyle.demo.clips import write_clips

ROOT = Path(__file__).resolve().parents[2]
SHORT = ["--duration", "0.6", "--max-evaluations", "3", "--rowac", "--colac", "--weights", "random"]
FILES = {
    "output.wav",
    "mel.png",
    "spectrogram.png",
    "row_autocorrelation.png",
    "column_autocorrelation.png",
    "losses.png",
    "losses.csv",
    "index.html",
    "run.json",
    "run.h5",
}


def command(*arguments):
    return [sys.executable, str(ROOT / "run_transfer.py"), *map(str, arguments)]


def run(*arguments, **options):
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=600, check=False, **options)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"), 1.0)


@pytest.fixture(scope="module")
def finished(clips, tmp_path_factory):
    """A whole run of three rounds."""
    folder = tmp_path_factory.mktemp("runs") / "a folder with spaces" / "out"
    done = run(*clips, *SHORT, "--iterations", "4", "--seed", "5", "-o", folder)
    assert done.returncode == 0, done.stderr
    return folder, done


def images(folder):
    with h5py.File(folder / "run.h5") as file:
        return file["images"][:]


def test_every_result_is_there_and_whole(finished):
    folder, done = finished
    assert set(os.listdir(folder)) == FILES
    for name in FILES:
        assert (folder / name).stat().st_size > 200
        if name.endswith(".png"):
            assert (folder / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
            assert (folder / name).read_bytes()[-8:-4] == b"IEND"
    samples, rate = soundfile.read(folder / "output.wav", dtype="int16")
    assert rate == 22050
    assert samples.min() == -32768  # T13
    assert abs(len(samples) / rate - 0.6) < 0.15
    assert done.stderr.count("\n") <= 2, done.stderr
    said = done.stdout.splitlines()
    at = [next(i for i, line in enumerate(said) if words in line) for words in (
        "Building the network", "and then the pictures and the sound", "Drawing the losses", "Drawing the auto",
        "Making 0.6 s of sound by 20 estimates")]  # fmt: skip
    assert at == sorted(at)
    assert "output.wav" in done.stdout.splitlines()[-1]


def test_every_evaluation_is_in_the_table(finished):
    folder, _ = finished
    with open(folder / "losses.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    record = json.loads((folder / "run.json").read_text())
    assert len(rows) == sum(one["evaluations"] for one in record["rounds"]) >= 9
    assert [int(row["evaluation"]) for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        parts = [
            float(value)
            for name, value in row.items()
            if name.startswith(("content", "style", "total_", "row_", "col"))
        ]
        assert len(parts) == 9
        np.testing.assert_allclose(sum(parts), float(row["total"]), rtol=1e-12)
    assert float(rows[-1]["total"]) < float(rows[0]["total"])


def test_the_record_says_how_it_was_made(finished, clips):
    folder, _ = finished
    record = json.loads((folder / "run.json").read_text())
    assert record["state"] == "finished"
    assert record["seed"] == record["settings"]["seed"] == 5
    assert record["settings"]["rowac"] is True
    assert record["settings"]["iterations"] == 4
    assert len(record["rounds"]) == 3  # D5
    assert all(one["message"] for one in record["rounds"])
    for role, path in zip(("content", "style"), clips, strict=True):
        import hashlib

        assert record["inputs"][role]["sha256"] == hashlib.sha256(Path(path).read_bytes()).hexdigest()
    assert len(record["weights"]["sha256"]) == 64
    assert record["machine"]["device"] == "cpu"
    assert "openblas" in record["machine"]["blas"]
    assert {"numpy", "scipy", "theano", "lasagne", "python"} <= set(record["versions"])
    assert record["seconds_per_evaluation"] > 0
    assert record["peak_memory_bytes"] > 10**8
    assert record["command_line"][-2:] == ["-o", str(folder)]


def test_a_run_is_not_replaced_unasked(finished, clips):
    folder, _ = finished
    before = {name: (folder / name).stat().st_mtime_ns for name in FILES}
    refused = run(*clips, *SHORT, "-o", folder)
    assert refused.returncode == 2
    assert "--overwrite" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert {name: (folder / name).stat().st_mtime_ns for name in FILES} == before


def test_resume_goes_on_bit_for_bit(finished, clips, tmp_path):
    """T16: the image is the whole state between rounds."""
    folder, _ = finished
    out = tmp_path / "out"
    first = run(*clips, *SHORT, "--iterations", "2", "--seed", "5", "-o", out)
    assert first.returncode == 0, first.stderr
    other = run("--resume", out, "--seed", "6")
    assert other.returncode == 2
    assert "seed 5 (not 6)" in other.stderr.splitlines()[-1]
    on = run("--resume", out, "--iterations", "4")
    assert on.returncode == 0, on.stderr
    np.testing.assert_array_equal(images(out), images(folder))
    assert (out / "output.wav").read_bytes() == (folder / "output.wav").read_bytes()
    assert (out / "mel.png").read_bytes() == (folder / "mel.png").read_bytes()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_interrupted_runs_keep_what_there_is(number, status, finished, clips, tmp_path):
    out = tmp_path / "out"
    process = subprocess.Popen(
        command(*clips, *SHORT, "--iterations", "4", "--seed", "5", "-o", out),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    for line in process.stdout:
        if line.startswith("round 1/3"):
            break
    process.send_signal(number)
    rest, errors = process.communicate(timeout=300)
    if "round 3/3" in rest:
        pytest.skip("the run was over before the signal came")
    assert process.returncode == status, errors
    assert "The run stops after this evaluation" in errors
    assert "--resume" in errors
    assert set(os.listdir(out)) == FILES
    record = json.loads((out / "run.json").read_text())
    assert record["state"] == "interrupted"
    kept = images(out)
    assert 1 <= len(kept) < 3
    np.testing.assert_array_equal(kept, images(finished[0])[: len(kept)])
    on = run("--resume", out)
    assert on.returncode == 0, on.stderr
    np.testing.assert_array_equal(images(out), images(finished[0]))


def test_interrupted_before_the_descent_leaves_nothing_half_made(clips, tmp_path):
    out = tmp_path / "out"
    process = subprocess.Popen(
        command(*clips, *SHORT, "-o", out),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background has it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    for line in process.stdout:
        if line.startswith("Building"):
            break
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert not out.exists() or set(os.listdir(out)) <= {"run.h5"}


def test_spectrogram_mode(clips, tmp_path):
    out = tmp_path / "out"
    arguments = ["--spec", "--duration", "0.4", "--iterations", "2", "--max-evaluations", "1", "--weights", "random"]
    done = run(*clips, *arguments, "-o", out, "--quiet")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert set(os.listdir(out)) == FILES - {"mel.png"}


def test_help_and_settings_need_nothing():
    for arguments in (["--help"], ["--list-settings"]):
        shown = run(*arguments)
        assert shown.returncode == 0
        assert "0.001" in shown.stdout
    assert "content_weight = 0.001" in shown.stdout


def test_a_run_that_keeps_its_memory_is_resumed_to_the_bit(clips, tmp_path):
    """Preset listening: from the content's picture, with L-BFGS's memory over the rounds."""
    options = [*SHORT[:4], "--weights", "random", "--preset", "listening", "--set", "inversion_iterations=5"]
    whole = run(*clips, *options, "--iterations", "4", "-o", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    first = run(*clips, *options, "--iterations", "3", "-o", tmp_path / "cut", "--quiet")
    assert first.returncode == 0, first.stderr
    again = run("--resume", tmp_path / "cut", "--iterations", "4", "--quiet")
    assert again.returncode == 0, again.stderr
    np.testing.assert_array_equal(images(tmp_path / "cut"), images(tmp_path / "whole"))
    assert (tmp_path / "cut" / "output.wav").read_bytes() == (tmp_path / "whole" / "output.wav").read_bytes()
    recorded = json.loads((tmp_path / "whole" / "run.json").read_text())
    assert "stuck_row_index_db" in recorded
    # A run from that one's picture begins where it ended.
    third = run(*clips, *options, "--iterations", "2", "--start-from", tmp_path / "whole", "-o", tmp_path / "third")
    assert third.returncode == 0, third.stderr
    with h5py.File(tmp_path / "third" / "run.h5") as file:
        np.testing.assert_array_equal(file["start_image"][0], images(tmp_path / "whole")[-1])
    assert "start" in json.loads((tmp_path / "third" / "run.json").read_text())["inputs"]


class TestRender:
    """``audiostyle render``, of the finished run of three rounds."""

    def test_the_last_round_as_it_was_is_the_result(self, finished, tmp_path, capfd):
        folder, _ = finished
        assert main(["render", str(folder), "-o", str(tmp_path / "again.wav")]) == 0
        assert (tmp_path / "again.wav").read_bytes() == (folder / "output.wav").read_bytes()
        assert str(tmp_path / "again.wav") in capfd.readouterr().out

    def test_the_file_s_name_says_the_form(self, finished, tmp_path, capfd):
        render = ["render", str(finished[0]), "--preset", "corrected", "--set", "inversion_iterations=1", "-o"]
        assert main([*render, str(tmp_path / "a.OGG")]) == 0
        assert soundfile.info(str(tmp_path / "a.OGG")).format == "OGG"
        assert main([*render, str(tmp_path / "b.wav"), "--set", "output_format=wav24"]) == 0
        assert soundfile.info(str(tmp_path / "b.wav")).subtype == "PCM_24"
        assert main([*render, str(tmp_path / "c.mp3")]) == 2
        assert main([*render, str(tmp_path / "c.flac"), "--set", "output_format=wav24"]) == 2
        said = capfd.readouterr().err
        assert "its name must end in one of .wav, .flac, .ogg" in said
        assert "but the output_format asked for is wav24" in said
        assert len(os.listdir(tmp_path)) == 2

    def test_another_round_another_inversion_another_form(self, finished, tmp_path):
        copy = tmp_path / "copy"
        shutil.copytree(finished[0], copy)
        assert main(["render", str(copy), "--round", "1"]) == 0
        assert main(["render", str(copy), "--round", "0", "--preset", "corrected", "--set", "output_format=flac"]) == 0
        first = (copy / "round_1.wav").read_bytes()
        assert first != (copy / "output.wav").read_bytes()
        assert soundfile.info(str(copy / "round_0.flac")).format == "FLAC"
        # A run that replaces this one leaves alone what is not its own.
        assert {"round_1.wav", "round_0.flac"} == set(os.listdir(copy)) - FILES

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--round", "4"], "no round 4; give one from 0"),
            (["--round", "two"], "--round was given 'two'"),
            (["--set", "n_mels=40"], "n_mels cannot be changed any more"),
            (["--set", "inversion"], "takes NAME=VALUE"),
            (["--content", __file__], "is not the content"),
            (["--style", "/no/such/clip.wav"], "is not there any more"),
        ],
    )
    def test_what_cannot_be_rendered_is_refused(self, finished, tmp_path, capfd, arguments, said):
        assert main(["render", str(finished[0]), "-o", str(tmp_path / "x.wav"), *arguments]) == 2
        assert said in capfd.readouterr().err
        assert not os.listdir(tmp_path)

    def test_clips_that_were_moved_are_named(self, clips, tmp_path, capfd):
        moved = [tmp_path / name for name in ("a.wav", "b.wav")]
        for old, new in zip(clips, moved, strict=True):
            shutil.copy(old, new)
        arguments = [*SHORT, "--iterations", "2", "-o", str(tmp_path / "out"), "--quiet"]
        assert main(["transfer", *map(str, moved), *arguments]) == 0
        moved[0].unlink()
        assert main(["render", str(tmp_path / "out")]) == 2
        assert "--content FILE" in capfd.readouterr().err
        assert main(["render", str(tmp_path / "out"), "--content", str(clips[0])]) == 0


def test_several_seeds_name_the_best_and_are_not_run_twice(clips, tmp_path, capfd):
    command_line = ["transfer", *map(str, clips), *SHORT, "--iterations", "2", "--seeds", "2", "-o", str(tmp_path)]
    assert main(command_line) == 0
    said = capfd.readouterr().out
    with open(tmp_path / "seeds.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["seed"] for row in rows] == ["0", "1"]
    losses = [json.loads((tmp_path / row["folder"] / "run.json").read_text())["last_loss"]["total"] for row in rows]
    assert [float(row["loss"]) for row in rows] == losses
    assert losses[0] != losses[1]
    best = min(range(2), key=lambda seed: (int(rows[seed]["stuck_rows"]), losses[seed]))
    assert f"Best is seed {best}" in said
    # A seed alone has the same bits as among others, whose objective it shares.
    alone = tmp_path / "alone"
    assert main([*command_line[:-4], "--seed", "1", "-o", str(alone), "--quiet"]) == 0
    np.testing.assert_array_equal(images(alone), images(tmp_path / "seed_1"))
    before = (tmp_path / "seed_1" / "run.h5").stat().st_mtime_ns
    assert main(command_line) == 0
    assert "Seed 1 is finished" in capfd.readouterr().out
    assert (tmp_path / "seed_1" / "run.h5").stat().st_mtime_ns == before
    for wrong in (["--seeds", "0"], ["--resume", str(alone), "--seeds", "2"]):
        assert main(["transfer", *map(str, clips), *wrong]) == 2


def test_the_page_of_a_run_shows_what_is_beside_it(finished):
    page = (finished[0] / "index.html").read_text()
    shown = {name for name in FILES if f'src="{name}"' in page}
    assert shown == {name for name in FILES if name.endswith((".png", ".wav"))}
    assert page.count("data:audio/mpeg;base64,") == 2
    assert "seed 5" in page
    assert "http" not in page

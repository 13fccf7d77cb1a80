"""The command line: mistakes are sentences before anything is done, and the real thing runs and goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from audiostyle.command.main import main

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "are not in this folder"),
        (["--content", "a.wav"], "--content was given, and --style?"),
        (["--style", "b.wav"], "--style was given, and --content?"),
        (["--content", "a.wav", "--style", "b.wav"], "no file 'a.wav'"),
        (["--demo", "--content", "a.wav"], "--demo makes its own clips"),
        (["--demo", "--only", "3e"], "some of 3a, 3b, 3c, 3d"),
        (["--demo", "--only", ","], "some of 3a, 3b, 3c, 3d"),
        (["--demo", "--rowac"], "decide about --spec"),
        (["--demo", "--duration", "1"], "--duration 1.1 or more"),
        (["--demo", "--representation", "spectrogram"], "Only 3a is about spectrograms"),
        (["--demo", "--weights", "none.pkl"], "none.pkl"),
        (["--demo", "-o", "file"], "not a folder"),
        (["--demo", "-o", "run"], "already holds a run"),
    ],
)
def test_mistakes_are_sentences(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").touch()
    assert main(["reproduce", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error


def test_help_leaves_out_what_the_experiments_decide(capsys):
    assert main(["reproduce", "--help"]) == 0
    said = capsys.readouterr().out
    assert not [option for option in ("--spec", "--rowac", "--colac") if f"{option} " in said]
    assert "--row-weight" in said
    assert main(["transfer", "--help"]) == 0
    assert "--rowac" in capsys.readouterr().out


def test_the_papers_clips_are_found_here(tmp_path, monkeypatch, capsys):
    from audiostyle.command import reproduce

    monkeypatch.chdir(tmp_path)
    for name in ("rock.00017.wav", "reggae07.wav"):
        (tmp_path / name).touch()
    parser = reproduce.argparse.Namespace(content=None, style=None)
    assert reproduce._clips(parser) == ("rock.00017.wav", "reggae07.wav")


def command(folder, *more):
    short = ["--demo", "--duration", "1.2", "--iterations", "4", "--max-evaluations", "3"]
    return [sys.executable, "-m", "audiostyle", "reproduce", *short, "-o", str(folder), *more]


@pytest.mark.slow
def test_interrupted_gone_on_with_and_skipped(tmp_path):
    folder = tmp_path / "out"
    process = subprocess.Popen(command(folder, "--only", "3b,3d"), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("round 1/3"):
            process.send_signal(signal.SIGINT)
            break
    process.communicate(timeout=300)
    assert process.returncode in (130, 0)
    assert not (folder / "report.html").exists() or process.returncode == 0
    done = subprocess.run(command(folder, "--only", "3b,3d", "--stages"), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (folder / "3b" / "stages.h5").stat().st_size > 10**5
    written = os.stat(folder / "3d" / "output.wav").st_mtime_ns
    started = time.time_ns()
    done = subprocess.run(command(folder), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "3b is finished" in done.stdout
    assert "3d is finished" in done.stdout
    assert os.stat(folder / "3d" / "output.wav").st_mtime_ns == written < started
    document = json.loads((folder / "results.json").read_text())
    assert list(document["experiments"]) == ["3a", "3b", "3c", "3d"]
    assert document["experiments"]["3d"]["last_loss"]["column_autocorrelation"] > 0

"""Closed, full and broken standard streams end nothing and show no traceback; what is shown steers no terminal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from audiostyle.command.main import main
from audiostyle.command.terminal import Unheeded, counted, printable, tell
from audiostyle.demo.clips import write_clips

ROOT = Path(__file__).resolve().parents[2]
AUDIOSTYLE = f"'{sys.executable}' -m audiostyle"


def shell(command):
    return subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )  # fmt: skip


def test_what_steers_a_terminal_is_escaped():
    assert printable("a\x1b[31mb\nc\rd\x9be\u202ef") == r"a\x1b[31mb\nc\rd\x9be\u202ef"
    assert printable("Dvořák – ночь.wav") == "Dvořák – ночь.wav"


def test_numbers_have_their_plurals():
    assert [counted(number, "round") for number in (0, 1, 2)] == ["0 rounds", "1 round", "2 rounds"]


def test_no_sentence_forges_another(tmp_path, capsys):
    assert main(["transfer", "--resume", f"{tmp_path}/x\naudiostyle: All is well.\x1b[8m"]) == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert "\x1b" not in shown


def test_telling_nobody_is_no_error(capfd):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as stream:
        for _ in range(3):
            tell("somebody there?", stream=stream)
            print("and this, for a progress bar", file=Unheeded(stream), flush=True)
    with open("/dev/full", "w") as stream:
        tell("x" * 100_000, stream=stream)
    tell("and a stream that is closed", stream=stream)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("command", "status", "words"),
    [
        ("transfer --list-settings >&-", 0, ""),
        ("transfer --list-settings 2>&-", 0, ""),
        ("transfer --list-settings <&- >&- 2>&-", 0, ""),
        ("transfer --list-settings > /dev/full", 1, "The output could not be written: the disk is full"),
        ("transfer --list-settings > /dev/full 2>&1", 1, ""),
        ("--version > /dev/full", 1, "The output could not be written"),
        ("transfer none none 2>&-", 2, ""),
        ("transfer none none 2> /dev/full", 2, ""),
        ("transfer none none >&-", 2, "There is no file"),
        ("transfer --list-settings | true; exit ${PIPESTATUS[0]}", None, ""),
    ],
)
def test_streams_that_fail(command, status, words):
    done = shell(f"{AUDIOSTYLE} {command}")
    assert done.returncode in ((0, 1) if status is None else (status,)), done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.stderr.count("\n") <= 1


def test_a_run_that_nobody_hears_goes_on(tmp_path):
    clips = " ".join(f"'{path}'" for path in write_clips(tmp_path, 1.0))
    short = "--duration 0.5 --max-evaluations 2 --iterations 3 --weights random"
    for number, streams in enumerate((">&- 2>&-", "> /dev/full 2>/dev/full", "2>&1 | true; exit ${PIPESTATUS[0]}")):
        done = shell(f"{AUDIOSTYLE} transfer {clips} {short} -o '{tmp_path / str(number)}' {streams}")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert (tmp_path / str(number) / "run.json").exists()
    sounds = {(tmp_path / str(number) / "output.wav").read_bytes() for number in range(3)}
    assert len(sounds) == 1

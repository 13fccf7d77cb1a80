"""What comes from files, names and settings reaches a terminal with its control characters escaped."""

import argparse
import ast
import errno
import json
import sys
from collections import OrderedDict
from pathlib import Path

import pytest

import audiostyle.command
from audiostyle.command import evaluate, reproduce, stages
from audiostyle.command.terminal import show, show_state
from audiostyle.errors import InputError
from audiostyle.settings import Settings
from audiostyle.study.evaluate import all_metrics
from audiostyle.study.evaluate.measured_files import Measurements, Row
from audiostyle.study.reproduce.document import _machine

COMMANDS = Path(audiostyle.command.__file__).parent
HOSTILE = "x\x1b[2Jy\nAll is well.\x9b\u202e"
# Where print() gets nothing of a stranger's, or what a program reads: help, a completion script, JSON and CSV.
PRINTING = {"terminal.py": 1, "options.py": 1, "completion.py": 1, "compare.py": 1, "evaluate.py": 1}


def test_commands_print_through_one_door():
    found = {}
    for path in sorted(COMMANDS.glob("*.py")):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        prints = sum(isinstance(call.func, ast.Name) and call.func.id == "print" for call in calls)
        if prints:
            found[path.name] = prints
    assert found == PRINTING, "print by show or tell of command/terminal.py, which escape"


def escaped(text):
    return not any(character in text for character in "\x1b\x9b\u202e") and "\nAll is well" not in text


def terminal(monkeypatch, there=True):
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: there)


def test_lines_and_states(monkeypatch, capsys):
    terminal(monkeypatch)
    show(HOSTILE, "Dvořák")
    show_state(HOSTILE)
    shown = capsys.readouterr()
    assert escaped(shown.out)
    assert shown.out.endswith("\nDvořák\n")
    assert escaped(shown.err.removeprefix("\r\033[K"))
    terminal(monkeypatch, False)
    show_state(HOSTILE)
    assert capsys.readouterr().err == ""


def test_lines_that_were_asked_for_must_be_written(monkeypatch):
    class Full:
        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    with pytest.raises(OSError, match="No space"):
        show("the weights' form")


@pytest.mark.parametrize("option", [[], ["--csv", "-"], ["--json", "-"]])
def test_evaluate(option, monkeypatch, capsys):
    schema = json.loads((Path(all_metrics.__file__).parent / "schema.json").read_text())
    names = schema["$defs"]["sound"]["properties"]["metrics"]["required"]
    scores = OrderedDict(rhythm=OrderedDict.fromkeys(names, 1.0))
    rows = [Row(name, name, HOSTILE, 1.0, "", scores) for name in ("content", "style")]
    measured = Measurements(Settings(), (*rows, Row(HOSTILE, "output", HOSTILE, 1.0, HOSTILE, scores)))

    def measure(*args, progress, **options):
        progress(HOSTILE)
        return measured

    monkeypatch.setattr("audiostyle.study.evaluate.pair_sets.evaluate_files", measure)
    terminal(monkeypatch)
    parser = argparse.ArgumentParser()
    evaluate.add_parser(parser.add_subparsers())
    assert evaluate.run(parser.parse_args(["evaluate", "a", "b", HOSTILE, *option])) == 0
    shown = capsys.readouterr()
    # A name's new line stays one in a quoted cell.
    assert escaped(shown.out.replace("\nAll", "") if "--csv" in option else shown.out)
    assert escaped(shown.err.replace("\r\033[K", ""))
    assert "x" in shown.out
    # For a program the table is what it is.
    terminal(monkeypatch, False)
    evaluate.run(parser.parse_args(["evaluate", "a", "b", HOSTILE, *option]))
    assert (HOSTILE in capsys.readouterr().out) == (option[:1] == ["--csv"])


def test_stages(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("audiostyle.study.stage_recording.write_stages", lambda *arguments: 3)
    parser = argparse.ArgumentParser()
    stages.add_parser(parser.add_subparsers())
    assert stages.run(parser.parse_args(["stages", "a", "b", "-o", f"{tmp_path}/{HOSTILE}"])) == 0
    shown = capsys.readouterr().out
    assert escaped(shown)
    assert shown.startswith("Wrote 3 stages to ")


def test_reproduce(capsys):
    reproduce._say(argparse.Namespace(quiet=False), "", f"Writing {HOSTILE} ...")
    shown = capsys.readouterr().out
    assert escaped(shown)
    assert shown.count("\n") == 2


@pytest.mark.parametrize(
    ("recorded", "published"),
    [
        ("-L/home/me/scipy.libs -l:libopenblasp-r0-41284840.3.18.so", "libopenblasp-r0-41284840.3.18.so"),
        ("-lopenblas  -lm", "openblas m"),
        ("'unclosed -lblas", "blas"),
        ("-l'", ""),
        ('"\\', ""),
        ("-l/home/somebody/secret -L/x", ""),
        ("-l<script>", ""),
        ("", ""),
    ],
)
def test_a_recorded_blas_of_any_text(recorded, published):
    assert _machine({"blas": recorded, "device": "cpu"}) == {"blas": published, "device": "cpu"}


def test_errors_too(capsys):
    from audiostyle.command.main import main

    assert main(["compare", HOSTILE, HOSTILE, "--tolerance-scale", HOSTILE]) == InputError("").exit_status
    assert main(["stages", HOSTILE, HOSTILE, "--set", HOSTILE]) == 2
    assert main(["evaluate", "a", "b", HOSTILE, "--set", HOSTILE]) == 2
    assert main(["reproduce", "--only", HOSTILE]) == 2
    assert main(["weights", "info", HOSTILE]) == 2
    assert escaped(capsys.readouterr().err)

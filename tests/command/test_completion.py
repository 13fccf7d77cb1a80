"""Completion is made by shtab where it is installed, and a sentence where it is not."""

import subprocess
import sys
import types

import pytest

from audiostyle.command.main import main


def test_without_shtab_a_sentence_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["--print-completion", "bash"]) == 2
    assert "pip install shtab" in capsys.readouterr().err


def test_shtab_gets_the_whole_parser(monkeypatch, capsys):
    seen = []
    stand_in = types.ModuleType("shtab")
    stand_in.FILE = {"bash": "files"}
    stand_in.complete = lambda parser, shell: seen.append(parser) or f"script for {shell}"
    monkeypatch.setitem(sys.modules, "shtab", stand_in)
    assert main(["--print-completion", "zsh"]) == 0
    assert capsys.readouterr().out == "script for zsh\n"
    commands = next(action.choices for action in seen[0]._actions if action.dest == "command")
    transfer = {action.dest: action for action in commands["transfer"]._actions}
    assert transfer["content"].complete == stand_in.FILE
    assert not hasattr(transfer["preset"], "complete")
    assert not hasattr(transfer["rowac"], "complete")


@pytest.mark.parametrize(
    ("words", "offered"), [(["audiostyle", "tr"], "transfer"), (["audiostyle", "transfer", "--pre"], "--preset")]
)
def test_bash_completes(words, offered, capsys):
    pytest.importorskip("shtab", reason="an optional package")
    assert main(["--print-completion", "bash"]) == 0
    script = capsys.readouterr().out
    ask = f'COMP_WORDS=({" ".join(words)}); COMP_CWORD={len(words) - 1}; _shtab_audiostyle; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash"], input=f"{script}\n{ask}\n", capture_output=True, text=True, check=True)
    assert done.stdout.split() == [offered]

"""What the command line says of itself: help for whoever types nothing, and a hint for whoever mistypes."""

import pytest

from audiostyle.command.main import main


def test_the_bare_command_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("usage: audiostyle")
    assert "reproduce" in shown.out
    assert shown.err == ""
